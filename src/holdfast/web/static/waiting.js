// A booking page that follows its booking: asks every two seconds while a payment is being checked, and now and then
// otherwise. Never says that a payment failed: only the server knows, once Stripe has said so.
const page = document.getElementById("booking");
const CHECK_NOW_AFTER_MS = 20_000;
const WE_WRITE_AFTER_MS = 240_000;
const OFTEN_MS = 2_000;
const SELDOM_MS = 15_000;

function follow() {
  const { reference, status, token, messages, waiting, accepted, moved } = page.dataset;
  // Accepted, and the card is being charged at this moment: that is waited for as a payment is.
  const soon = waiting || (status === "requested" && accepted);
  const began = performance.now();
  const address = `/api/bookings/${encodeURIComponent(reference)}?token=${encodeURIComponent(token)}`;
  const waited = () => performance.now() - began;

  function changed(booking) {
    const confirmation = booking.messages?.[0]?.status ?? "";
    const appointment = booking.appointment;
    if (appointment && (Boolean(appointment.accepted_at) !== Boolean(accepted) || String(appointment.times_rescheduled) !== moved)) return true;
    return booking.status !== status || (["requested", "confirmed"].includes(status) && confirmation !== messages);
  }

  function showTime() {
    if (!waiting) return;
    const long = waited() >= WE_WRITE_AFTER_MS;
    document.getElementById("check-now").hidden = waited() < CHECK_NOW_AFTER_MS;
    document.getElementById("waiting-short").hidden = long;
    document.getElementById("waiting-long").hidden = !long;
  }

  async function look() {
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (answer.ok && changed(await answer.json())) {
        location.replace(location.pathname);
        return;
      }
    } catch {
      // No network just now: what is on the page stays true, the next look comes.
    }
    showTime();
    setTimeout(look, soon && waited() < WE_WRITE_AFTER_MS ? OFTEN_MS : SELDOM_MS);
  }

  setTimeout(look, soon ? OFTEN_MS : SELDOM_MS);
}

if (page) {
  if (page.dataset.status === "confirmed") {
    try {
      sessionStorage.removeItem(`holdfast:event:${page.dataset.event}`);
    } catch {
      // Nothing was kept, so nothing is to be forgotten.
    }
  }
  if (["pending", "requested", "confirmed", "stuck"].includes(page.dataset.status)) follow();
}
