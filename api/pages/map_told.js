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
  if (!chosen) { box.replaceChildren(); return; }
  const list = make("dl");
  const say = (term, text, kind) => list.append(make("dt", term), make("dd", text, kind));
  if (!one) {
    list.append(make("dd", chosen.kind === "driver" ? replay ? "Not on shift then." : "No longer on shift." : replay ? "Not open then." : "No longer open."));
  } else if (chosen.kind === "driver") {
    say("State", one[3]);
    say("Carries", one[5] === null ? String(one[4]) : `${one[4]} of ${one[5]}`);
    if (one[6] !== null) say("Heard", `${one[6]} s ago`);
    say("Place", `${one[1].toFixed(5)}, ${one[2].toFixed(5)}`);
    for (const order of data.orders) if (order[6] === one[0]) say("Order", `${order[10]}, ${WORDS[order[1]] || order[1]}`);
  } else {
    say("Restaurant", one[10]);
    say("Status", WORDS[one[1]] || one[1]);
    say("Promised", clock(one[7]));
    say("Expected", clock(one[8]));
    if (one[9] >= LATE) say("Late", `${Math.ceil(one[9] / 60)} min`, "late");
    say("Driver", (chosen.more && chosen.more.driver_id === one[6] && chosen.more.driver_name) || one[6] || "none yet");
    if (chosen.more) {
      say("Customer", chosen.more.customer_name);
      if (chosen.more.dropoff) say("Drop-off", chosen.more.dropoff.address);
    }
  }
  say("Id", chosen.id);
  const shown = box.querySelector("dl");
  if (box.dataset.kind === chosen.kind && shown) { if (!shown.isEqualNode(list)) shown.replaceWith(list); return; }
  const close = make("button", "×", "close");
  close.type = "button";
  close.setAttribute("aria-label", "Close");
  close.onclick = () => { chosen = null; tell(); redraw(); };
  box.dataset.kind = chosen.kind;
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
