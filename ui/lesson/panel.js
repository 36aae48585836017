// The keys of a presenter's remote, and the frame around the place that a step points at.
const LISTENS = "textarea, [role=listbox], [role=combobox], [role=grid], canvas"; // has a use for the keys itself
const WAIT = 20_000; // milliseconds that a page may take to settle

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

// Says which keys press the buttons, to those who cannot see it; the page may draw the buttons anew at any time.
function nameKeys() {
  for (const key of Object.keys(KEYS)) buttonOf(key)?.setAttribute("aria-keyshortcuts", key);
}

const redrawn = new MutationObserver(nameKeys);
let style, pointed, release = () => {};

// A rule, and not a class of the element: the page may draw the element anew at any time.
function point(selector, step) {
  style ??= document.head.appendChild(document.createElement("style"));
  const frame = "outline: 3px solid #e69f00; outline-offset: 4px; border-radius: 4px; scroll-margin: 5rem 0 2rem;";
  const rule = selector && `${selector} { ${frame} }`;
  if (style.textContent !== rule) style.textContent = rule;
  const place = `${step} ${selector}`;
  if (place === pointed) return;
  pointed = place;
  release();
  release = keepInView(selector);
}

// What the page draws later may push the place away, until the visitor looks around. Returns what ends it.
function keepInView(selector) {
  const ended = new AbortController(), end = () => ended.abort();
  const watchers = [new MutationObserver(() => scrollTo(selector)), new ResizeObserver(() => scrollTo(selector))];
  watchers[0].observe(document.body, { childList: true, subtree: true });
  watchers[1].observe(document.querySelector("[data-testid=stMainBlockContainer]") ?? document.body);
  ended.signal.addEventListener("abort", () => watchers.forEach((watcher) => watcher.disconnect()));
  for (const sign of ["wheel", "touchmove", "pointerdown", "keydown"])
    addEventListener(sign, end, { signal: ended.signal, passive: true });
  setTimeout(end, WAIT);
  return end;
}

// A step that points at nothing on the page, but perhaps in the sidebar, begins at the top.
function scrollTo(selector) {
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  const node = selector ? document.querySelector(selector) : null, main = document.querySelector("[data-testid=stMain]");
  if (node?.getClientRects().length) node.scrollIntoView({ block: "nearest", behavior });
  if (!selector || (node && !main?.contains(node))) main?.scrollTo({ top: 0, behavior });
}

export default function ({ data }) {
  addEventListener("keydown", onKey, true); // the same listener is added only once
  nameKeys();
  redrawn.observe(document.body, { childList: true, subtree: true });
  point(data.selector, data.step);
  return () => {
    removeEventListener("keydown", onKey, true);
    redrawn.disconnect();
    release();
    style.textContent = "";
    pointed = undefined;
  };
}
