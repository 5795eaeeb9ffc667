"use strict";
const $ = (id) => document.getElementById(id);
const EVERY_MS = 1000, LATE = 60, METRES = 111195, REACH = 14;
const DRIVERS = ["suspended", "free", "busy", "silent"];
const ORDERS = ["placed", "confirmed", "preparing", "ready_for_pickup", "picked_up"];
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
  return data.orders.filter((one) => !hidden.has(`order-${one[1]}`) && !(one[9] >= LATE && hidden.has("order-late")));
}

function draw() {
  wanted = false;
  const began = performance.now();
  if (replay) advance();
  const ratio = devicePixelRatio || 1;
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
  blank();
  drawOrders(orders);
  drawDrivers(drivers);
  drawLate(orders);
  lay(width, height);
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
  const right = width - 16, y = $("time").getBoundingClientRect().top - 12;
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
    const these = orders.filter((one) => one[1] === status), end = ring(size, colours[status], 1.8);
    pen.strokeStyle = pen.fillStyle = colours[status];
    pen.globalAlpha = 0.22;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const one of these) { pen.moveTo(across(one[3]), down(one[2])); pen.lineTo(across(one[5]), down(one[4])); }
    pen.stroke();
    pen.globalAlpha = 1;
    for (const one of these) {
      pen.fillRect(across(one[3]) - size, down(one[2]) - size, 2 * size, 2 * size);
      stamp(end, across(one[5]), down(one[4]));
    }
  }
}
function drawLate(orders) {
  const late = ring(Math.min(5, 2.5 + view.scale * 20) + 4, colours.late, 2);
  for (const one of orders) if (one[9] >= LATE) stamp(late, across(one[5]), down(one[4]));
}

function drawDrivers(drivers) {
  // Where there are thousands each is smaller, so that a crowd still has a shape.
  const size = Math.min(6, 2.6 + view.scale * 25) * Math.max(0.55, Math.min(1, Math.sqrt(2500 / (drivers.length + 1))));
  for (const state of DRIVERS) {
    const one = dot(size, colours[state]);
    for (const driver of drivers) if (driver[3] === state) stamp(one, across(driver[2]), down(driver[1]));
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
  // The way of an order, and of its driver to what comes next.
  const ways = chosen.kind === "driver" ? data.orders.filter((order) => order[6] === one[0]) : [one];
  for (const order of ways) {
    const driver = chosen.kind === "driver" ? one : other, taken = order[1] === "picked_up";
    if (driver) { pen.moveTo(across(driver[2]), down(driver[1])); pen.lineTo(across(order[taken ? 5 : 3]), down(order[taken ? 4 : 2])); }
    if (!taken) { pen.moveTo(across(order[3]), down(order[2])); pen.lineTo(across(order[5]), down(order[4])); }
  }
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

// What legend, slider and, where there is space enough beside it, what is told of somebody leave of the canvas.
function clear() {
  const wide = innerWidth > 700, legend = $("legend").getBoundingClientRect(), told = $("told").getBoundingClientRect();
  const room = { left: wide ? legend.right + 12 : 12, top: 60, right: canvas.clientWidth - 24, bottom: $("time").getBoundingClientRect().top - 36 };
  if (chosen && wide && told.left - room.left > 300) room.right = told.left - 24;
  if (chosen && !wide && room.bottom - told.bottom > 120) room.top = told.bottom + 24;
  return room;
}
function fit() {
  const places = [...data.drivers.map((one) => [one[1], one[2]]), ...data.orders.flatMap((one) => [[one[2], one[3]], [one[4], one[5]]])];
  // The outermost hundredth may lie outside: one lost device must not make a city a dot.
  const xs = places.map((one) => east(one[1])).sort((a, b) => a - b), ys = places.map((one) => south(one[0])).sort((a, b) => a - b);
  const cut = Math.floor(places.length / 100), last = places.length - 1 - cut;
  const [left, right, top, bottom] = places.length ? [xs[cut], xs[last], ys[cut], ys[last]] : [-3000, 3000, -3000, 3000];
  const room = clear();
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

function look() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "ink", "quiet", "grid", "late", ...DRIVERS, ...ORDERS]) colours[name] = style.getPropertyValue(`--${name}`).trim();
  redraw();
}
