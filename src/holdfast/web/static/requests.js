// A provider's requests as they come. The list is drawn by the server; this only fetches it again when it has changed, and
// counts down the time to answer by the seconds that the server has given.
const place = document.getElementById("requests");
const LOOK_AGAIN_MS = 15_000;
const TICK_MS = 1_000;
let fetched = performance.now(); // what the seconds on the page count from
let looked = fetched;

function timeLeft(seconds) {
  const minutes = Math.max(0, Math.floor(seconds / 60));
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  const parts = [[days, "day"], [hours, "hour"], [days ? 0 : minutes % 60, "minute"]];
  const words = parts.filter(([count]) => count).map(([count, name]) => `${count} ${name}${count === 1 ? "" : "s"}`);
  return words.join(" ") || "less than a minute";
}

function tick() {
  const gone = (performance.now() - fetched) / 1000;
  let over = false;
  for (const left of place.querySelectorAll("[data-answer-seconds]")) {
    const seconds = Number(left.dataset.answerSeconds) - gone;
    const words = timeLeft(seconds);
    if (left.textContent !== words) left.textContent = words;
    over = over || seconds <= 0;
  }
  if (over && performance.now() - looked > LOOK_AGAIN_MS) show();
}

function busy() {
  return place.contains(document.activeElement) || place.querySelector("details[open]") !== null;
}

function part() {
  return document.getElementById("requests-part");
}

async function show() {
  looked = performance.now();
  if (busy()) {
    document.getElementById("requests-changed").hidden = false;
    return;
  }
  try {
    const answer = await fetch(`/provider/requests?list=${place.dataset.list}&part=yes`, { redirect: "manual" });
    if (answer.ok) {
      place.innerHTML = await answer.text();
      fetched = performance.now();
    }
  } catch {
    // No network just now: what is on the page stays, and the stream tells again.
  }
}

function heard({ new: waiting, mark }) {
  if (part().dataset.mark === mark) return;
  if (Number(part().dataset.waiting) !== waiting) {
    document.getElementById("requests-news").textContent =
      waiting === 0 ? "No requests to answer." : waiting === 1 ? "One request to answer." : `${waiting} requests to answer.`;
  }
  show();
}

function follow() {
  const source = new EventSource("/provider/live");
  source.addEventListener("requests", (message) => heard(JSON.parse(message.data)));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, LOOK_AGAIN_MS);
  });
  addEventListener("pagehide", () => source.close(), { once: true });
  addEventListener("pageshow", (event) => { if (event.persisted) { show(); follow(); } }, { once: true });
}

if (place) {
  setInterval(tick, TICK_MS);
  follow();
}
