// The running total, and nothing typed is lost: what is in the form is kept in this tab until the booking is done.
const form = document.getElementById("book");

function begin() {
  const { currency, exponent, locale, event, fresh, free = "Book", going = "Holding your seats…" } = form.dataset;
  const digits = Number(exponent);
  const format = new Intl.NumberFormat(locale, { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits });
  const money = (minor) => format.format(minor / 10 ** digits);
  const lines = form.querySelector("[data-lines]");
  const nothing = form.querySelector("[data-nothing]");
  const total = form.querySelector("[data-total]");
  const go = form.querySelector("[data-go]");
  const memory = `holdfast:event:${event}`;
  const number = (text) => Math.max(0, Number.parseInt(text, 10) || 0);

  function seatLines() {
    return [...form.querySelectorAll("fieldset.unit")].flatMap((unit) => {
      const seats = number(unit.querySelector("select").value);
      const whole = unit.dataset.pricing === "per_unit";
      const noun = whole ? "guest" : "seat";
      return seats === 0 ? [] : [{
        label: unit.dataset.label,
        detail: `${seats} ${noun}${seats === 1 ? "" : "s"}`,
        amount: number(unit.dataset.price) * (whole ? 1 : seats),
      }];
    });
  }

  function menuLines() {
    return [...form.querySelectorAll(".dish")].flatMap((dish) => {
      const quantity = number(dish.querySelector("input").value);
      return quantity === 0 ? [] : [{ label: dish.dataset.label, detail: `${quantity} ×`, amount: number(dish.dataset.price) * quantity }];
    });
  }

  function row({ label, detail, amount }) {
    const line = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = label;
    const small = document.createElement("span");
    small.className = "sums-detail";
    small.textContent = detail;
    name.append(small);
    const sum = document.createElement("td");
    sum.className = "money";
    sum.textContent = money(amount);
    line.append(name, sum);
    return line;
  }

  function show() {
    const seats = seatLines();
    const all = [...seats, ...menuLines()];
    const sum = all.reduce((so_far, line) => so_far + line.amount, 0);
    lines.tBodies[0].replaceChildren(...all.map(row));
    lines.hidden = all.length === 0;
    nothing.hidden = all.length > 0;
    if (total.textContent !== money(sum)) total.textContent = money(sum);
    go.textContent = seats.length === 0 ? "Choose your seats" : sum === 0 ? free : `Pay ${money(sum)}`;
  }

  function keep() {
    const fields = [...new FormData(form)].filter(([name]) => name !== "step" && name !== "form");
    try {
      sessionStorage.setItem(memory, JSON.stringify(fields));
    } catch {
      // A browser that keeps nothing keeps nothing; the server repeats what was typed anyway.
    }
  }

  // Only into a page that the server has not filled in itself.
  function restore() {
    if (fresh !== "yes") return;
    for (const [name, value] of JSON.parse(sessionStorage.getItem(memory) || "[]")) {
      const field = form.elements.namedItem(name);
      if (!field || field.disabled) continue;
      if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) continue;
      field.value = value;
    }
    document.dispatchEvent(new Event("holdfast:restored"));
  }

  function step(button) {
    const input = button.parentElement.querySelector("input");
    input.value = String(Math.min(99, Math.max(0, number(input.value) + Number(button.dataset.step))));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.documentElement.classList.add("scripted");
  form.querySelector("input[name=step]").value = "book";
  for (const hidden of form.querySelectorAll("[data-with-script], [data-step]")) hidden.hidden = false;
  for (const plain of form.querySelectorAll("[data-without-script]")) plain.hidden = true;
  try {
    restore();
  } catch {
    sessionStorage.removeItem(memory);
  }
  show();
  form.addEventListener("input", () => { show(); keep(); });
  form.addEventListener("change", () => { show(); keep(); });
  form.addEventListener("click", ({ target }) => { if (target.dataset?.step) step(target); });
  form.addEventListener("submit", () => {
    keep();
    go.disabled = true;
    go.textContent = going;
  });
  addEventListener("pageshow", () => { go.disabled = false; show(); });
  document.getElementById("errors")?.focus();
}

if (form) begin();
