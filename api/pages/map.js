"use strict";
const $ = (id) => document.getElementById(id);
const EVERY_MS = 1000, METRES = 111195, REACH = 14;
const DRIVERS = ["suspended", "free", "busy", "silent"];
const ORDERS = ["placed", "confirmed", "preparing", "ready_for_pickup", "picked_up", "delivered"];
const WORDS = { ready_for_pickup: "ready for pick-up", picked_up: "on the way" };
const canvas = $("map"), pen = canvas.getContext("2d");
const hidden = new Set();
const view = { x: 0, y: 0, scale: 0.05, width: 0, height: 0 };
let token = null, data = null, chosen = null, wanted = false, timer = 0, fitted = "", colours = {}, asked = 0;

// Where things are: metres east and south of the region's centre, then pixels.
const east = (lon) => (lon - data.lon) * Math.cos(data.lat * Math.PI / 180) * METRES;
const south = (lat) => (data.lat - lat) * METRES;
const across = (lon) => (east(lon) - view.x) * view.scale + view.width / 2;
const down = (lat) => (south(lat) - view.y) * view.scale + view.height / 2;

function shownDrivers() { return data.drivers.filter((one) => !hidden.has(`driver-${one[3]}`)); }
function shownOrders() {
  return data.orders.filter((one) => !hidden.has(`order-${one[1]}`) && !(one[9] > 0 && hidden.has("order-late")));
}

function draw() {
  wanted = false;
  const began = performance.now(), ratio = devicePixelRatio || 1;
  const width = view.width = canvas.clientWidth, height = view.height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, width, height);
  if (!data) return;
  grid(width, height);
  const orders = shownOrders(), drivers = shownDrivers();
  drawOrders(orders);
  drawDrivers(drivers, width, height);
  mark();
  canvas.dataset.drawMs = (performance.now() - began).toFixed(2);
  canvas.dataset.drawn = `${drivers.length} ${orders.length}`;
}
function redraw() { if (!wanted) { wanted = true; requestAnimationFrame(draw); } }

function grid(width, height) {
  const least = 90 / view.scale, power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= least), pixels = step * view.scale;
  pen.strokeStyle = colours.grid;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let x = (width / 2 - view.x * view.scale) % pixels; x < width; x += pixels) { pen.moveTo(x, 0); pen.lineTo(x, height); }
  for (let y = (height / 2 - view.y * view.scale) % pixels; y < height; y += pixels) { pen.moveTo(0, y); pen.lineTo(width, y); }
  pen.stroke();
  const legend = $("legend").getBoundingClientRect(), low = legend.width > width * 0.9 ? legend.top : height;
  const right = width - 16, y = low - 16;
  pen.strokeStyle = pen.fillStyle = colours.quiet;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(right - pixels, y - 5); pen.lineTo(right - pixels, y); pen.lineTo(right, y); pen.lineTo(right, y - 5);
  pen.stroke();
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "right";
  pen.fillText(step >= 1000 ? `${step / 1000} km` : `${step} m`, right, y - 9);
}

function drawOrders(orders) {
  const size = Math.min(5, 2.5 + view.scale * 20);
  for (const status of ORDERS) {
    const these = orders.filter((one) => one[1] === status);
    if (!these.length) continue;
    pen.strokeStyle = pen.fillStyle = colours[status];
    pen.globalAlpha = 0.22;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const one of these) { pen.moveTo(across(one[3]), down(one[2])); pen.lineTo(across(one[5]), down(one[4])); }
    pen.stroke();
    pen.globalAlpha = 1;
    pen.lineWidth = 1.8;
    for (const one of these) pen.fillRect(across(one[3]) - size, down(one[2]) - size, 2 * size, 2 * size);
    pen.beginPath();
    for (const one of these) {
      const x = across(one[5]), y = down(one[4]);
      pen.moveTo(x + size, y);
      pen.arc(x, y, size, 0, 7);
    }
    pen.stroke();
  }
  pen.strokeStyle = colours.late;
  pen.lineWidth = 2;
  pen.beginPath();
  for (const one of orders) {
    if (!(one[9] > 0)) continue;
    const x = across(one[5]), y = down(one[4]);
    pen.moveTo(x + size + 4, y);
    pen.arc(x, y, size + 4, 0, 7);
  }
  pen.stroke();
}

function drawDrivers(drivers, width, height) {
  const size = Math.min(6, 2.6 + view.scale * 25), ratio = devicePixelRatio || 1, half = Math.ceil(size + 1);
  for (const state of DRIVERS) {
    // One dot is drawn and then copied: ten thousand arcs would take longer than a frame.
    const dot = document.createElement("canvas"), ink = dot.getContext("2d");
    dot.width = dot.height = 2 * half * ratio;
    ink.scale(ratio, ratio);
    ink.fillStyle = colours[state];
    ink.strokeStyle = colours.paper;
    ink.arc(half, half, size, 0, 7);
    ink.fill();
    ink.stroke();
    for (const one of drivers) {
      if (one[3] !== state) continue;
      const x = across(one[2]), y = down(one[1]);
      if (x > -9 && y > -9 && x < width + 9 && y < height + 9) pen.drawImage(dot, x - half, y - half, 2 * half, 2 * half);
    }
  }
}

function mark() {
  const one = found();
  if (!one) return;
  const places = chosen.kind === "driver" ? [[one[1], one[2]]] : [[one[2], one[3]], [one[4], one[5]]];
  const other = chosen.kind === "driver" ? null : data.drivers.find((driver) => driver[0] === one[6]);
  if (other) places.push([other[1], other[2]]);
  if (chosen.kind === "driver") {
    for (const order of data.orders) if (order[6] === one[0]) places.push([order[2], order[3]], [order[4], order[5]]);
  }
  pen.strokeStyle = colours.ink;
  pen.lineWidth = 2;
  pen.beginPath();
  for (const [lat, lon] of places) {
    const x = across(lon), y = down(lat);
    pen.moveTo(x + 12, y);
    pen.arc(x, y, 12, 0, 7);
  }
  pen.stroke();
}

function found() {
  if (!chosen || !data) return null;
  return (chosen.kind === "driver" ? data.drivers : data.orders).find((one) => one[0] === chosen.id) || null;
}

// What is told beside the map. Text is only ever set as text.
function make(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}
function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { timeZone: data.timezone, hour: "2-digit", minute: "2-digit" });
}
function tell() {
  const box = $("told"), one = found();
  box.hidden = !chosen;
  if (!chosen) return;
  const close = make("button", "×", "close"), list = make("dl");
  const say = (term, text, kind) => list.append(make("dt", term), make("dd", text, kind));
  close.type = "button";
  close.setAttribute("aria-label", "Close");
  close.onclick = () => { chosen = null; tell(); redraw(); };
  if (!one) {
    list.append(make("dd", chosen.kind === "driver" ? "No longer on shift." : "No longer open."));
  } else if (chosen.kind === "driver") {
    say("State", one[3]);
    say("Carries", `${one[4]} of ${one[5]}`);
    say("Heard", `${one[6]} s ago`);
    say("Place", `${one[1].toFixed(5)}, ${one[2].toFixed(5)}`);
    for (const order of data.orders) if (order[6] === one[0]) say("Order", `${order[10]}, ${WORDS[order[1]] || order[1]}`);
  } else {
    say("Restaurant", one[10]);
    say("Status", WORDS[one[1]] || one[1]);
    say("Promised", clock(one[7]));
    say("Expected", clock(one[8]));
    if (one[9] > 0) say("Late", `${Math.ceil(one[9] / 60)} min`, "late");
    say("Driver", (chosen.more && chosen.more.driver_name) || one[6] || "none yet");
    if (chosen.more) {
      say("Customer", chosen.more.customer_name);
      if (chosen.more.dropoff) say("Drop-off", chosen.more.dropoff.address);
    }
  }
  say("Id", chosen.id);
  box.replaceChildren(make("h3", chosen.kind === "driver" ? "Driver" : "Order"), close, list);
}

async function choose(kind, id) {
  const mine = chosen = { kind, id, more: null };
  tell();
  redraw();
  if (kind !== "order") return;
  const answer = await call(`/v1/support/orders/${encodeURIComponent(id)}`).catch(() => null);
  if (answer && answer.ok) { mine.more = await answer.json(); if (chosen === mine) tell(); }
}
function press(x, y) {
  let best = null, least = REACH;
  const near = (kind, id, lat, lon) => {
    const far = Math.hypot(across(lon) - x, down(lat) - y);
    if (far < least) { least = far; best = [kind, id]; }
  };
  for (const one of shownDrivers()) near("driver", one[0], one[1], one[2]);
  for (const one of shownOrders()) { near("order", one[0], one[4], one[5]); near("order", one[0], one[2], one[3]); }
  if (best) choose(...best);
  else { chosen = null; tell(); redraw(); }
}

function fit() {
  const wide = innerWidth > 700, legend = $("legend").getBoundingClientRect();
  const places = [...data.drivers.map((one) => [one[1], one[2]]), ...data.orders.flatMap((one) => [[one[2], one[3]], [one[4], one[5]]])];
  // The outermost hundredth may lie outside: one lost device must not make a city a dot.
  const xs = places.map((one) => east(one[1])).sort((a, b) => a - b), ys = places.map((one) => south(one[0])).sort((a, b) => a - b);
  const cut = Math.floor(places.length / 100), last = places.length - 1 - cut;
  const [left, right, top, bottom] = places.length ? [xs[cut], xs[last], ys[cut], ys[last]] : [-3000, 3000, -3000, 3000];
  const room = { left: wide ? legend.right + 12 : 12, top: 60, right: canvas.clientWidth - 24, bottom: (wide ? canvas.clientHeight : legend.top) - 40 };
  view.scale = Math.min((room.right - room.left) / Math.max(right - left, 500), (room.bottom - room.top) / Math.max(bottom - top, 500));
  view.x = (left + right) / 2 - ((room.left + room.right) / 2 - canvas.clientWidth / 2) / view.scale;
  view.y = (top + bottom) / 2 - ((room.top + room.bottom) / 2 - canvas.clientHeight / 2) / view.scale;
  redraw();
}
function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const scale = Math.min(5, Math.max(0.002, view.scale * factor));
  view.x += (x - canvas.clientWidth / 2) * (1 / view.scale - 1 / scale);
  view.y += (y - canvas.clientHeight / 2) * (1 / view.scale - 1 / scale);
  view.scale = scale;
  redraw();
}

// The session: its token is in this variable and nowhere else.
function call(path, options = {}) {
  const headers = { ...(options.headers || {}), ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  return fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
}
function leave(why = "") {
  if (token) call("/v1/sessions/current", { method: "DELETE", keepalive: true }).catch(() => null);
  token = data = chosen = null;
  clearTimeout(timer);
  $("watch").hidden = true;
  $("log-in").hidden = false;
  $("refused").textContent = why;
  tell();
}
async function enter(event) {
  event.preventDefault();
  $("refused").textContent = "";
  try {
    const body = JSON.stringify({ email: $("email").value, password: $("password").value });
    const answer = await call("/v1/sessions", { method: "POST", body, headers: { "Content-Type": "application/json" } });
    const told = await answer.json();
    if (!answer.ok) { $("refused").textContent = told.detail || told.title || "Not logged in."; return; }
    token = told.token;
  } catch { $("refused").textContent = "The server does not answer."; return; }
  $("password").value = "";
  $("log-in").hidden = true;
  $("watch").hidden = false;
  poll();
}
async function poll() {
  clearTimeout(timer);
  if (!token) return;
  const mine = ++asked, region = $("region").value;
  if (!document.hidden) {
    try {
      const answer = await call(`/v1/ops/map?region=${encodeURIComponent(region)}`);
      if (mine !== asked || !token) return;
      if (answer.status === 401) { leave("The session is over: log in again."); return; }
      if (answer.status === 403) { leave("This page is for support and admins."); return; }
      if (!answer.ok) throw new Error(`The server answered ${answer.status}`);
      const told = await answer.json();
      if (mine !== asked || !token) return;
      take(told);
    } catch (error) {
      if (mine !== asked || !token) return;
      $("live").textContent = data ? "Not live: no answer" : String(error.message || error);
      $("live").className = "stale";
    }
  }
  timer = setTimeout(poll, EVERY_MS);
}
function take(told) {
  data = told;
  const counts = {};
  const add = (key) => { counts[key] = (counts[key] || 0) + 1; };
  for (const one of data.drivers) add(`driver-${one[3]}`);
  for (const one of data.orders) { add(`order-${one[1]}`); if (one[9] > 0) add("order-late"); }
  for (const key of document.querySelectorAll("#legend [data-key]")) $(key.dataset.key).textContent = counts[key.dataset.key] || 0;
  $("drivers").textContent = data.drivers.length + (data.unplaced ? ` (+${data.unplaced} unplaced)` : "");
  $("orders").textContent = data.orders.length;
  const at = new Date(data.at).toLocaleTimeString("en-GB", { timeZone: data.timezone });
  $("live").textContent = `Live ${at}${data.truncated ? ", not all shown" : ""}`;
  $("live").className = "";
  if (fitted !== data.region) { fitted = data.region; fit(); }
  tell();
  redraw();
}

function look() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "ink", "quiet", "grid", "late", ...DRIVERS, ...ORDERS]) colours[name] = style.getPropertyValue(`--${name}`).trim();
  redraw();
}
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
$("region").onchange = () => { data = chosen = null; tell(); redraw(); poll(); };
document.onvisibilitychange = () => { if (!document.hidden) poll(); };
addEventListener("pagehide", () => leave());
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look);
look();
