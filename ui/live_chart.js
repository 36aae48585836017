// Updates DOM nodes that survive reruns. Charts use Plotly.react, which keeps zoom, hidden traces and camera.
// No data leave the browser: plotly's button that uploads a chart is left out.
const CONFIG = { displaylogo: false, showSendToCloud: false, modeBarButtonsToRemove: ["toImage"] };
let loading;

// Waits for the element that plotly_script.js has added, or adds one.
function loadScript(src) {
  return new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = document.querySelector(`script[src="${src}"]`) ?? document.createElement("script");
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => { script.remove(); reject(new Error("plotly.min.js could not be loaded")); });
    if (script.isConnected) return;
    script.src = src;
    document.head.append(script);
  });
}

function plotly(source) {
  const src = new URL(source.replace(/^\//, ""), document.baseURI).href;
  loading ??= loadScript(src)
    .catch(() => loadScript(src)) // the network of a class fails now and then
    .catch((error) => { loading = undefined; throw error; });
  return loading;
}

// ---------------------------------------------------------------- downloads

function save(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function fileName(node) {
  return `glassbox-${(node.getAttribute("aria-label") ?? "chart").toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 40)}`;
}

// With the background of the page, so that the picture is readable wherever it is pasted.
function standalone(node) {
  const background = getComputedStyle(node).getPropertyValue("--st-background-color").trim() || "white";
  return { data: node.data, layout: { ...node.layout, paper_bgcolor: background, width: undefined, height: undefined } };
}

function saveImage(node, format) {
  const { clientWidth: width, clientHeight: height } = node;
  window.Plotly.downloadImage(standalone(node), { format, width, height, scale: 2, filename: fileName(node) });
}

async function saveAsHtml(node, source) {
  const script = await (await fetch(new URL(source.replace(/^\//, ""), document.baseURI).href)).text();
  const figure = JSON.stringify(standalone(node)).replaceAll("<", "\\u003c"); // so that nothing in it can close the script element
  save(
    `<!doctype html><meta charset="utf-8"><title>Glassbox</title><div id="chart"></div>` +
      `<script>${script}</` + `script><script>const figure = ${figure};` +
      `Plotly.newPlot("chart", figure.data, figure.layout, { responsive: true, showSendToCloud: false })</` + `script>`,
    "text/html", `${fileName(node)}.html`,
  );
}

function cell(value) {
  const missing = value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value));
  const text = missing ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// One line per point: trace, x, y, and z for heatmaps and 3-D charts.
function table(node) {
  const lines = [["trace", "x", "y", "z"]];
  for (const [i, trace] of node._fullData.entries()) {
    const name = trace.name ?? `trace ${i}`;
    if (trace.z && trace.type !== "scatter3d") {
      trace.z.forEach((row, r) => Array.from(row, (z, c) => lines.push([name, trace.x?.[c] ?? c, trace.y?.[r] ?? r, z])));
    } else {
      const length = Math.max(trace.x?.length ?? 0, trace.y?.length ?? 0);
      for (let k = 0; k < length; k++) lines.push([name, trace.x?.[k] ?? k, trace.y?.[k] ?? k, trace.z?.[k]]);
    }
  }
  return lines.map((line) => line.map(cell).join(",")).join("\n");
}

const SHEET = { width: 24, height: 24, path: "M5 2h9v6h6v14H5zM16 2l4 4h-4z" };
const ROWS = { width: 24, height: 24, path: "M3 4h18v3H3zM3 9h8v4H3zM13 9h8v4h-8zM3 15h8v4H3zM13 15h8v4h-8z" };

let configuration;

// Made once: with new button objects, Plotly.react would redraw everything.
function configFor(Plotly, source) {
  configuration ??= { ...CONFIG, modeBarButtonsToAdd: buttons(Plotly, source) };
  return configuration;
}

function buttons(Plotly, source) {
  const { camera, drawline } = Plotly.Icons;
  return [
    { name: "Download as PNG", icon: camera, click: (node) => saveImage(node, "png") },
    { name: "Download as SVG", icon: drawline, click: (node) => saveImage(node, "svg") },
    { name: "Download as HTML", icon: SHEET, click: (node) => saveAsHtml(node, source) },
    { name: "Download data (CSV)", icon: ROWS, click: (node) => save(table(node), "text/csv", `${fileName(node)}.csv`) },
  ];
}

// ---------------------------------------------------------------- narrow screens

const MIN_CELL = 24; // pixels per cell that has text in it
const NARROW = 600; // pixels

function isNarrow(node) {
  return node.clientWidth < NARROW;
}

// On a narrow screen, the cells of a heatmap have no text; the hover labels remain.
function withLegibleText(node, traces, width) {
  const narrow = (trace) => trace.text && width / trace.text[0].length < MIN_CELL;
  return traces.map((trace) => (trace.texttemplate && narrow(trace) ? { ...trace, texttemplate: undefined } : trace));
}

// On a narrow screen, a figure that needs its width scrolls sideways, and a heatmap is not much higher than wide.
function fitted(node, { data, layout }) {
  const { clientWidth: width } = node, minWidth = layout.meta?.min_width ?? 0;
  if (isNarrow(node) && minWidth > width) return { width: minWidth, autosize: false };
  if (minWidth || !data.some((trace) => trace.type === "heatmap")) return {};
  const height = isNarrow(node) ? Math.min(layout.height, Math.round(1.3 * width) + 60) : layout.height;
  const xaxis = withFewerTicks(layout.xaxis, width - OUTSIDE.x, TICK.x), yaxis = withFewerTicks(layout.yaxis, height - OUTSIDE.y, TICK.y);
  return { height, xaxis, yaxis };
}

const TICK = { x: 6, y: 11 }, OUTSIDE = { x: 130, y: 80 }; // pixels that the label of a tick needs, and those beside the axes

function withFewerTicks(axis, pixels, needed) {
  const { tickvals, ticktext } = axis;
  const every = Math.ceil(((tickvals?.length ?? 0) * needed) / pixels);
  if (every < 2) return axis;
  return { ...axis, tickvals: tickvals.filter((_, i) => i % every === 0), ticktext: ticktext?.filter((_, i) => i % every === 0) };
}

// ---------------------------------------------------------------- drawing

// In presentation mode, the fonts and the height of a figure grow.
const SCALE = 1.4;

function presenting() {
  return document.documentElement.classList.contains("presenting");
}

function enlarged(value, name = "") {
  if (Array.isArray(value)) return value.map((item) => enlarged(item));
  if (!value || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, item]) =>
    key === "size" && name.endsWith("font") ? [key, item * SCALE] : [key, enlarged(item, key)]);
  return Object.fromEntries(entries);
}

// Colors and fonts follow the theme of the page, unless the figure sets its own.
function themed(node, layout) {
  const style = getComputedStyle(node);
  const font = { color: style.color, family: style.fontFamily };
  const bgcolor = style.getPropertyValue("--st-background-color").trim();
  const hoverlabel = { bgcolor, ...layout.hoverlabel, font: { ...font, ...layout.hoverlabel?.font } };
  const modebar = { bgcolor: "rgba(0,0,0,0)", color: "rgba(128,128,128,0.8)", activecolor: style.color };
  return { ...layout, autosize: true, font: { ...font, ...layout.font }, hoverlabel, modebar };
}

// When an animation is interrupted by a new figure or the slider, plotly rejects its promise without a reason.
addEventListener("unhandledrejection", (event) => { if (event.reason === undefined) event.preventDefault(); });

const charts = new WeakMap(); // node -> {next, state, drawing, gone}

async function draw(node, chart, source) {
  if (chart.drawing) return; // the loop below will draw the newest figure
  chart.drawing = true;
  try {
    const Plotly = await plotly(source);
    while (chart.next && !chart.gone) {
      const figure = chart.next;
      chart.next = undefined;
      const fit = fitted(node, figure);
      const layout = { ...themed(node, figure.layout), ...fit };
      setHeight(node, layout.height);
      node.tabIndex = fit.width ? 0 : -1; // what scrolls can be scrolled with the keyboard
      await Plotly.react(node, {
        data: withLegibleText(node, figure.data, fit.width ?? node.clientWidth),
        layout: presenting() ? enlarged(layout) : layout,
        config: configFor(Plotly, source),
      });
      if (chart.clicked && !node.clickable) {
        node.clickable = true;
        node.on("plotly_click", (event) => chart.clicked(event.points[0]));
      }
      followWidth(node);
    }
    if (chart.gone) purge(node);
  } finally {
    chart.drawing = false;
  }
}

// The width of a chart also changes without one of the window: when the sidebar opens.
function followWidth(node) {
  const { clientWidth: width, _fullLayout: layout } = node;
  if (width && layout?.autosize && Math.abs(layout.width - width) > 1) window.Plotly.Plots.resize(node);
}

function setHeight(node, height) {
  node.style.height = `${height * (presenting() ? 1.2 : 1)}px`;
}

function discard(node) {
  const chart = charts.get(node);
  if (!chart) return;
  chart.gone = true;
  chart.next = chart.state = undefined;
  if (!chart.drawing && window.Plotly) purge(node);
}

// A drag that has begun on a chart goes on until the button is released, even if the chart has disappeared meanwhile.
let pressed = false;

for (const type of ["pointerdown", "pointerup", "pointercancel"])
  addEventListener(type, () => { pressed = type === "pointerdown"; }, true);

function purge(node) {
  if (!charts.get(node).gone) return;
  if (!pressed) return window.Plotly.purge(node);
  const released = new AbortController();
  const purgeLater = () => { released.abort(); setTimeout(purge, 0, node); };
  for (const type of ["pointerup", "pointercancel"]) addEventListener(type, purgeLater, { signal: released.signal });
}

function append(parent, tag) {
  return parent.appendChild(document.createElement(tag));
}

// The columns that fit into a node whole: the first is as wide as all others, and tabs separate them.
function withWholeColumns(node, text) {
  const { font, tabSize, paddingLeft, paddingRight } = getComputedStyle(node);
  context ??= document.createElement("canvas").getContext("2d");
  context.font = font;
  const width = node.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  const n = Math.floor((width / context.measureText("0").width + 1) / tabSize); // the last one needs no tab
  return text.split("\n").map((line) => line.split("\t").slice(0, Math.max(n, 2)).join("\t")).join("\n");
}

let context;

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const update = {
  chart(node, part, component) {
    const chart = charts.get(node) ?? {};
    charts.set(node, chart);
    chart.gone = false;
    if (!chart.state) setHeight(node, part.height);
    node.setAttribute("role", "figure"); // unlike an image, it may contain buttons
    node.setAttribute("aria-label", part.alt);
    const { color } = getComputedStyle(node); // a new theme or width needs a redraw
    const state = `${part.version} ${color} ${presenting()} ${isNarrow(node)}`;
    if (state === chart.state) return;
    chart.state = state;
    chart.next = JSON.parse(part.figure);
    chart.clicked = ({ x, y, customdata = null }) => {
      const data = ArrayBuffer.isView(customdata) ? Array.from(customdata) : customdata; // JSON has no typed arrays
      component.setStateValue("clicked", [x, y, data, node.place]);
    };
    draw(node, chart, component.data.source);
  },
  numbers(node, part) {
    while (node.children.length < part.items.length) {
      const box = append(node, "div");
      append(box, "span");
      append(box, "b");
    }
    while (node.children.length > part.items.length) node.lastChild.remove();
    part.items.forEach(([label, value], i) => {
      setText(node.children[i].firstChild, label);
      setText(node.children[i].lastChild, value);
    });
  },
  text(node, part) {
    if (!node.firstChild) { append(node, "h4"); append(node, "pre").tabIndex = 0; }
    node.dataset.heading = part.heading;
    setText(node.firstChild, part.heading);
    node.lastChild.style.whiteSpace = part.long_lines === "wrap" ? "pre-wrap" : "";
    setText(node.lastChild, part.long_lines === "fewer columns" ? withWholeColumns(node.lastChild, part.text) : part.text);
    node.lastChild.style.height = `${part.height}px`;
  },
};

export default function (component) {
  const { parts } = component.data;
  const grid = component.parentElement.querySelector(".live");
  while (grid.children.length > parts.length) {
    discard(grid.lastChild);
    grid.lastChild.remove();
  }
  const show = () => parts.forEach((part, i) => {
    const node = grid.children[i] ?? append(grid, "div");
    node.classList.add(part.kind);
    node.style.gridColumn = `span ${part.columns}`;
    node.place = i;
    update[part.kind](node, part, component);
  });
  show();
  removeEventListener("glassbox.presenting", grid.show); // the listener of the previous update
  addEventListener("glassbox.presenting", show);
  grid.show = show;
  grid.observer ??= new ResizeObserver(() => {
    grid.show();
    [...grid.children].forEach(followWidth);
  });
  grid.observer.observe(grid);
  return () => {
    removeEventListener("glassbox.presenting", grid.show);
    grid.observer.disconnect();
    [...grid.children].forEach(discard);
  };
}
