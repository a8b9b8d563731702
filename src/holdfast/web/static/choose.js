// Another day or month without leaving the page: the same form is sent, and only the calendar of the answer is taken. What was
// typed stays where it is; without scripts each day is a plain button.
const form = document.getElementById("request");
const STALE_AFTER_MS = 60_000;
let looked = performance.now();
let turn = 0;

function chosen() {
  return form.querySelector('input[name="slot"]:checked');
}

function showChosen() {
  const place = form.querySelector("[data-chosen]");
  if (!place) return;
  const time = chosen();
  const label = form.querySelector("[data-chosen-label]");
  place.hidden = label.hidden = !time;
  if (!time) return;
  const options = { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", hour12: false };
  const locale = document.documentElement.lang;
  place.textContent = new Intl.DateTimeFormat(locale, { ...options, timeZone: form.dataset.zone }).format(new Date(time.dataset.when));
}

async function show(day, zone) {
  const mine = ++turn;
  const calendar = document.getElementById("calendar");
  const address = new URL(location.pathname, location.origin);
  address.searchParams.set("day", day);
  address.searchParams.set("zone", zone);
  const slot = chosen()?.value;
  if (slot) address.searchParams.set("slot", slot);
  calendar?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("calendar");
    if (!fresh || mine !== turn) return mine !== turn;
    calendar.replaceWith(document.importNode(fresh, true));
    form.dataset.zone = page.getElementById("request").dataset.zone;
    const kept = form.querySelector('input[name="day"]');
    if (kept) kept.value = fresh.dataset.day;
    looked = performance.now();
    showChosen();
    return true;
  } catch {
    calendar?.removeAttribute("aria-busy");
    return false; // then the button does what it does without scripts
  }
}

async function press(event) {
  const button = event.target.closest('button[name="show"]');
  if (!button || !button.value) return;
  event.preventDefault();
  const zone = form.querySelector("#field-zone")?.value ?? form.dataset.zone;
  const wasDay = button.classList.contains("day");
  if (!(await show(button.value, zone))) {
    form.requestSubmit(button);
    return;
  }
  const first = wasDay ? document.querySelector("#field-slot input") : null;
  (first ?? document.querySelector('#calendar .day[aria-pressed="true"]') ?? document.getElementById("field-slot")).focus();
}

if (form) {
  let skip = false;
  form.addEventListener("click", (event) => {
    if (!skip) press(event);
  });
  form.addEventListener("change", (event) => {
    if (event.target.name === "slot") showChosen();
  });
  form.addEventListener("submit", (event) => {
    // Sent once; a second click would be answered by the same booking, but need not be asked.
    const go = form.querySelector("[data-go]");
    if (event.submitter?.name === "show") {
      skip = true;
      return;
    }
    if (go?.dataset.sent) event.preventDefault();
    else if (go) go.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    const go = form.querySelector("[data-go]");
    if (go) delete go.dataset.sent;
    showChosen();
  });
  document.addEventListener("visibilitychange", () => {
    const calendar = document.getElementById("calendar");
    if (calendar && document.visibilityState === "visible" && performance.now() - looked > STALE_AFTER_MS) {
      show(calendar.dataset.day, form.dataset.zone);
    }
  });
  document.getElementById("errors")?.focus();
}
