// The last hour: slices of five minutes, fetched when they are looked at, between whose samples drivers go straight.
const HOUR = 3600, SLICE = 300, MOST_SLICES = 16, AGAIN_MS = 2000;
const LETTERS = { f: "free", b: "busy", s: "silent", x: "suspended" };
const slices = new Map();
let replay = null; // { at: Unix seconds, playing, frame: when the last one was drawn }

// Business time goes on after an answer as fast as it did over the last half a minute of answers.
const ticks = [];
let first = null, latest = null;
function tick(at) {
  latest = { at: Date.parse(at) / 1000, on: performance.now() / 1000 };
  ticks.push(latest);
  while (ticks.length > 2 && ticks[1].on < latest.on - 30) ticks.shift();
  first = ticks[0];
}
function rate() { return latest.on - first.on > 1 ? Math.max(0, (latest.at - first.at) / (latest.on - first.on)) : 1; }
function now() { return latest ? latest.at + (performance.now() / 1000 - latest.on) * rate() : Date.now() / 1000; }
function forget() { slices.clear(); ticks.length = 0; replay = first = latest = null; }

function decoded(told) {
  told.from = Date.parse(told.since) / 1000;
  told.known = told.from + (told.samples - 1) * told.step_seconds;
  told.places = new Map();
  for (const row of told.drivers) {
    let lat = 0, lon = 0;
    for (let k = 0; k < row[2].length; k++) {
      if (row[2][k] === null) { row[2][k] = row[3][k] = NaN; continue; }
      row[2][k] = told.lat + (lat += row[2][k]) / 1e5;
      row[3][k] = told.lon + (lon += row[3][k]) / 1e5;
    }
    told.places.set(row[0], row);
  }
  return told;
}
function slice(at) {
  const from = Math.floor(at / SLICE) * SLICE, known = slices.get(from) || null;
  const grows = known && known.told && known.told.known + known.told.step_seconds < from + SLICE;
  const due = !known || (!known.asking && (known.failed || (grows && at > known.told.known)) && performance.now() - known.on > AGAIN_MS);
  if (due) ask(from, known && known.told);
  return slices.get(from);
}
async function ask(from, told) {
  const mine = { told, asking: true, failed: "", on: performance.now() }, region = $("region").value;
  slices.delete(from);
  slices.set(from, mine);
  while (slices.size > MOST_SLICES) slices.delete(slices.keys().next().value);
  try {
    const since = new Date(from * 1000).toISOString();
    const path = `/v1/ops/map/history?region=${encodeURIComponent(region)}&since=${encodeURIComponent(since)}`;
    const answer = await call(path, {}, 2 * PATIENCE_MS);
    if (answer.status === 401) { leave("The session is over: log in again."); return; }
    if (!answer.ok) throw new Error(`The server answered ${answer.status}`);
    mine.told = decoded(await answer.json());
  } catch (error) {
    mine.failed = why(error);
    setTimeout(() => { if (replay) redraw(); }, AGAIN_MS + 50);
  }
  mine.asking = false;
  mine.on = performance.now();
  if (replay && slices.get(from) === mine) redraw();
}

// A moment of a slice, in the rows that live answers have; null while it is not there yet.
function then(at) {
  const held = slice(at);
  if (!held.told) return null;
  const told = held.told, step = told.step_seconds, k = Math.min(told.samples - 1, Math.floor((at - told.from) / step));
  const part = Math.min(1, (at - told.from) / step - k), last = k === told.samples - 1;
  const next = last && told.known + step >= told.from + SLICE ? slices.get(told.from + SLICE) : null;
  const orders = [], carried = new Map(), drivers = [];
  for (const [id, name, fromLat, fromLon, toLat, toLon, promised, steps] of told.orders) {
    let was = null;
    for (const one of steps) if (one[0] <= at - told.from) was = one;
    if (!was || !ORDERS.includes(was[1])) continue;
    orders.push([id, was[1], fromLat, fromLon, toLat, toLon, was[2], promised, was[3], Math.max(at, was[3]) - promised, name]);
    if (was[2]) carried.set(was[2], (carried.get(was[2]) || 0) + 1);
  }
  let unplaced = 0;
  for (const row of told.drivers) {
    const state = LETTERS[row[1][k]];
    if (!state) { unplaced += row[1][k] === "u"; continue; }
    let lat = row[2][k], lon = row[3][k];
    const after = last ? next && next.told && next.told.places.get(row[0]) : row, n = last ? 0 : k + 1;
    if (after && LETTERS[after[1][n]]) { lat += (after[2][n] - lat) * part; lon += (after[3][n] - lon) * part; }
    drivers.push([row[0], lat, lon, state, carried.get(row[0]) || 0, null, null]);
  }
  const { region, timezone, truncated } = told;
  return { region, timezone, lat: told.lat, lon: told.lon, at, drivers, orders, unplaced, truncated, step };
}

// Each frame of a replay; where a slice is not there yet, time stands still.
function advance() {
  const here = performance.now(), passed = Math.min(0.25, (here - replay.frame) / 1000);
  replay.frame = here;
  replay.at = Math.max(replay.at, now() - HOUR);
  const before = replay.at;
  if (replay.playing) replay.at += passed * Number($("speed").value);
  if (replay.at >= now()) { live(); return; }
  const was = then(replay.at);
  if (was) show(was);
  else replay.at = Math.max(before, now() - HOUR);
  if (replay.playing && (replay.at % SLICE) > SLICE / 4 && replay.at + SLICE < now()) slice(replay.at + SLICE);
  mention(was);
  $("moment").value = String(Math.round(replay.at - now()));
  if (replay.playing) redraw();
}
function mention(was) {
  const held = slices.get(Math.floor(replay.at / SLICE) * SLICE), at = time(replay.at);
  const loading = !was || (held && held.asking && replay.at > held.told.known + held.told.step_seconds);
  document.body.dataset.fetching = String(!was);
  status(held && held.failed && !was ? "stale" : "past", `At ${at}`);
  $("moment").setAttribute("aria-valuetext", at);
  if (held && held.failed && !was) note(`The past cannot be shown. ${held.failed}.`);
  else if (loading) note("Fetching what was…");
  else if (!was.drivers.length && !was.orders.length && !was.unplaced) note("Nobody was on shift and no order was open then.");
  else if (!was.drivers.length && was.unplaced) note("No positions were kept of then: drivers are counted, not drawn.");
  else if (was.truncated) note("There was more than can be shown: not all drivers or orders are drawn.");
  else note("");
  $("how").textContent = was ? `Positions are of every ${was.step} s; between two of them drivers are drawn on a straight line.` : "";
}
function time(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { timeZone: data ? data.timezone : "UTC" });
}
function seek(at, playing = Boolean(replay && replay.playing)) {
  if (!data && !replay) return;
  if (at >= now()) { live(); return; }
  replay = { at: Math.max(at, now() - HOUR), playing, frame: performance.now() };
  document.body.dataset.time = "past";
  $("moment").value = String(Math.round(replay.at - now()));
  buttons();
  redraw();
}
function play() {
  if (replay) { replay.playing = !replay.playing; replay.frame = performance.now(); buttons(); redraw(); } else seek(now() - HOUR, true);
}
function live() {
  present();
  if (token) status("past", "Going live…");
  poll();
}
function present() {
  replay = null;
  $("moment").value = "0";
  $("moment").setAttribute("aria-valuetext", "Live");
  $("how").textContent = "";
  document.body.dataset.fetching = "false";
  note("");
  buttons();
}
function buttons() {
  const playing = Boolean(replay && replay.playing);
  $("play").textContent = playing ? "Pause" : "Play";
  $("play").title = replay ? "Space" : "Replay the last hour (Space)";
  $("now").disabled = !replay;
}
function status(kind, text) {
  if ($("live").textContent !== text) $("live").textContent = text;
  $("live").className = kind;
}
function note(text) { if ($("note").textContent !== text) $("note").textContent = text; }

$("play").onclick = play;
$("now").onclick = live;
$("moment").oninput = () => seek(now() + Number($("moment").value));
addEventListener("keydown", (event) => {
  if ($("watch").hidden || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|BUTTON)$/.test(event.target.tagName) && event.key === " " && event.target.id !== "moment") return;
  const jump = { ",": -10, ".": 10, "<": -60, ">": 60 }[event.key];
  if (event.key === " ") { event.preventDefault(); play(); }
  if (jump) seek((replay ? replay.at : now()) + jump);
  if (event.key === "l" && replay && event.target.tagName !== "SELECT") live();
});
