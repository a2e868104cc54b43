// What the pages need of the browser itself.
const second = 1000;

// The server's clock minus the browser's, so that durations are right on a machine whose clock is not.
let ahead = 0;

const two = (n) => String(n).padStart(2, "0");

function length(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / second));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days}.${two(hours)}:${two(minutes)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

// Counts every duration on the page; those of a page that is paused stand still.
function tick() {
  const now = Date.now() + ahead;
  for (const element of document.querySelectorAll("time[data-since]")) {
    if (element.closest("[data-paused]")) continue;
    // The text is changed in place: the node is the page's, which may change it, too.
    const shown = element.firstChild;
    const text = length(now - Number(element.dataset.since));
    if (shown && shown.data !== text) shown.data = text;
  }
}

globalThis.presenceLedger = {
  zone: () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? null,
  // Of the browser's language, not the page's: it is that of the viewer's other programs.
  decimalMark: () => ((1.5).toLocaleString(navigator.language, { numberingSystem: "latn" }).includes(",") ? "," : "."),
  // What the server's clock shows.
  now: () => Date.now() + ahead,
  // Tells what the server's clock shows, in milliseconds since 1970.
  serverTime: (milliseconds) => {
    ahead = milliseconds - Date.now();
  },
  focus: (selector) => document.querySelector(selector)?.focus(),
  print: () => globalThis.print(),
};

setInterval(tick, second);
