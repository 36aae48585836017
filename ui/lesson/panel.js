// The keys of a presenter's remote, and the frame around the place that a step points at.
const LISTENS = "textarea, [role=listbox], [role=combobox], [role=grid], canvas"; // has a use for the keys itself
const WAIT = 20_000; // milliseconds that a place may take to appear

const KEYS = { PageUp: "back", PageDown: "next" };

function buttonOf(key) {
  return document.querySelector(`[class*="st-key-lesson_${KEYS[key]}-"] button`);
}

function onKey(event) {
  if (!KEYS[event.key] || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = buttonOf(event.key);
  if (!button || event.target.closest?.(LISTENS)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!button.disabled) button.click();
}

let style, observer, pointed;

// A rule, and not a class of the element: the page may draw the element anew at any time.
function point(selector, step) {
  style ??= document.head.appendChild(document.createElement("style"));
  const rule = selector && `${selector} { outline: 3px solid #e69f00; outline-offset: 4px; border-radius: 4px; }`;
  if (style.textContent !== rule) style.textContent = rule;
  const place = `${step} ${selector}`;
  if (place === pointed) return;
  pointed = place;
  observer?.disconnect();
  if (selector && !scrollTo(selector)) {
    const waiting = new MutationObserver(() => { if (scrollTo(selector)) waiting.disconnect(); });
    waiting.observe(document.body, { childList: true, subtree: true });
    setTimeout(() => waiting.disconnect(), WAIT);
    observer = waiting;
  }
}

function scrollTo(selector) {
  const node = document.querySelector(selector);
  if (!node?.getClientRects().length) return false;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  node.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  return true;
}

export default function ({ data }) {
  addEventListener("keydown", onKey, true); // the same listener is added only once
  for (const key of Object.keys(KEYS)) buttonOf(key)?.setAttribute("aria-keyshortcuts", key);
  point(data.selector, data.step);
  return () => {
    removeEventListener("keydown", onKey, true);
    observer?.disconnect();
    style.textContent = "";
    pointed = undefined;
  };
}
