// Adds the script element that live_chart.js looks for, unless there is one.
export default function ({ data }) {
  const src = new URL(data.source.replace(/^\//, ""), document.baseURI).href;
  (window.requestIdleCallback ?? setTimeout)(() => {
    if (window.Plotly || document.querySelector(`script[src="${src}"]`)) return;
    const script = document.createElement("script");
    script.addEventListener("error", () => script.remove()); // the first chart tries again
    script.src = src;
    document.head.append(script);
  });
}
