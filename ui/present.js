// Presentation mode: larger type, no menus, and keys that press the buttons of the page.
const KEYS = "Space: start or pause · ↑: one step · ← →: earlier or later snapshot · R: reset · Esc: exit";
const STORED = "glassbox.presenting";

// Visible, enabled elements inside a widget whose key matches a pattern.
function visible(selector, pattern) {
  return [...document.querySelectorAll(`[class*="st-key-"] ${selector}`)].filter((node) => {
    const key = [...node.closest('[class*="st-key-"]').classList].find((name) => name.startsWith("st-key-"));
    return key?.match(pattern) && node.getClientRects().length && !node.disabled;
  });
}

function press(pattern) {
  const [button] = visible("button", pattern);
  button?.click();
  return Boolean(button);
}

// Moves the time slider, which listens only to keys sent to its thumb.
function scrub(key) {
  const [thumb] = visible('input[type="range"]', /-at$/);
  if (!thumb) return false;
  thumb.dispatchEvent(new KeyboardEvent("keydown", { key, code: key, bubbles: true, cancelable: true }));
  thumb.dispatchEvent(new KeyboardEvent("keyup", { key, code: key, bubbles: true, cancelable: true }));
  return true;
}

const ACTIONS = {
  " ": () => press(/-go$/) || press(/race_go$/) || press(/race_stop$/),
  ArrowUp: () => press(/-step$/),
  ArrowLeft: () => scrub("ArrowLeft"),
  ArrowRight: () => scrub("ArrowRight"),
  r: () => press(/-reset$/),
  Escape: () => { present(false); return true; },
};

function isTyping(node) {
  return node.closest?.('input:not([type="range"]), textarea, select, [contenteditable="true"], [role="combobox"], [role="listbox"]');
}

function onKey(event) {
  if (!document.documentElement.classList.contains("presenting")) return;
  if (!event.isTrusted || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const action = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  action();
}

function present(on) {
  document.documentElement.classList.toggle("presenting", on);
  sessionStorage.setItem(STORED, on ? "1" : "");
  button.setAttribute("aria-pressed", String(on));
  button.title = on ? "Exit presentation mode (Esc)" : `Presentation mode: larger type, no menus. ${KEYS}`;
  help.textContent = on ? KEYS : "";
  dispatchEvent(new Event("resize")); // charts adapt to the new width
  dispatchEvent(new Event("glassbox.presenting"));
}

// The tab that a visitor chose stays chosen and keeps the focus. Streamlit disables a row of tabs for a moment when an
// update arrives in two parts, and a disabled tab loses the focus. And an update still carries the tab that was open
// when it began: if it arrives before Streamlit has sent the new choice, the choice is forgotten. Only visitors change
// the tab of a row, so the tab that they chose is pressed again.
let chosen, isWaiting; // whether it has lost the focus because it is disabled

const changes = new MutationObserver(restoreTabSoon);

function restoreTabSoon() {
  setTimeout(restoreTab); // when Streamlit has finished what it is doing with the row
}

function restoreTab() {
  if (!chosen || chosen.ariaDisabled === "true") return;
  const focused = document.activeElement; // it may be the tab that the update has opened, too
  if (isWaiting && (focused === document.body || focused.role === "tab")) chosen.focus({ preventScroll: true });
  isWaiting = false;
  if (document.activeElement === chosen && chosen.ariaSelected === "false") chosen.click();
}

function watchTab({ target }) {
  if (target.role !== "tab" || (isWaiting && chosen.isConnected)) return;
  isWaiting = false;
  changes.disconnect();
  changes.observe(chosen = target, { attributeFilter: ["aria-disabled", "aria-selected"] });
  restoreTabSoon(); // the key that moved the focus has not moved the selection yet
}

function leaveTab({ target }) {
  queueMicrotask(() => {
    if (target !== chosen) return;
    isWaiting = target.ariaDisabled === "true";
    if (isWaiting) return;
    changes.disconnect();
    chosen = null;
  });
}

let button, help;

export default function () {
  if (document.querySelector(".present-button")) return;
  button = document.createElement("button");
  button.className = "present-button";
  button.textContent = "Present";
  help = document.createElement("div");
  help.className = "present-help";
  document.querySelector(".stApp").append(button, help);
  button.onclick = () => { present(!document.documentElement.classList.contains("presenting")); button.blur(); };
  addEventListener("keydown", onKey, true);
  addEventListener("focusin", watchTab, true);
  addEventListener("focusout", leaveTab, true);
  present(Boolean(sessionStorage.getItem(STORED)));
}
