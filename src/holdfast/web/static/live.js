// Seats as they change. Server-sent events reconnect by themselves; where they are not to be had, the counts are fetched.
const form = document.getElementById("book");
const FETCH_EVERY_MS = 15000;

function tell(availability) {
  document.dispatchEvent(new CustomEvent("holdfast:availability", { detail: availability }));
}

async function fetchNow() {
  try {
    const answer = await fetch(`/api/events/${form.dataset.event}/availability`, { headers: { Accept: "application/json" } });
    if (answer.ok) tell(await answer.json());
  } catch {
    // Offline: what is on the page stays; the server has the last word when the form is sent.
  }
}

function follow() {
  const source = new EventSource(`/api/events/${form.dataset.event}/live`);
  source.addEventListener("availability", (message) => tell(JSON.parse(message.data)));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setInterval(fetchNow, FETCH_EVERY_MS);
  });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) { fetchNow(); follow(); } }, { once: true });
}

if (form) follow();
