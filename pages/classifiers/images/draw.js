// Draws where the pointer moves. When it is lifted, the drawing is sent as a string of digits 0 to 9, row by row.
const STROKE = 24; // width, in pixels of the canvas (280 × 280)

function send(canvas, component) {
  const side = component.data.side;
  const small = document.createElement("canvas");
  small.width = small.height = side;
  const context = small.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  let ink = "";
  let any = false;
  for (let i = 3; i < data.length; i += 4) { // the alpha channel: where nothing is drawn, the canvas is transparent
    const level = Math.round((data[i] / 255) * 9);
    any ||= level > 0;
    ink += level;
  }
  component.setStateValue("ink", any ? ink : "");
}

function position(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
}

export default function (component) {
  const [canvas, clear] = component.parentElement.querySelector(".draw").children;
  const context = canvas.getContext("2d");
  Object.assign(context, { lineWidth: STROKE, lineCap: "round", lineJoin: "round", strokeStyle: "#111" });
  let last;
  const lineTo = (end) => {
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...end);
    context.stroke();
    last = end;
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = position(canvas, event);
    lineTo(last);
  };
  canvas.onpointermove = (event) => { if (last) lineTo(position(canvas, event)); };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (!last) return;
    last = undefined;
    send(canvas, component);
  };
  clear.onclick = () => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    component.setStateValue("ink", "");
  };
}
