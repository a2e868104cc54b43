// What the wall leaves to the browser: colours by time, the hint on who set a status, arrow keys, and what a viewer keeps.
const kept = "presence-ledger.thresholds";
const minute = 60_000;

function read() {
  try {
    return JSON.parse(localStorage.getItem(kept)) ?? {};
  } catch {
    return {};
  }
}

let own = read();

// A viewer's own thresholds by status id; {} where there are none, or none that can be read.
export const thresholds = () => (own = read());

export function keepThresholds(chosen) {
  own = chosen;
  localStorage.setItem(kept, JSON.stringify(chosen));
}

export const open = (dialog) => dialog.open || dialog.showModal();
export const close = (dialog) => dialog.close();

// The grid from its first row on, as after a change of filter or order.
export const toTop = (grid) => grid.scrollTo({ top: 0 });

// Begins; what is answered ends it.
export function start(wall, ofBases, words) {
  const tip = wall.querySelector("#wall-tip");
  let shown = null;

  const colour = () => {
    if (wall.hasAttribute("data-paused")) return;
    const now = presenceLedger.now();
    for (const row of wall.querySelectorAll("tr[data-since]")) {
      const { amber, red } = own[row.dataset.status] ?? ofBases[row.dataset.base] ?? {};
      const minutes = (now - Number(row.dataset.since)) / minute;
      const level = red != null && minutes >= red ? "red" : amber != null && minutes >= amber ? "amber" : "";
      if ((row.dataset.level ?? "") === level) continue;
      row.dataset.level = level;
      row.querySelector(".alert").textContent = level && words[level];
    }
  };

  const show = (element) => {
    hide();
    shown = element;
    tip.textContent = element.dataset.tip;
    tip.hidden = false;
    element.setAttribute("aria-describedby", tip.id);
    const at = element.getBoundingClientRect();
    const below = at.bottom + 4 + tip.offsetHeight < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${below ? at.bottom + 4 : at.top - tip.offsetHeight - 4}px`;
  };
  const hide = () => {
    shown?.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  };

  const over = (event) => {
    const element = event.target.closest?.("[data-tip]");
    if (element) show(element);
    // Who goes to the hint itself wants to read it.
    else if (shown && event.type === "pointerover" && !tip.contains(event.target) && shown !== document.activeElement) hide();
  };
  const out = (event) => event.target === shown && hide();

  const key = (event) => {
    if (event.key === "Escape") return hide();
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const row = step && event.target.dataset.key && event.target.closest("tr[data-agent]");
    const next = row?.[step]?.querySelector(`[data-key="${event.target.dataset.key}"]`);
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  const grid = wall.querySelector(".grid");
  const ends = [];
  const on = (target, name, handler) => {
    target.addEventListener(name, handler);
    ends.push(() => target.removeEventListener(name, handler));
  };
  on(wall, "pointerover", over);
  on(wall, "focusin", over);
  on(wall, "focusout", out);
  on(wall, "click", over);
  // Wherever the focus is: the hint is there for the mouse, too.
  on(document, "keydown", key);
  on(grid, "scroll", hide);
  const timer = setInterval(colour, 1000);
  ends.push(() => clearInterval(timer));
  // Rows that come into sight are coloured at once.
  const seen = new MutationObserver(colour);
  seen.observe(grid, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-since", "data-status"] });
  ends.push(() => seen.disconnect());
  colour();
  return { stop: () => ends.forEach((end) => end()), colour };
}
