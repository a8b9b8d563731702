// The plan of the room and the list beside it: one tap takes a seat, and both always say the same.
const fieldsets = [...document.querySelectorAll("fieldset.unit")];
const news = document.getElementById("seat-news");
const soldOut = document.getElementById("sold-out");
const count = (text) => Number.parseInt(text, 10) || 0;

function chosen(unit) {
  return count(unit.querySelector("select").value);
}

// How much of the capacity a choice takes: all of it where a table is sold whole.
function takes(unit) {
  return chosen(unit) > 0 && unit.dataset.pricing === "per_unit" ? count(unit.dataset.capacity) : chosen(unit);
}

function mostGuests(unit) {
  const { pricing, available, capacity } = unit.dataset;
  if (pricing === "per_unit") return available === capacity ? count(capacity) : 0;
  return count(available);
}

function words(unit) {
  const { available, capacity, held, pricing } = unit.dataset;
  if (mostGuests(unit) === 0) return count(held) > 0 ? "Held by other guests just now" : "Fully booked";
  if (pricing === "per_unit") return "Free";
  return `${available} of ${capacity} free`;
}

function drawSeats(unit, table) {
  const { booked, held } = unit.dataset;
  const states = [[count(booked), "booked"], [count(held), "held"], [takes(unit), "mine"]];
  const seats = [...table.querySelectorAll(".seat")];
  let next = 0;
  for (const [number, state] of states) {
    for (let i = 0; i < number && next < seats.length; i += 1, next += 1) seats[next].setAttribute("class", `seat seat-${state}`);
  }
  for (; next < seats.length; next += 1) seats[next].setAttribute("class", "seat seat-free");
}

function drawTable(unit) {
  const table = document.querySelector(`.plan-table[data-unit="${unit.dataset.unit}"]`);
  if (!table) return;
  const free = mostGuests(unit);
  table.dataset.status = free > 0 ? "available" : count(unit.dataset.held) > 0 ? "held" : "booked";
  const left = table.querySelector("[data-left]");
  if (left) left.textContent = free > 0 ? `${free} free` : table.dataset.status === "held" ? "held" : "full";
  if (chosen(unit) > 0) table.dataset.mine = "";
  else delete table.dataset.mine;
  drawSeats(unit, table);
}

function draw(unit) {
  unit.querySelector("[data-left]").textContent = words(unit);
  if (chosen(unit) > 0) unit.dataset.mine = "";
  else delete unit.dataset.mine;
  drawTable(unit);
}

// The select offers what is free now. A choice that no longer fits is lowered, and said aloud.
function offer(unit) {
  const select = unit.querySelector("select");
  const most = mostGuests(unit);
  const wanted = chosen(unit);
  const noun = unit.dataset.pricing === "per_unit" ? "guest" : "seat";
  const options = [new Option(most ? "None" : "Not available", "0")];
  for (let i = 1; i <= most; i += 1) options.push(new Option(`${i} ${noun}${i === 1 ? "" : "s"}`, String(i)));
  select.replaceChildren(...options);
  select.disabled = most === 0;
  select.value = String(Math.min(wanted, most));
  if (wanted > most) {
    news.textContent = `${unit.dataset.label}: ${words(unit)}. Your choice there is now ${most === 0 ? "empty" : most}.`;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

function update(unit, now) {
  const before = unit.dataset.available;
  unit.dataset.booked = now.booked;
  unit.dataset.held = now.held;
  unit.dataset.available = now.available;
  if (before !== String(now.available)) offer(unit);
  draw(unit);
}

function takeOneMore(unit) {
  const select = unit.querySelector("select");
  const most = mostGuests(unit);
  if (most === 0) {
    news.textContent = `${unit.dataset.label}: ${words(unit)}.`;
    return;
  }
  const whole = unit.dataset.pricing === "per_unit";
  const next = chosen(unit) >= most ? 0 : whole && chosen(unit) === 0 ? most : whole ? 0 : chosen(unit) + 1;
  select.value = String(next);
  select.dispatchEvent(new Event("change", { bubbles: true }));
  news.textContent = `${unit.dataset.label}: ${next === 0 ? "nothing chosen" : `${next} chosen`}.`;
}

document.addEventListener("holdfast:availability", ({ detail }) => {
  const now = new Map(detail.units.map((unit) => [String(unit.unit_id), unit]));
  for (const unit of fieldsets) if (now.has(unit.dataset.unit)) update(unit, now.get(unit.dataset.unit));
  soldOut.hidden = detail.available > 0;
});

for (const unit of fieldsets) {
  unit.addEventListener("change", () => draw(unit));
  document.querySelector(`.plan-table[data-unit="${unit.dataset.unit}"]`)?.addEventListener("click", (event) => {
    event.preventDefault();
    takeOneMore(unit);
  });
}
document.addEventListener("holdfast:restored", () => fieldsets.forEach(draw));
fieldsets.forEach(draw);
