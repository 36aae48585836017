// Larger type, hidden chrome, and keys that press the page's own buttons. One listener for the whole window.
const KEYS = "Space: start or pause · ↑: one step · ← →: look back and forth · R: reset · Esc: leave";
const STORED = "glassbox.presenting";

function shown(selector, name) {
  return [...document.querySelectorAll(`[class*="st-key-"] ${selector}`)].filter((node) => {
    const key = [...node.closest('[class*="st-key-"]').classList].find((one) => one.startsWith("st-key-"));
    return key?.match(name) && node.getClientRects().length && !node.disabled;
  });
}

function press(name) {
  const [button] = shown("button", name);
  button?.click();
  return Boolean(button);
}

// A slider only listens to keys that come to its own thumb.
function scrub(key) {
  const [thumb] = shown('input[type="range"]', /-at$/);
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
  button.title = on ? "Leave the presentation (Esc)" : `Larger type, nothing but the page. ${KEYS}`;
  help.textContent = on ? KEYS : "";
  dispatchEvent(new Event("resize")); // charts take their new width
  dispatchEvent(new Event("glassbox.presenting"));
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
  present(Boolean(sessionStorage.getItem(STORED)));
}
