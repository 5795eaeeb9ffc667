// The session: its token is in this variable and nowhere else.
const PATIENCE_MS = 5000;
function call(path, options = {}, patienceMs = PATIENCE_MS) {
  const headers = { ...(options.headers || {}), ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  return fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(patienceMs) });
}
// Browsers' own words for a lost connection differ, and tell nothing.
function why(error) { return error.name === "Error" ? error.message : "The server does not answer"; }
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
}
function leave(because = "") {
  const ending = { method: "DELETE", keepalive: true, headers: { "Idempotency-Key": newKey() } };
  if (token) call("/v1/sessions/current", ending).catch(() => null);
  token = data = chosen = null;
  forget();
  clearTimeout(timer);
  $("watch").hidden = true;
  document.body.dataset.time = "live";
  present();
  status("", "");
  $("log-in").hidden = false;
  $("refused").textContent = because;
  tell();
  redraw();
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
      tick(told.at);
      if (!replay) { document.body.dataset.time = "live"; take(told); }
    } catch (error) {
      if (mine !== asked || !token) return;
      if (!replay) status("stale", data ? "Not live: no answer" : why(error));
    }
  }
  // In a replay only to know how late it is.
  timer = setTimeout(poll, replay ? 10 * EVERY_MS : EVERY_MS);
}
function take(told) {
  show(told);
  status("", `Live ${time(Date.parse(told.at) / 1000)}`);
  note(told.truncated ? "There is more than can be shown: not all drivers or orders are drawn." : "");
  redraw();
}
let toldOn = 0;
function show(told) {
  const counts = {}, set = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };
  const add = (key) => { counts[key] = (counts[key] || 0) + 1; };
  data = told;
  for (const one of data.drivers) add(`driver-${one[3]}`);
  for (const one of data.orders) { add(`order-${one[1]}`); if (one[9] >= LATE) add("order-late"); }
  for (const key of document.querySelectorAll("#legend [data-key]")) set(key.dataset.key, String(counts[key.dataset.key] || 0));
  set("drivers", data.drivers.length + (data.unplaced ? `, ${data.unplaced} unplaced` : ""));
  set("orders", String(data.orders.length));
  // Once for an empty region, and once when it fills.
  const full = data.region, empty = `${full}, empty`, fits = data.drivers.length || data.orders.length ? full : empty;
  if (fitted !== full && fitted !== fits) { fitted = fits; fit(); }
  if (!replay || !replay.playing || performance.now() - toldOn > 250) { toldOn = performance.now(); tell(); }
}
