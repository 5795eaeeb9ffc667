// The hands: pointers, wheel, keys and buttons.
const fingers = new Map();
let moved = 0;
canvas.onpointerdown = (event) => {
  if (!fingers.size) moved = 0;
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
};
canvas.onpointermove = (event) => {
  const before = fingers.get(event.pointerId);
  if (!before || !data) return;
  const now = [event.clientX, event.clientY], dx = now[0] - before[0], dy = now[1] - before[1];
  const other = [...fingers].find(([id]) => id !== event.pointerId);
  moved += Math.hypot(dx, dy);
  fingers.set(event.pointerId, now);
  view.x -= dx / view.scale / fingers.size;
  view.y -= dy / view.scale / fingers.size;
  if (other) {
    const [x, y] = other[1], was = Math.hypot(before[0] - x, before[1] - y), is = Math.hypot(now[0] - x, now[1] - y);
    if (was > 0) zoom(is / was, (now[0] + x) / 2, (now[1] + y) / 2);
  }
  redraw();
};
canvas.onpointerup = (event) => {
  if (fingers.delete(event.pointerId) && moved < 5 && data) press(event.clientX, event.clientY);
};
canvas.onpointercancel = (event) => fingers.delete(event.pointerId);
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (data) zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.clientX, event.clientY);
}, { passive: false });
canvas.onkeydown = (event) => {
  const step = 60 / view.scale, keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (keys[event.key]) { view.x += keys[event.key][0] * step; view.y += keys[event.key][1] * step; redraw(); event.preventDefault(); }
  if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.3 : 1 / 1.3);
  if (event.key === "Escape") { chosen = null; tell(); redraw(); }
};
for (const key of document.querySelectorAll("#legend [data-key]")) {
  key.onclick = () => {
    const name = key.dataset.key;
    if (!hidden.delete(name)) hidden.add(name);
    key.setAttribute("aria-pressed", String(!hidden.has(name)));
    redraw();
  };
}
$("log-in").onsubmit = enter;
$("log-out").onclick = () => leave();
$("in").onclick = () => zoom(1.5);
$("out").onclick = () => zoom(1 / 1.5);
$("fit").onclick = () => { if (data) fit(); };
$("region").onchange = () => { data = chosen = null; forget(); tell(); redraw(); live(); };
document.onvisibilitychange = () => { if (!document.hidden) poll(); };
addEventListener("pagehide", () => leave());
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look);
look();
