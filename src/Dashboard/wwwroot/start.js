// Starts the pages. Reconnecting is patient: while the service restarts, the page stays as it was, says so, and comes back by itself.
import "./browser.js";

const attempts = 1000;

// A service that was restarted knows nothing of the page: it is loaded anew, with the same filters, which stand in its address.
document.getElementById("components-reconnect-modal").addEventListener("components-reconnect-state-changed", (changed) => {
  if (["rejected", "failed", "resume-failed"].includes(changed.detail.state)) location.reload();
});

await Blazor.start({
  circuit: {
    reconnectionOptions: { maxRetries: attempts, retryIntervalMilliseconds: (n) => (n >= attempts ? null : Math.min(200 + n * 200, 3000)) },
  },
});
