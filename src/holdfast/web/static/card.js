// The card form: Stripe's fields in Stripe's frames, our words around them. Says "not authorised" only when Stripe has said so;
// whatever is unknown is asked about, and then told by the booking's own page.
const form = document.getElementById("card-form");
const SETTLED = ["requires_capture", "processing", "succeeded"];

const go = document.getElementById("card-go");
const problem = document.getElementById("card-error");
const news = document.getElementById("card-news");
const { key, secret, back, script, locale, accent, name, email, booking } = form.dataset;
let busy = false;

function say(text) {
  news.hidden = !text;
  news.textContent = text;
}

function complain(text) {
  problem.replaceChildren();
  if (!text) return;
  const line = document.createElement("p");
  line.className = "field-error";
  line.textContent = text;
  problem.append(line);
}

function loaded() {
  return new Promise((resolve, reject) => {
    const tag = document.createElement("script");
    tag.src = script;
    tag.onload = resolve;
    tag.onerror = () => reject(new Error("not loaded"));
    document.head.append(tag);
  });
}

function appearance() {
  const style = getComputedStyle(document.documentElement);
  const read = (variable) => style.getPropertyValue(variable).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    theme: dark ? "night" : "stripe",
    variables: {
      colorPrimary: read("--accent") || accent,
      colorBackground: read("--surface"),
      colorText: read("--ink"),
      colorDanger: read("--bad"),
      borderRadius: "8px",
      fontFamily: "system-ui, sans-serif",
    },
  };
}

function ready(isReady) {
  busy = !isReady;
  go.disabled = !isReady;
}

function leave() {
  say("We are checking with the bank.");
  location.replace(back);
}

// A declined card keeps the request for longer: the clock above the form follows, and nothing that was typed is lost.
async function askHowLong() {
  try {
    const answer = await fetch(booking, { headers: { Accept: "application/json" }, cache: "no-store" });
    const { status, expires_at } = await answer.json();
    if (status !== "pending") location.replace(back);
    const now = Date.parse(answer.headers.get("date")) || Date.now();
    const place = document.querySelector("[data-seconds-left]");
    if (expires_at) place.dispatchEvent(new CustomEvent("held-until", { detail: (Date.parse(expires_at) - now) / 1000 }));
  } catch {
    // The clock goes on as it was.
  }
}

async function whatStripeSays(stripe) {
  try {
    const { paymentIntent } = await stripe.retrievePaymentIntent(secret);
    return paymentIntent?.status ?? "unknown";
  } catch {
    return "unknown";
  }
}

async function authorise(stripe, elements) {
  const { error: incomplete } = await elements.submit();
  if (incomplete) return complain(incomplete.message);
  say("Your bank is being asked.");
  const { error } = await stripe.confirmPayment({
    elements,
    confirmParams: { return_url: back, payment_method_data: { billing_details: { name, email: email || undefined } } },
    redirect: "if_required",
  });
  if (!error) return leave();
  if (error.type === "validation_error") return complain(error.message);
  const status = error.payment_intent?.status ?? (await whatStripeSays(stripe));
  if (SETTLED.includes(status) || status === "unknown") return leave();
  complain(`${error.message ?? "Your bank did not say yes."} Nothing was charged; you can use another card.`);
  return askHowLong();
}

async function begin() {
  form.hidden = false;
  say("The card form is being loaded.");
  try {
    await loaded();
    const stripe = window.Stripe(key);
    const elements = stripe.elements({ clientSecret: secret, appearance: appearance(), locale });
    const card = elements.create("payment", { defaultValues: { billingDetails: { name, email } } });
    card.on("ready", () => {
      document.getElementById("card-element").removeAttribute("aria-busy");
      say("");
      ready(true);
    });
    card.on("loaderror", () => unreachable());
    card.mount("#card-element");
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => elements.update({ appearance: appearance() }));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy) return;
      ready(false);
      complain("");
      form.dataset.asking = "yes";
      try {
        await authorise(stripe, elements);
      } catch {
        leave(); // unknown: the booking's page asks Stripe
        return;
      }
      if (!problem.firstChild) return;
      delete form.dataset.asking;
      say("");
      ready(true);
    });
  } catch {
    unreachable();
  }
}

function unreachable() {
  say("");
  complain("The card form cannot be loaded just now. Nothing was charged. Check your connection, then load this page again.");
}

// Back from the bank's page, or from the browser's memory: what was true before may not be true any more.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

begin();
