// The Payment Element: number, expiry and security code of a card.
const number = document.getElementById("number");
const expiry = document.getElementById("expiry");
const cvc = document.getElementById("cvc");
const fields = [number, expiry, cvc];
const touched = new Set();
const started = { key: "", clientSecret: "" };
const worn = { appearance: {}, options: {} };
const PLAIN = ["succeeded", "requires_capture", "processing", "requires_action"];
const OVER = ["succeeded", "requires_capture", "canceled"];
const TERMINAL = {
  type: "invalid_request_error",
  code: "payment_intent_unexpected_state",
  message: "The PaymentIntent is in a terminal state and cannot be used to initialize Elements.",
};
// What may be set from outside, and the property that it becomes. https://docs.stripe.com/elements/appearance-api
const VARIABLES = {
  colorPrimary: "--primary", colorBackground: "--background", colorText: "--text", colorTextSecondary: "--quiet",
  colorDanger: "--danger", fontFamily: "--font", fontSizeBase: "--size", borderRadius: "--radius", spacingUnit: "--unit",
};

const digits = (text) => text.replace(/\D/g, "");
const isAmex = (text) => /^3[47]/.test(text);

function passesLuhn(text) {
  const sum = [...text].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (1 + (index % 2));
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

function problemOf(field) {
  const value = digits(field.value);
  if (field === number) {
    if (value.length < (isAmex(value) ? 15 : 16)) return ["incomplete_number", "Your card number is incomplete."];
    return passesLuhn(value) ? null : ["invalid_number", "Your card number is invalid."];
  }
  if (field === cvc) {
    const wanted = isAmex(digits(number.value)) ? 4 : 3;
    return value.length < wanted ? ["incomplete_cvc", "Your card's security code is incomplete."] : null;
  }
  return expiryProblem(value);
}

function expiryProblem(value) {
  if (value.length < 4) return ["incomplete_expiry", "Your card's expiration date is incomplete."];
  const [month, year] = [Number(value.slice(0, 2)), 2000 + Number(value.slice(2))];
  if (month < 1 || month > 12) return ["invalid_expiry_month", "Your card's expiration date is invalid."];
  const now = new Date();
  if (year < now.getFullYear()) return ["invalid_expiry_year_past", "Your card's expiration year is in the past."];
  const over = year === now.getFullYear() && month < now.getMonth() + 1;
  return over ? ["invalid_expiry_month_past", "Your card's expiration date is in the past."] : null;
}

function show(field) {
  const problem = touched.has(field) ? problemOf(field) : null;
  const place = document.getElementById(`${field.id}-problem`);
  place.textContent = problem?.[1] ?? "";
  if (problem) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function format(field) {
  const value = digits(field.value);
  if (field === number) {
    const groups = isAmex(value) ? /^(\d{0,4})(\d{0,6})(\d{0,5})/ : /^(\d{0,4})(\d{0,4})(\d{0,4})(\d{0,4})(\d{0,3})/;
    return groups.exec(value).slice(1).filter(Boolean).join(" ");
  }
  if (field === cvc) return value.slice(0, isAmex(digits(number.value)) ? 4 : 3);
  const padded = /^[2-9]/.test(value) ? `0${value}` : value;
  return padded.length > 2 ? `${padded.slice(0, 2)} / ${padded.slice(2, 4)}` : padded;
}

function tidy(field, event) {
  // Taking a character away must not put its separator back at once.
  const erasing = event.inputType?.startsWith("delete");
  const atEnd = field.selectionStart === field.value.length;
  if (!erasing && atEnd) field.value = format(field);
}

function changed() {
  const empty = fields.every((field) => field.value === "");
  const complete = fields.every((field) => problemOf(field) === null);
  tell("change", { empty, complete, collapsed: false, value: { type: "card" } });
}

for (const field of fields) {
  field.addEventListener("input", (event) => {
    tidy(field, event);
    if (problemOf(field) === null) show(field);
    changed();
  });
  field.addEventListener("blur", () => {
    field.value = format(field);
    if (field.value) touched.add(field);
    show(field);
    tell("blur");
  });
  field.addEventListener("focus", () => tell("focus"));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tell("escape");
    if (event.key === "Enter") tell("enter");
  });
}

// A test card at the push of a button: nobody knows these numbers by heart.
for (const button of document.querySelectorAll("[data-number]")) {
  button.addEventListener("click", () => {
    number.value = button.dataset.number;
    expiry.value = "12 / 34";
    cvc.value = "1234";
    for (const field of fields) {
      field.value = format(field);
      touched.add(field);
      show(field);
    }
    changed();
    number.focus();
  });
}

function validate() {
  for (const field of fields) {
    touched.add(field);
    show(field);
  }
  const wrong = fields.find((field) => problemOf(field) !== null);
  if (!wrong) return {};
  wrong.focus();
  const [code, message] = problemOf(wrong);
  return { error: { type: "validation_error", code, message } };
}

function dress(given) {
  Object.assign(worn, given);
  const { appearance, options } = worn;
  const root = document.documentElement;
  root.dataset.theme = appearance.theme ?? "stripe";
  for (const [name, property] of Object.entries(VARIABLES)) {
    const value = appearance.variables?.[name];
    if (typeof value === "string") root.style.setProperty(property, value);
  }
  document.getElementById("test-cards").hidden = options.sandboxTestCards === "never";
}

actions.start = async (given) => {
  Object.assign(started, { key: given.key, clientSecret: given.clientSecret });
  dress({ appearance: given.appearance, options: given.options });
  const { error, paymentIntent } = await retrieve(started);
  if (error) return { error };
  return OVER.includes(paymentIntent.status) ? { error: { ...TERMINAL, payment_intent: paymentIntent } } : {};
};

actions.update = (given) => dress(given);
actions.validate = validate;
actions.focus = () => number.focus();
actions.blur = () => document.activeElement?.blur();
actions.clear = () => {
  touched.clear();
  for (const field of fields) {
    field.value = "";
    show(field);
  }
  changed();
};

actions.confirm = async ({ clientSecret, confirmParams }) => {
  const { error } = validate();
  if (error) return { error };
  const { return_url, receipt_email, shipping, setup_future_usage, payment_method_data } = confirmParams;
  const [exp_month, exp_year] = expiry.value.split("/").map((part) => part.trim());
  const card = { number: digits(number.value), exp_month, exp_year, cvc: digits(cvc.value) };
  const parameters = {
    client_secret: clientSecret, return_url, receipt_email, shipping, setup_future_usage, use_stripe_sdk: true,
    payment_method_data: { type: "card", card, billing_details: payment_method_data?.billing_details },
  };
  const answer = await ask("POST", `${pathOf(clientSecret)}/confirm`, started.key, parameters);
  if (!["api_connection_error", "api_error"].includes(answer.error?.type)) return answer;
  // The answer is lost, but the payment may have gone through: what the books say counts.
  const now = await retrieve({ key: started.key, clientSecret });
  return now.paymentIntent && PLAIN.includes(now.paymentIntent.status) ? now : answer;
};

new ResizeObserver(() => tell("height", { height: Math.ceil(document.body.getBoundingClientRect().height) })).observe(document.body);
tell("loaded");
