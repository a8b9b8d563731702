// What runs inside a frame of the sandbox: requests to the API, the card's fields, the bank's question.
// Only the window that holds the frame is listened to, and it is answered at the origin that it asked from.
const actions = {};

function tell(event, data = {}) {
  // Events carry no secret and no card: whoever holds the frame may hear them.
  window.parent.postMessage({ event, data }, "*");
}

window.addEventListener("message", async (message) => {
  if (message.source !== window.parent || window.parent === window) return;
  const { call, action, data } = message.data ?? {};
  if (!call || !Object.hasOwn(actions, action)) return;
  let answer;
  try {
    answer = await actions[action](data ?? {});
  } catch (problem) {
    console.error(problem);
    answer = { error: { type: "api_error", message: "Something went wrong in the payment form. Try again." } };
  }
  message.source.postMessage({ answer: call, data: answer ?? {} }, message.origin);
});

const UNREACHABLE = {
  type: "api_connection_error",
  message: "The payment provider cannot be reached. Check your connection, then try again.",
};

function formOf(value, name, form) {
  if (value === undefined || value === null || value === "") return form;
  if (typeof value === "object") for (const [key, item] of Object.entries(value)) formOf(item, name ? `${name}[${key}]` : key, form);
  else form.append(name, String(value));
  return form;
}

async function ask(method, path, key, parameters) {
  const form = formOf(parameters, "", new URLSearchParams());
  const address = method === "GET" ? `${path}?${form}` : path;
  try {
    const answer = await fetch(address, {
      method,
      headers: { Authorization: `Bearer ${key}` },
      body: method === "GET" ? undefined : form,
      cache: "no-store",
    });
    const body = await answer.json();
    return body.error ? { error: body.error } : { paymentIntent: body };
  } catch {
    return { error: UNREACHABLE };
  }
}

function pathOf(clientSecret) {
  return `/v1/payment_intents/${clientSecret.split("_secret_")[0]}`;
}

function retrieve({ key, clientSecret }) {
  return ask("GET", pathOf(clientSecret), key, { client_secret: clientSecret });
}

actions.retrieve = retrieve;
