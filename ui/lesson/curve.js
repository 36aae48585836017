// A curve that is drawn with a pointer, or point by point with the arrow keys. Losses are in nats.
const SIZE = { width: 300, height: 200 }, BOX = { left: 36, right: 292, top: 22, bottom: 164 };
const STROKES = 60; // key presses from the bottom to the top

function svg(parent, tag, attributes = {}, text) {
  const node = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", tag));
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const shown = (step) => Math.round(step).toLocaleString("en");

class Curve {
  constructor(root, data, send) {
    Object.assign(this, { data, send });
    [this.first, this.begin, this.end] = data.steps;
    [this.bottom, this.top] = data.losses;
    this.losses = Array(data.n).fill(data.reached);
    if (data.guess.length) this.losses = data.guess.map(([, loss]) => loss);
    this.fixed = data.guess.length > 0;
    this.touched = new Set(); // points that were drawn; those to the right of them follow
    root.replaceChildren();
    this.node = svg(root, "svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "group", "aria-label": data.label });
    this.node.classList.toggle("fixed", this.fixed);
    this.axes();
    this.canvas = svg(this.node, "rect", { class: "canvas", x: BOX.left, y: BOX.top, width: BOX.right - BOX.left, height: BOX.bottom - BOX.top });
    if (data.actual.length) this.line("actual", data.actual, "real");
    this.guess = this.line("guess", this.points(), "your guess");
    if (!this.fixed) this.handles();
  }

  x(step) { return BOX.left + ((step - this.first) / (this.end - this.first)) * (BOX.right - BOX.left); }
  y(loss) { return BOX.bottom - ((loss - this.bottom) / (this.top - this.bottom)) * (BOX.bottom - BOX.top); }
  step(i) { return this.begin + (i * (this.end - this.begin)) / (this.losses.length - 1); }
  points() { return this.losses.map((loss, i) => [this.step(i), loss]); }

  axes() {
    const { guessing } = this.data;
    svg(this.node, "line", { class: "axis", x1: BOX.left, x2: BOX.right, y1: BOX.bottom, y2: BOX.bottom });
    svg(this.node, "line", { class: "axis", x1: BOX.left, x2: BOX.left, y1: BOX.top, y2: BOX.bottom });
    const most = (this.top - this.bottom) / 5, every = [0.1, 0.2, 0.5].find((size) => size >= most) ?? Math.ceil(most);
    for (let i = Math.ceil(this.bottom / every); i * every <= this.top; i++)
      svg(this.node, "text", { x: BOX.left - 6, y: this.y(i * every) + 4, "text-anchor": "end" }, (i * every).toFixed(every < 1 ? 1 : 0));
    for (const share of [0, 0.5, 1]) {
      const step = this.first + share * (this.end - this.first);
      svg(this.node, "text", { x: this.x(step), y: BOX.bottom + 15, "text-anchor": ["start", "middle", "end"][2 * share] }, shown(step));
    }
    svg(this.node, "text", { x: (BOX.left + BOX.right) / 2, y: SIZE.height - 4, "text-anchor": "middle" }, "Step");
    svg(this.node, "text", { x: 12, y: (BOX.top + BOX.bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(BOX.top + BOX.bottom) / 2})` }, "Loss (nats)");
    if (guessing > this.top) return;
    svg(this.node, "line", { class: "guessing", x1: BOX.left, x2: BOX.right, y1: this.y(guessing), y2: this.y(guessing) });
    svg(this.node, "text", { x: BOX.right, y: this.y(guessing) - 5, "text-anchor": "end" }, `uniform guessing ${guessing.toFixed(2)}`);
  }

  line(name, points, label) {
    const at = points.map(([step, loss]) => `${this.x(step)},${this.y(loss)}`).join(" ");
    const key = svg(this.node, "text", { class: "key", x: name === "guess" ? BOX.left + 4 : BOX.left + 100, y: 12 }, `${name === "guess" ? "- -" : "—"} ${label}`);
    const line = svg(this.node, "polyline", { class: name, points: at });
    key.style.fill = getComputedStyle(line).stroke;
    return line;
  }

  handles() {
    this.circles = this.losses.map((_, i) => {
      const circle = svg(this.node, "circle", { r: 5, role: "slider", tabindex: 0, "aria-orientation": "vertical",
        "aria-label": `Loss at step ${shown(this.step(i))}`, "aria-valuemin": this.bottom.toFixed(2), "aria-valuemax": this.top.toFixed(2) });
      circle.addEventListener("keydown", (event) => this.onKey(event, i));
      circle.addEventListener("keyup", () => this.onKeyUp());
      return circle;
    });
    this.node.addEventListener("pointerdown", (event) => this.onDown(event));
    this.node.addEventListener("pointermove", (event) => this.onMove(event));
    this.node.addEventListener("pointerup", () => this.onUp());
    this.node.addEventListener("pointercancel", () => this.onUp());
    this.redraw();
  }

  redraw() {
    this.guess.setAttribute("points", this.points().map(([step, loss]) => `${this.x(step)},${this.y(loss)}`).join(" "));
    this.circles.forEach((circle, i) => {
      circle.setAttribute("cx", this.x(this.step(i)));
      circle.setAttribute("cy", this.y(this.losses[i]));
      circle.setAttribute("aria-valuenow", this.losses[i].toFixed(2));
      circle.setAttribute("aria-valuetext", `${this.losses[i].toFixed(2)} nats`);
    });
  }

  // The point nearest to the pointer, as a fraction of an index, and the loss there.
  at(event) {
    const box = this.node.getBoundingClientRect(), scale = SIZE.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    const i = ((x - this.x(this.begin)) / (BOX.right - this.x(this.begin))) * (this.losses.length - 1);
    const loss = this.bottom + ((BOX.bottom - y) / (BOX.bottom - BOX.top)) * (this.top - this.bottom);
    return [Math.min(this.losses.length - 1, Math.max(0, i)), this.clamped(loss)];
  }

  clamped(loss) { return Math.min(this.top, Math.max(this.bottom, loss)); }

  onDown(event) {
    if (event.button) return;
    this.node.setPointerCapture(event.pointerId);
    this.last = this.at(event);
    this.onMove(event);
  }

  // Every point between the last place of the pointer and this one gets a loss on the line between them.
  onMove(event) {
    if (!this.last) return;
    const [from, low] = this.last, [to, high] = this.at(event);
    const nearest = Math.round(to);
    this.losses.forEach((_, i) => {
      if (i === nearest) this.set(i, high);
      else if ((i - from) * (i - to) < 0) this.set(i, low + ((high - low) * (i - from)) / (to - from));
    });
    this.last = [to, high];
    this.redraw();
  }

  set(i, loss) {
    this.losses[i] = loss;
    this.touched.add(i);
    for (let k = i + 1; k < this.losses.length && !this.touched.has(k); k++) this.losses[k] = loss;
  }

  onUp() {
    if (!this.last) return;
    this.last = undefined;
    this.send(this.points());
  }

  onKey(event, i) {
    const change = { ArrowUp: 1, ArrowDown: -1 }[event.key], move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!change && !move) return;
    event.preventDefault();
    event.stopPropagation();
    if (move) return this.circles[i + move]?.focus();
    this.set(i, this.clamped(this.losses[i] + (change * (this.top - this.bottom)) / STROKES));
    this.redraw();
    this.changed = true;
  }

  onKeyUp() {
    if (this.changed) this.send(this.points());
    this.changed = false;
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".predicted-curve"), { data } = component;
  const state = JSON.stringify(data);
  if (root.state === state) return; // what is being drawn stays
  root.state = state;
  root.curve = new Curve(root, data, (points) => component.setStateValue("points", points));
}
