// Ink follows the pointer; when it is lifted, the sheet is handed over as a string of figures 0 to 9, row by row.
const WIDTH = 24; // of the stroke, in the sheet's 280 pixels

function handOver(canvas, component) {
  const side = component.data.side;
  const small = document.createElement("canvas");
  small.width = small.height = side;
  const context = small.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  let ink = "";
  let any = false;
  for (let i = 3; i < data.length; i += 4) { // the alpha: paper is transparent
    const level = Math.round((data[i] / 255) * 9);
    any ||= level > 0;
    ink += level;
  }
  component.setStateValue("ink", any ? ink : "");
}

function place(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
}

export default function (component) {
  const sheet = component.parentElement.querySelector(".draw");
  const [canvas, wipe] = sheet.children;
  const context = canvas.getContext("2d");
  Object.assign(context, { lineWidth: WIDTH, lineCap: "round", lineJoin: "round", strokeStyle: "#111" });
  let last;
  const line = (to) => {
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...to);
    context.stroke();
    last = to;
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(canvas, event);
    line(last);
  };
  canvas.onpointermove = (event) => { if (last) line(place(canvas, event)); };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (!last) return;
    last = undefined;
    handOver(canvas, component);
  };
  wipe.onclick = () => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    component.setStateValue("ink", "");
  };
}
