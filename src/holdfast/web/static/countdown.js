// How long the seats are still held. The server says how many seconds are left; this clock only counts them down, so that a
// wrong clock in the visitor's computer changes nothing, and nothing that is clicked starts it anew.
const ANNOUNCED_MINUTES = [10, 5, 2, 1];

for (const place of document.querySelectorAll("[data-seconds-left]")) {
  let started = performance.now();
  let from = Number(place.dataset.secondsLeft);
  const what = place.dataset.what ?? "Your seats are held";
  const spoken = document.getElementById("countdown-news");
  let announced = null;
  const tick = () => {
    const left = Math.max(0, Math.ceil(from - (performance.now() - started) / 1000));
    place.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    const minutes = Math.ceil(left / 60);
    if (spoken && minutes !== announced && ANNOUNCED_MINUTES.includes(minutes) && left < from) {
      announced = minutes;
      spoken.textContent = `${what} for ${minutes === 1 ? "one more minute" : `${minutes} more minutes`}.`;
    }
    // While a bank is being asked, its answer is waited for: it says how things stand.
    if (left === 0 && !document.querySelector("[data-asking]")) {
      clearInterval(timer);
      location.reload();
    }
  };
  // The server has said anew how long: it alone decides that.
  place.addEventListener("held-until", (event) => {
    [started, from] = [performance.now(), event.detail];
    tick();
  });
  const timer = setInterval(tick, 1000);
  if (from > 0) tick();
  else clearInterval(timer);
}
