// The agent's own presence in this tab, by the browser client. It outlives the page that shows it: whoever looks at another page of the
// dashboard stays signed in, as long as the tab is open.
import { Presence } from "/presence-ledger.js";

/** How long a page that may have lost the service is waited for before it is told again, in milliseconds. */
const patience = 3000;

/** @type {Presence} */
let presence;

/** Where it is kept that the agent signed out: a tab that is loaded anew must not sign in who went home. */
let farewell;

/**
 * A page begins to show the presence of its agent, and signs the agent in.
 *
 * @param {object} page the component, told by `Show`
 * @param {HTMLElement} indicator shows the state by `data-state`, also while the service, and with it the page, is away
 * @param {string} agentId
 * @param {string | null} token the bearer token that the agent signed in to the pages with; null in mode Open
 */
export function open(page, indicator, agentId, token) {
  if (!presence) {
    farewell = `presence-ledger:console:signed-out:${agentId}`;
    presence = new Presence({ agentId, token: token ?? undefined, client: "agent-console" });
    presence.addEventListener("state", ({ detail: state }) => {
      if (state === "signed-out") sessionStorage.setItem(farewell, "1");
    });
  }
  const view = new View(page, indicator);
  if (!isSignedOut()) view.signIn();
  return view;
}

function isSignedOut() {
  return sessionStorage.getItem(farewell) !== null;
}

/** What one page sees of the presence, and does to it. */
class View {
  #page;
  #indicator;
  #closed = new AbortController();
  #news = false;
  #telling = false;

  constructor(page, indicator) {
    this.#page = page;
    this.#indicator = indicator;
    const { signal } = this.#closed;
    presence.addEventListener("presence", () => this.#tell(), { signal });
    presence.addEventListener("state", () => this.#tell(), { signal });
    this.#tell();
  }

  /** Nobody waits for it: the service may be away for long. What it refuses is told with the state. */
  signIn() {
    sessionStorage.removeItem(farewell);
    presence.signIn().catch(() => this.#tell());
  }

  signOut() {
    return problemOf(presence.signOut());
  }

  setPresence(statusId, reason, until) {
    return problemOf(presence.setPresence(statusId, { reason: reason ?? undefined, until: until ?? undefined }));
  }

  close() {
    this.#closed.abort();
  }

  get #state() {
    return isSignedOut() ? "signed-out" : presence.state;
  }

  async #tell() {
    this.#indicator.dataset.state = this.#state;
    this.#news = true;
    if (this.#telling) return;
    this.#telling = true;
    while (this.#news && !this.#closed.signal.aborted) {
      this.#news = false;
      const late = new Promise((_, reject) => setTimeout(reject, patience));
      try {
        await Promise.race([this.#page.invokeMethodAsync("Show", this.#known()), late]);
      } catch {
        // The page has lost the service; nobody says so here. It comes back as it was, and is told then.
        this.#news = true;
        await late.catch(() => {});
      }
    }
    this.#telling = false;
  }

  #known() {
    const { connectionId = null, presence: known = null, problem } = presence;
    return { state: this.#state, connectionId, presence: known, problem: problem?.code ? plain(problem) : null };
  }
}

/** The problem that an act ends with, as the pages know problems; null where it is done. */
async function problemOf(act) {
  try {
    await act;
    return null;
  } catch (problem) {
    return plain(problem);
  }
}

function plain({ status = 503, code = "unavailable", message }) {
  return { status, code, detail: message };
}
