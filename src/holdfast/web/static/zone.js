// Says once which clock this browser reads, so that the server can write times on it. A zone that somebody chose on the page
// stays chosen.
const COOKIE = "holdfast_zone";
const HALF_A_YEAR_S = 15_552_000;

function kept() {
  const pair = document.cookie.split("; ").find((one) => one.startsWith(`${COOKIE}=`));
  return pair ? decodeURIComponent(pair.slice(COOKIE.length + 1)) : "";
}

export function keep(zone) {
  document.cookie = `${COOKIE}=${encodeURIComponent(zone)}; path=/; max-age=${HALF_A_YEAR_S}; samesite=lax`;
}

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (here && !kept()) {
  keep(here);
  const shown = document.querySelector("[data-zone]")?.dataset.zone;
  // Only when it is kept: else the page would load for ever. Nothing has been typed yet on a page that has just been opened.
  if (shown && shown !== here && kept() === here && !document.querySelector("[data-filled]")) location.reload();
}
