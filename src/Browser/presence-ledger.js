/**
 * The presence of one agent in a page of the agent's desktop: signs in, keeps the connection alive in tabs that are hidden, frozen,
 * reloaded or without network, and shows the presence as it changes. README.md beside this file says how.
 *
 * @module presence-ledger
 */

/**
 * A presence, as `GET /api/v1/agents/{agentId}/presence` answers it; these members and more.
 *
 * @typedef {object} PresenceOfAgent
 * @property {string} agentId
 * @property {number} version of the agent's last event
 * @property {string} statusId
 * @property {string} statusText
 * @property {string} base
 * @property {string} origin
 * @property {string | null} rule of the last change
 * @property {boolean} signedIn
 */

/**
 * `connecting`: signing in, or coming back. `online`: the service hears this page. `offline`: it does not, and is tried again by
 * itself; or the page closed the presence. `signed-out`: here, in another tab, or by a supervisor; `signIn` comes back.
 *
 * @typedef {"connecting" | "online" | "offline" | "signed-out"} State
 */

/**
 * @typedef {object} Options
 * @property {string} agentId the agent
 * @property {string} [url] the service; where this module came from, if left out
 * @property {string | (() => string | Promise<string>)} [token] bearer token, or what gives one; asked again where one is refused
 * @property {string} [actor] who calls, without tokens (Access:Mode=Open); the agent, if left out
 * @property {string} [client] what the client calls itself in the ledger
 * @property {(presence: PresenceOfAgent) => void} [onPresence] told of every presence
 * @property {(state: State) => void} [onState] told of every state
 */

/** How long an answer is waited for, in milliseconds. */
const PATIENCE = 10_000;

/** How long a connection id may still be held by the page before this one, which is on its way out. */
const HANDOVER = 500;

/** A stream is given up after so many heartbeats that did not come, and never sooner than this. */
const SILENT_HEARTBEATS = 3;
const SHORTEST_SILENCE = 30_000;

/** So often a return asks that nothing happened since it looked; a read side that stands still must not keep an agent out. */
const CAREFUL_RETURNS = 5;

/** So often a command is sent, under one idempotency key, before its caller is told that the service cannot be reached. */
const MOST_TRIES = 4;

/**
 * Signs an agent in and keeps this page connected. Waits for a service that cannot be reached; fails where it refuses.
 *
 * @param {Options} options
 * @returns {Promise<Presence>}
 * @throws {Problem} what the service refuses for good: an agent that is not registered, a token of somebody else
 */
export async function connect(options) {
  const presence = new Presence(options);
  await presence.signIn();
  return presence;
}

/**
 * An agent's presence in this page. Events: `presence` and `state`, each with the new one as `detail`.
 *
 * @fires Presence#presence
 * @fires Presence#state
 */
export class Presence extends EventTarget {
  #agentId;
  #client;
  #service;
  #heart;
  #feed;
  #storageKey;
  #pause = new Pause();

  /** From sign-in to the end of it. @type {AbortController | undefined} */
  #life;

  /** While the page runs: until it is frozen or hidden away. @type {AbortController | undefined} */
  #awake;

  /** @type {{ id: string, release: () => void } | undefined} */
  #connection;

  /** @type {PresenceOfAgent | undefined} */
  #presence;

  /** @type {State} */
  #state = "connecting";

  /** @type {Error | undefined} */
  #problem;

  /** @param {Options} options */
  constructor({ agentId, url = new URL(".", import.meta.url).href, token, actor, client, onPresence, onState }) {
    super();
    const base = url.replace(/\/+$/, "");
    this.#agentId = agentId;
    this.#client = client;
    this.#service = new Service(base, agentId, token, actor ?? `agent:${agentId}`);
    this.#heart = new Heart((status) => this.#heard(status));
    this.#feed = new Feed(
      `presence-ledger:stream:${base}:${agentId}`,
      (lastId, signal) => this.#service.stream(lastId, signal),
      (told) => this.#told(told),
    );
    this.#storageKey = `presence-ledger:connection:${base}:${agentId}`;
    if (onPresence) this.addEventListener("presence", (event) => onPresence(event.detail));
    if (onState) this.addEventListener("state", (event) => onState(event.detail));
  }

  /** The latest presence. */
  get presence() {
    return this.#presence;
  }

  /** Whether the service hears this page. */
  get state() {
    return this.#state;
  }

  /** Why the state is `offline`, where it is. */
  get problem() {
    return this.#problem;
  }

  /** The connection of this tab; the same after a reload. */
  get connectionId() {
    return this.#connection?.id;
  }

  /**
   * Signs in, also again after a sign-out. `connect` has done it.
   *
   * @returns {Promise<void>}
   * @throws {Problem} what the service refuses for good
   */
  async signIn() {
    if (this.#life) return;
    this.#life = new AbortController();
    this.#follow(this.#life.signal);
    await this.#begin(false);
  }

  /**
   * Sets the presence by hand.
   *
   * @param {string} statusId
   * @param {{ reason?: string | { code?: string, text?: string } }} [how]
   * @returns {Promise<PresenceOfAgent>} the presence after it
   * @throws {Problem} what the service refuses
   * @throws {TypeError} where it cannot be reached
   */
  async setPresence(statusId, { reason } = {}) {
    const why = typeof reason === "string" ? { text: reason } : reason;
    this.#take(await this.#service.command("PUT", "presence", { statusId, reason: why }, this.#connection?.id));
    return this.#presence;
  }

  /**
   * Signs the agent out: everywhere, so other tabs do not bring the agent back.
   *
   * @returns {Promise<void>}
   * @throws {Problem} what the service refuses
   * @throws {TypeError} where it cannot be reached
   */
  async signOut() {
    try {
      this.#take(await this.#service.command("POST", "sign-out", {}, this.#connection?.id));
    } catch (problem) {
      if (problem.code !== "agent-not-signed-in") throw problem;
    }
    this.#end("signed-out");
  }

  /** Leaves, as closing the tab does: the agent is Offline after the refresh grace, unless another tab is there. */
  close() {
    if (!this.#life) return;
    this.#sayClosing();
    this.#end("offline");
  }

  /** Listens to what happens to the page. */
  #follow(signal) {
    const stir = () => this.#stir();
    addEventListener("pagehide", () => this.#rest(true), { signal });
    document.addEventListener("freeze", () => this.#rest(false), { signal });
    document.addEventListener("resume", stir, { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && stir(), { signal });
    addEventListener("pageshow", stir, { signal });
    addEventListener("online", stir, { signal });
  }

  /** The page runs, and did perhaps not a moment ago. */
  #stir() {
    if (this.#awake?.signal.aborted) {
      this.#begin(true);
      return;
    }
    this.#heart.beat();
    this.#pause.end();
    this.#feed.wake();
  }

  /** The page is frozen or goes away, perhaps into the back/forward cache, which takes no page that holds a lock or reads a stream. */
  #rest(leaves) {
    this.#awake?.abort();
    this.#heart.stop();
    this.#feed.stop();
    if (leaves) this.#sayClosing();
  }

  /** @param {boolean} returning not the user's wish, but a page that runs again */
  async #begin(returning) {
    this.#awake?.abort();
    this.#awake = new AbortController();
    const { signal } = this.#awake;
    this.#become("connecting");
    if (!this.#connection) {
      const connection = await claimConnection(this.#storageKey);
      if (signal.aborted) {
        connection.release();
        return;
      }
      this.#connection = connection;
    }
    await this.#arrive(returning, signal);
  }

  /** Signs in until it is done. */
  async #arrive(returning, signal) {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const answer = await this.#signIn(returning && failures < CAREFUL_RETURNS, signal);
        if (!signal.aborted) this.#arrived(answer);
        return;
      } catch (problem) {
        if (signal.aborted) return;
        if (!returning && !mayPass(problem)) {
          this.#end("offline", problem);
          throw problem;
        }
        if (problem.status !== 412) this.#become("offline", problem);
        await this.#pause.for(backoff(++failures));
      }
    }
  }

  /** A return is for who was lost, not for who was signed out meanwhile: that is looked at, and that nothing changed since. */
  async #signIn(returning, signal) {
    let headers;
    if (returning) {
      const present = await this.#service.call("GET", "presence", { signal });
      if (isSignedOut(present)) return present;
      headers = { "If-Match": `"${present.version}"` };
    }
    const body = { connectionId: this.#connection.id, client: this.#client };
    return this.#service.call("POST", "sign-in", { body, headers, signal });
  }

  #arrived(answer) {
    this.#take(answer);
    if (isSignedOut(answer)) {
      this.#end("signed-out");
      return;
    }
    const every = answer.heartbeatSeconds * 1000;
    const { url, headers } = this.#service.heartbeat(this.#connection.id);
    this.#heart.start({ url, headers, every });
    this.#feed.start(Math.max(SHORTEST_SILENCE, SILENT_HEARTBEATS * every));
    this.#become("online");
  }

  /** What became of a heartbeat. */
  #heard(status) {
    if (status >= 200 && status < 300) {
      if (this.#state === "offline") this.#feed.wake();
      this.#become("online");
    } else if (mayPass({ status })) {
      this.#become("offline", new TypeError("The service cannot be reached."));
    } else {
      // Unknown (CON-9), or with a token that is not taken any more: both are mended by signing in.
      this.#arrive(true, this.#awake.signal);
    }
  }

  /** What the stream told, here or in another tab. Any of it wakes a page whose timers are slowed. */
  #told({ presence, anew }) {
    this.#heart.nudge();
    if (presence) this.#take(presence, anew);
  }

  /** @param {boolean} [anew] what was known counts for nothing any more */
  #take(presence, anew = false) {
    if (!anew && presence.version <= this.#presence?.version) return;
    this.#presence = presence;
    this.dispatchEvent(new CustomEvent("presence", { detail: presence }));
    if (!anew && isSignedOut(presence)) this.#end("signed-out");
  }

  #become(state, problem) {
    this.#problem = problem;
    if (state === this.#state) return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  #end(state, problem) {
    this.#life?.abort();
    this.#life = undefined;
    this.#rest(false);
    this.#pause.end();
    this.#connection?.release();
    this.#connection = undefined;
    this.#become(state, problem);
  }

  #sayClosing() {
    if (!this.#connection) return;
    navigator.sendBeacon(this.#service.closing(this.#connection.id));
    this.#connection.release();
    this.#connection = undefined;
  }
}

/** What the service refused: problem details. */
export class Problem extends Error {
  /**
   * @param {number} status of HTTP
   * @param {string} code stable, such as `status-unknown`
   * @param {string} detail what is wrong and what to do
   */
  constructor(status, code, detail) {
    super(detail);
    this.name = "Problem";
    this.status = status;
    this.code = code;
  }

  /** Reads it from an answer; from the status alone where something in between answered. */
  static async of(response) {
    const { code, detail } = await response.json().catch(() => ({}));
    return new Problem(response.status, code ?? `http-${response.status}`, detail ?? response.statusText);
  }
}

/** The service, as one agent calls it. */
class Service {
  #base;
  #agentId;
  #token;
  #actor;
  #bearer;

  constructor(base, agentId, token, actor) {
    this.#base = `${base}/api/v1`;
    this.#agentId = encodeURIComponent(agentId);
    this.#token = token;
    this.#actor = actor;
  }

  /** Calls an address of the agent and gives its JSON. */
  async call(method, path, { body, headers, signal } = {}) {
    const content = body && { "Content-Type": "application/json" };
    const response = await this.#fetch(this.#address(path), {
      method,
      headers: { ...content, ...headers },
      body: body && JSON.stringify(body),
      signal: within(PATIENCE, signal),
    });
    return response.json();
  }

  /** Sends a command so that it is recorded once, however often it is sent. */
  async command(method, path, body, connectionId) {
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    if (connectionId) headers["X-Connection"] = encodeURIComponent(connectionId);
    for (let tries = 1; ; tries++) {
      try {
        return await this.call(method, path, { body, headers });
      } catch (problem) {
        if (!mayPass(problem) || tries === MOST_TRIES) throw problem;
        await new Pause().for(backoff(tries));
      }
    }
  }

  /** Opens the stream of the agent's presence. */
  stream(lastId, signal) {
    return this.#fetch(`${this.#base}/stream?agents=${this.#agentId.replaceAll("%2C", "%5C%2C")}`, {
      headers: { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) },
      cache: "no-store",
      signal,
    });
  }

  /** What a heartbeat is made of. */
  heartbeat(connectionId) {
    return { url: this.#address(`connections/${encodeURIComponent(connectionId)}/heartbeat`), headers: this.#credentials() };
  }

  /** Where a beacon says that a connection closes. It cannot have headers. */
  closing(connectionId) {
    const who = this.#token ? { access_token: this.#bearer ?? "" } : { actor: this.#actor };
    return `${this.#address(`connections/${encodeURIComponent(connectionId)}/closing`)}?${new URLSearchParams(who)}`;
  }

  async #fetch(address, init) {
    this.#bearer ??= await this.#newToken();
    let response = await fetch(address, this.#withCredentials(init));
    if (response.status === 401 && this.#token) {
      this.#bearer = await this.#newToken();
      response = await fetch(address, this.#withCredentials(init));
    }
    if (!response.ok) throw await Problem.of(response);
    return response;
  }

  async #newToken() {
    return typeof this.#token === "function" ? this.#token() : this.#token;
  }

  #withCredentials(init) {
    return { ...init, headers: { ...init.headers, ...this.#credentials() } };
  }

  #credentials() {
    return this.#token ? { Authorization: `Bearer ${this.#bearer}` } : { "X-Actor": inHeader(this.#actor) };
  }

  #address(path) {
    return `${this.#base}/agents/${this.#agentId}/${path}`;
  }
}

/** KIND:ID with the id percent-encoded, for headers take ASCII only. */
function inHeader(actor) {
  const colon = actor.indexOf(":");
  return actor.slice(0, colon + 1) + encodeURIComponent(actor.slice(colon + 1));
}

/**
 * Beats in a worker, whose timers no browser slows when the tab is hidden and which a page that is busy does not hold up. Where a
 * page may have no worker (its Content-Security-Policy) it beats in the page, and the stream's heartbeats keep it going.
 */
class Heart {
  #onStatus;
  #port;
  #orders;
  #halt;

  /** @param {(status: number) => void} onStatus told of each answer; 0 for none */
  constructor(onStatus) {
    this.#onStatus = onStatus;
  }

  /** Begins, or goes on with other orders. */
  start(orders) {
    this.#orders = orders;
    if (!this.#port) this.#beginInWorker();
    this.#port.postMessage({ orders });
  }

  /** Beats at once. */
  beat() {
    this.#port?.postMessage({ beat: true });
  }

  /** Beats where the last one was a while ago: timers are slow. */
  nudge() {
    this.#port?.postMessage({ nudge: true });
  }

  stop() {
    this.#halt?.();
    this.#halt = this.#port = undefined;
  }

  #beginInWorker() {
    const source = URL.createObjectURL(new Blob([`(${heart})(self, ${backoff})`], { type: "text/javascript" }));
    try {
      const worker = new Worker(source);
      worker.onerror = (event) => {
        event.preventDefault();
        if (this.#port !== worker) return;
        this.stop();
        this.#beginInPage();
        this.#port.postMessage({ orders: this.#orders });
      };
      this.#use(worker, () => {
        worker.terminate();
        URL.revokeObjectURL(source);
      });
    } catch {
      URL.revokeObjectURL(source);
      this.#beginInPage();
    }
  }

  #beginInPage() {
    const { port1, port2 } = new MessageChannel();
    const halt = heart(port2, backoff);
    this.#use(port1, () => {
      halt();
      port1.close();
    });
  }

  #use(port, halt) {
    port.onmessage = ({ data }) => this.#port === port && this.#onStatus(data);
    this.#port = port;
    this.#halt = halt;
  }
}

/**
 * What beats, in a worker or in the page. Its text goes to the worker, so it uses nothing but what it is given.
 *
 * @param {Worker | MessagePort} port orders come in, the status of each answer goes out
 * @param {(failures: number) => number} backoff
 * @returns {() => void} ends it
 */
function heart(port, backoff) {
  let orders, timer, sentAt, beats, failures;

  async function beat() {
    const mine = orders;
    // The next one comes also if this one's answer does not.
    next(mine.every);
    sentAt = performance.now();
    let status = 0;
    try {
      ({ status } = await fetch(mine.url, { method: "POST", headers: mine.headers, signal: AbortSignal.timeout(10_000) }));
    } catch {
      // The service cannot be reached.
    }
    if (mine !== orders) return;
    if (status === 0 || status === 429 || status >= 500) {
      next(Math.min(mine.every, backoff(++failures)));
    } else if (status >= 400) {
      // The page has to sign in again, and gives new orders then.
      halt();
    } else {
      failures = 0;
      // The page before this one says that it closes, and may be heard after our sign-in: beats that come soon take that back (CON-1).
      next(Math.min(mine.every, 1000 * 2 ** beats++));
    }
    port.postMessage(status);
  }

  function next(wait) {
    clearTimeout(timer);
    timer = setTimeout(beat, wait);
  }

  function halt() {
    clearTimeout(timer);
    orders = undefined;
  }

  port.onmessage = ({ data }) => {
    if (data.orders) {
      ({ orders } = data);
      sentAt = performance.now();
      beats = failures = 0;
      next(Math.min(orders.every, 500));
    } else if (orders && (data.beat || performance.now() - sentAt > orders.every / 2)) {
      beat();
    }
  };
  return halt;
}

/**
 * The presence as the service pushes it. All tabs of an agent share one stream: over HTTP/1.1 a browser opens six connections to a
 * host, and streams of as many tabs would take them all. The tab that holds the lock reads it and passes on what it is told.
 */
class Feed {
  #name;
  #open;
  #tell;
  #pause = new Pause();
  #stop = new AbortController();
  #channel;
  #leads = false;

  /** The last presence and its id, from which whoever leads goes on. */
  #last;

  /**
   * @param {string} name of the lock and the channel
   * @param {(lastId: string | undefined, signal: AbortSignal) => Promise<Response>} open
   * @param {(told: { id?: string, presence?: PresenceOfAgent, anew?: boolean }) => void} tell
   */
  constructor(name, open, tell) {
    this.#name = name;
    this.#open = open;
    this.#tell = tell;
  }

  /** @param {number} silence how long a stream that says nothing is believed in, in milliseconds */
  start(silence) {
    if (this.#channel) return;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => (data.asks ? this.#answer() : this.#take(data));
    this.#channel.postMessage({ asks: true });
    navigator.locks.request(this.#name, { signal }, () => this.#lead(silence, signal)).catch(() => {});
  }

  /** Lets another tab lead. */
  stop() {
    this.#stop.abort();
    this.#pause.end();
    this.#channel?.close();
    this.#channel = undefined;
  }

  /** Tries at once what waits to be tried again. */
  wake() {
    this.#pause.end();
  }

  async #lead(silence, signal) {
    this.#leads = true;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const { body } = await this.#open(this.#last?.id, signal);
        let anew = false;
        for await (const { type, id, data } of events(body, silence)) {
          failures = 0;
          if (type === "dropped") break;
          if (type === "gap") anew = true;
          const presence = type === "change" ? data : type === "snapshot" ? data.items[0] : undefined;
          const told = { id, presence, anew };
          this.#channel?.postMessage(told);
          this.#take(told);
          if (presence) anew = false;
          if (signal.aborted) break;
        }
      } catch (problem) {
        // An id that is none: begin anew.
        if (problem.status === 400) this.#last = undefined;
      }
      if (!signal.aborted) await this.#pause.for(backoff(++failures));
    }
    this.#leads = false;
  }

  #answer() {
    if (this.#leads && this.#last) this.#channel?.postMessage(this.#last);
  }

  #take(told) {
    if (told.id && told.presence) this.#last = { id: told.id, presence: told.presence };
    this.#tell(told);
  }
}

/** A wait that can be cut short. */
class Pause {
  #end = () => {};

  for(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  end() {
    this.#end();
  }
}

/**
 * Reads server-sent events.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {number} silence how long nothing may come, in milliseconds
 */
async function* events(body, silence) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    let rest = "";
    let event = { type: "message", id: undefined, data: [] };
    for (;;) {
      const { value, done } = await soon(reader.read(), silence);
      if (done) return;
      // A carriage return at the very end may be half of a line's end.
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        const [, name, text] = /^([^:]*)(?:: ?(.*))?$/.exec(line);
        if (name === "event") event.type = text;
        else if (name === "id") event.id = text;
        else if (name === "data") event.data.push(text);
        else if (line === "") {
          if (event.data.length > 0) yield { ...event, data: JSON.parse(event.data.join("\n")) };
          event = { type: "message", id: undefined, data: [] };
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** A promise that fails where it takes too long. */
async function soon(promise, milliseconds) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TypeError("The stream fell silent.")), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The id of this tab's connection: that of before a reload, which the session storage keeps (CON-6), unless another live page has
 * it: a duplicated tab starts with a copy of the storage.
 */
async function claimConnection(key) {
  for (;;) {
    const id = sessionStorage.getItem(key) ?? crypto.randomUUID();
    const release = await hold(`presence-ledger:connection:${id}`);
    if (release) {
      sessionStorage.setItem(key, id);
      return { id, release };
    }
    sessionStorage.removeItem(key);
  }
}

/** Holds a lock until it is released, the end of the page included; nothing where another page holds it. */
function hold(name) {
  return new Promise((resolve) => {
    const held = () => new Promise((release) => resolve(release));
    navigator.locks.request(name, { signal: AbortSignal.timeout(HANDOVER) }, held).catch(() => resolve(undefined));
  });
}

/** Half a second, doubling to 15, and less by chance, so that not all pages come back at once. */
function backoff(failures) {
  return Math.min(15_000, 500 * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
}

function within(milliseconds, signal) {
  const late = AbortSignal.timeout(milliseconds);
  return signal ? AbortSignal.any([signal, late]) : late;
}

/** Whether trying again may help: the service was not reached, or cannot just now. */
function mayPass({ status = 0 }) {
  return status === 0 || status === 429 || status >= 500;
}

/** Signed out, not lost. */
function isSignedOut({ signedIn, rule }) {
  return !signedIn && rule === "SGN-4";
}
