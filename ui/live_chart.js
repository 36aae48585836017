// Draws a plotly figure with Plotly.react on a node that survives reruns, so that zoom, hidden traces and camera stay.
const CONFIG = { responsive: true, displaylogo: false };
let loading;

function plotly(source) {
  loading ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = document.createElement("script");
    script.src = new URL(source.replace(/^\//, ""), document.baseURI).href;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { loading = undefined; reject(new Error("plotly.min.js could not be loaded")); };
    document.head.append(script);
  });
  return loading;
}

// Text and fonts follow the page's theme; the figure's own settings win.
function themed(node, layout) {
  const style = getComputedStyle(node);
  const read = (name) => style.getPropertyValue(name).trim();
  const background = read("--st-background-color");
  const font = { color: read("--st-text-color"), family: read("--st-font") };
  return {
    ...layout,
    autosize: true,
    font: { ...font, ...layout.font },
    hoverlabel: { bgcolor: background, ...layout.hoverlabel, font: { ...font, ...layout.hoverlabel?.font } },
  };
}

const charts = new WeakMap(); // node -> {next, drawing, gone}

async function draw(node, chart, source) {
  if (chart.drawing) return; // the loop below takes the newest figure when it comes round
  chart.drawing = true;
  try {
    const Plotly = await plotly(source);
    while (chart.next && !chart.gone) {
      const figure = chart.next;
      chart.next = undefined;
      await Plotly.react(node, figure.data, themed(node, figure.layout), CONFIG);
    }
    if (chart.gone) Plotly.purge(node);
  } finally {
    chart.drawing = false;
  }
}

function leave(node, chart) {
  chart.gone = true;
  chart.next = chart.look = undefined;
  if (!chart.drawing && window.Plotly) window.Plotly.purge(node);
}

export default function (component) {
  const { data, parentElement } = component;
  const node = parentElement.querySelector(".live-chart");
  const chart = charts.get(node) ?? {};
  charts.set(node, chart);
  chart.gone = false;
  node.setAttribute("aria-label", data.alt);
  const look = `${data.version} ${getComputedStyle(node).color}`; // a new theme is a new look
  if (look === chart.look) return () => leave(node, chart);
  chart.look = look;
  chart.next = JSON.parse(data.figure);
  node.setAttribute("role", "img");
  draw(node, chart, data.source);
  return () => leave(node, chart);
}
