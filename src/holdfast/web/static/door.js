// The door with scripts: the camera, what is kept while there is no network, and the live list.
//
// Every scan is kept first and sent then, oldest first; it leaves the device when the server has answered. Each has an id, so
// that sending it again changes nothing. A kept code is a guest's secret: it stays here no longer than that.
const door = document.getElementById("door");
const AGAIN_MS = 4_000;
const TIMEOUT_MS = 10_000;
const SAME_CODE_MS = 4_000;
const LOOK_MS = 200;
const LIST_MS = 15_000;
const MOST_KEPT = 500;

if (door) {
  const event = door.dataset.event;
  const shelf = `holdfast:door:${event}`;
  const form = document.getElementById("door-form");
  const result = document.getElementById("door-result");
  const list = document.getElementById("door-guests");
  const filter = document.getElementById("filter");
  let memory = [];
  let sending = false;

  function kept() {
    try {
      return JSON.parse(localStorage.getItem(shelf) ?? "[]");
    } catch {
      return memory; // no storage here: kept as long as the page is open
    }
  }

  function keep(scans) {
    memory = scans;
    try {
      if (scans.length) localStorage.setItem(shelf, JSON.stringify(scans));
      else localStorage.removeItem(shelf);
    } catch {
      // As above.
    }
    document.getElementById("door-kept").hidden = scans.length === 0 || sending;
    document.getElementById("door-kept-title").textContent =
      scans.length === 1 ? "No network: one code waits" : `No network: ${scans.length} codes wait`;
  }

  const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  function scanned(code) {
    const scans = kept();
    if (scans.length >= MOST_KEPT) return;
    keep([...scans, { code, scan: newId(), at: new Date().toISOString() }]);
    send();
  }

  async function post(path, fields) {
    return fetch(`/door/${event}${path}`, {
      method: "POST", body: new URLSearchParams({ ...fields, part: "yes" }), signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }

  async function send() {
    if (sending) return;
    sending = true;
    try {
      for (let scans = kept(); scans.length; scans = kept()) {
        const answer = await post("", scans[0]);
        document.getElementById("door-signed-out").hidden = answer.status !== 401;
        // Signed out, too many, or the server in trouble: it stays and is sent again. What it refuses will not get better.
        if ([401, 403, 408, 429].includes(answer.status) || answer.status >= 500) break;
        const rest = kept().filter((one) => one.scan !== scans[0].scan);
        keep(rest);
        if (answer.ok) show(await answer.text());
      }
    } catch {
      // No network: all of it stays.
    }
    sending = false;
    keep(kept());
  }

  function show(html) {
    result.innerHTML = html;
    result.firstElementChild?.scrollIntoView({ block: "nearest" });
    if (navigator.vibrate) navigator.vibrate(result.querySelector("[data-result=valid]") ? 60 : [120, 80, 120]);
    refresh();
  }

  form.addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const field = form.elements.code;
    const code = field.value.trim();
    if (code) scanned(code);
    field.value = "";
    field.focus();
  });

  result.addEventListener("submit", async (submitted) => {
    if (!submitted.target.matches("[data-undo]")) return;
    submitted.preventDefault();
    try {
      const answer = await post("/undo", { booking_id: submitted.target.elements.booking_id.value });
      if (answer.ok) show(await answer.text());
    } catch {
      submitted.target.querySelector("button").textContent = "No network: take back again";
    }
  });

  // ── the list ──

  function sift() {
    const wanted = filter.value.trim().toLowerCase();
    for (const one of list.querySelectorAll("[data-name]")) one.hidden = !one.dataset.name.includes(wanted);
  }

  async function refresh() {
    try {
      const answer = await fetch(`/door/${event}/list`, { cache: "no-store" });
      if (!answer.ok) return;
      list.innerHTML = await answer.text();
      sift();
    } catch {
      // What stands there is from a moment ago.
    }
  }

  function follow() {
    const source = new EventSource(`/door/${event}/live`);
    source.addEventListener("guests", refresh);
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setInterval(refresh, LIST_MS);
    });
    addEventListener("pagehide", () => source.close());
  }

  // ── the camera ──

  const camera = document.getElementById("camera");
  const button = document.getElementById("camera-button");
  let stream = null;
  let last = { code: "", at: 0 };

  async function look(detector) {
    if (!stream) return;
    try {
      const [found] = await detector.detect(camera);
      const now = performance.now();
      if (found && (found.rawValue !== last.code || now - last.at > SAME_CODE_MS)) scanned(found.rawValue.slice(0, 300));
      if (found) last = { code: found.rawValue, at: now };
    } catch {
      // The picture is not there yet.
    }
    setTimeout(() => look(detector), LOOK_MS);
  }

  function close() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    camera.hidden = true;
    button.textContent = "Scan with the camera";
  }

  async function open() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      button.textContent = "No camera allowed: type the reference";
      return;
    }
    camera.srcObject = stream;
    camera.hidden = false;
    button.textContent = "Close the camera";
    await camera.play();
    look(new BarcodeDetector({ formats: ["qr_code"] }));
  }

  if ("BarcodeDetector" in window && navigator.mediaDevices?.getUserMedia) {
    button.hidden = false;
    button.addEventListener("click", () => (stream ? close() : open()));
    addEventListener("pagehide", close);
  }

  document.getElementById("filter-field").hidden = false;
  filter.addEventListener("input", sift);
  addEventListener("online", send);
  setInterval(() => { if (kept().length) send(); }, AGAIN_MS);
  keep(kept());
  send();
  follow();
}
