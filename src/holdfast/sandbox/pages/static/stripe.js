// An imitation of Stripe.js (https://docs.stripe.com/js) for pages that take cards: Stripe(), elements, the Payment Element,
// confirmPayment, handleNextAction, retrievePaymentIntent.
//
// As with the real one, this file runs in the shop's page and never sees a card number: the fields, and every request
// to the API, live in frames of the sandbox's own origin, and only messages pass between. Styles are set one property
// at a time, for a strict Content-Security-Policy lets no other way. A page that uses it must allow this origin as
// script-src and frame-src.
(() => {
  const ORIGIN = new URL(document.currentScript.src, location.href).origin;
  const LOAD_WITHIN_MS = 15000;
  const SECRET = /^(pi_[A-Za-z0-9]+)_secret_[A-Za-z0-9]+$/;
  const SUCCESS = ["succeeded", "requires_capture", "processing"];
  const EVENTS = ["ready", "change", "focus", "blur", "escape", "loaderror", "loaderstart"];
  const UNREACHABLE = "The payment provider cannot be reached. Check your connection, then try again.";
  const HIDDEN = { position: "absolute", width: "1px", height: "1px", border: "0", opacity: "0", pointerEvents: "none" };
  const VISIBLE = { display: "block", width: "100%", height: "260px", border: "0", margin: "0", padding: "0" };

  class IntegrationError extends Error {
    constructor(message) {
      super(message);
      this.name = "IntegrationError";
    }
  }

  function style(node, properties) {
    for (const [name, value] of Object.entries(properties)) node.style[name] = value;
  }

  function checkedSecret(secret, asker) {
    if (!SECRET.test(secret ?? "")) {
      throw new IntegrationError(
        `Invalid value for ${asker}: clientSecret should be a client secret of the form \${id}_secret_\${secret}. You specified: ${secret}.`,
      );
    }
    return secret;
  }

  // One frame of the sandbox: calls go in and each gets its answer, events come out.
  class Frame {
    constructor(path, title, look) {
      this.node = document.createElement("iframe");
      this.node.title = title;
      this.node.src = `${ORIGIN}/v3/${path}`;
      style(this.node, look);
      this.answers = new Map();
      this.next = 1;
      this.onEvent = () => {};
      this.loaded = new Promise((resolve, reject) => {
        this.arrived = resolve;
        this.failed = reject;
      });
      this.loaded.catch(() => {});
      this.hear = (message) => this.heard(message);
      window.addEventListener("message", this.hear);
    }

    mount(parent) {
      parent.append(this.node);
      this.timer = setTimeout(() => this.failed(new Error("frame")), LOAD_WITHIN_MS);
    }

    heard(message) {
      if (message.origin !== ORIGIN || message.source !== this.node.contentWindow) return;
      const { answer, event, data } = message.data ?? {};
      if (answer) {
        this.answers.get(answer)?.(data);
        this.answers.delete(answer);
      } else if (event === "loaded") {
        clearTimeout(this.timer);
        this.arrived();
      } else if (event) {
        this.onEvent(event, data ?? {});
      }
    }

    async call(action, data = {}) {
      try {
        await this.loaded;
      } catch {
        return { error: { type: "api_connection_error", message: UNREACHABLE } };
      }
      const id = this.next++;
      return new Promise((resolve) => {
        this.answers.set(id, resolve);
        this.node.contentWindow?.postMessage({ call: id, action, data }, ORIGIN);
      });
    }

    remove() {
      clearTimeout(this.timer);
      window.removeEventListener("message", this.hear);
      for (const resolve of this.answers.values()) {
        resolve({ error: { type: "invalid_request_error", message: "The Element was removed before it could answer." } });
      }
      this.answers.clear();
      this.node.remove();
    }
  }

  class PaymentElement {
    constructor(elements, options) {
      this.elements = elements;
      this.options = options;
      this.listeners = new Map();
      this.frame = null;
    }

    mount(where) {
      const parent = typeof where === "string" ? document.querySelector(where) : where;
      if (!(parent instanceof Element)) {
        throw new IntegrationError(
          `Invalid DOM element. The selector you specified (${where}) applies to no DOM elements that are currently on the page. ` +
            "Make sure the element exists on the page before calling mount().",
        );
      }
      if (this.frame && this.frame.node.parentNode === parent) return;
      this.unmount();
      parent.replaceChildren();
      const frame = new Frame("payment", "Secure payment input frame", VISIBLE);
      this.frame = frame;
      frame.onEvent = (event, data) => this.happened(event, data);
      frame.mount(parent);
      this.dress();
      this.tell("loaderstart", {});
      frame.call("start", { ...this.elements.given(), options: this.options }).then(({ error }) => {
        if (this.frame !== frame) return;
        this.tell(error ? "loaderror" : "ready", error ? { error } : {});
      });
    }

    // A frame whose scheme is another than its element's is painted on an opaque ground.
    dress() {
      const dark = this.elements.options.appearance?.theme === "night";
      if (this.frame) style(this.frame.node, { colorScheme: dark ? "dark" : "light" });
    }

    happened(event, data) {
      if (event === "height") style(this.frame.node, { height: `${data.height}px` });
      else if (event === "enter") this.frame.node.closest("form")?.requestSubmit();
      else this.tell(event, data);
    }

    tell(event, data) {
      for (const listener of [...(this.listeners.get(event) ?? [])]) listener({ elementType: "payment", ...data });
    }

    on(event, listener) {
      if (!EVENTS.includes(event)) console.warn(`[Stripe.js] Unrecognized event: ${event}`);
      this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
      return this;
    }

    once(event, listener) {
      const first = (data) => {
        this.off(event, first);
        listener(data);
      };
      return this.on(event, first);
    }

    off(event, listener) {
      this.listeners.set(event, listener ? (this.listeners.get(event) ?? []).filter((one) => one !== listener) : []);
      return this;
    }

    update(options) {
      this.options = { ...this.options, ...options };
      this.frame?.call("update", { options: this.options });
    }

    focus() {
      this.frame?.node.focus();
      this.frame?.call("focus");
    }

    blur() {
      this.frame?.call("blur");
    }

    clear() {
      this.frame?.call("clear");
    }

    collapse() {}

    unmount() {
      this.frame?.remove();
      this.frame = null;
    }

    destroy() {
      this.unmount();
      this.elements.payment = null;
    }
  }

  class Elements {
    constructor(key, options) {
      this.key = key;
      this.options = options;
      this.payment = null;
      if (options.clientSecret === undefined) {
        throw new IntegrationError("In order to use Elements here, you must pass a clientSecret to elements().");
      }
      checkedSecret(options.clientSecret, "elements()");
    }

    given() {
      const { clientSecret, appearance, locale } = this.options;
      return { key: this.key, clientSecret, appearance: appearance ?? {}, locale: locale ?? "auto" };
    }

    create(kind, options = {}) {
      if (kind !== "payment") throw new IntegrationError(`The sandbox's Stripe.js knows only the payment Element, not ${kind}.`);
      if (this.payment) {
        throw new IntegrationError("Can only create one Element of type payment through one Elements group.");
      }
      this.payment = new PaymentElement(this, options);
      return this.payment;
    }

    getElement(kind) {
      return kind === "payment" ? this.payment : null;
    }

    update(options) {
      this.options = { ...this.options, ...options, clientSecret: this.options.clientSecret };
      this.payment?.dress();
      this.payment?.frame?.call("update", { appearance: this.options.appearance ?? {} });
    }

    async fetchUpdates() {
      return this.frame("fetchUpdates").call("start", { ...this.given(), options: this.payment.options });
    }

    async submit() {
      const { error } = await this.frame("submit").call("validate");
      return error ? { error } : { selectedPaymentMethod: "card" };
    }

    frame(asker) {
      if (!this.payment?.frame) {
        throw new IntegrationError(
          `Invalid value for ${asker}(): elements should have a mounted Payment Element. Please make sure it is still mounted.`,
        );
      }
      return this.payment.frame;
    }
  }

  // The bank's question, in a dialog over the shop's page; resolves when it has been answered.
  function challenge(clientSecret) {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", "3-D Secure: confirm your payment");
    const id = SECRET.exec(clientSecret)[1];
    const look = { ...VISIBLE, height: "100%" };
    const frame = new Frame(`challenge/${id}?client_secret=${encodeURIComponent(clientSecret)}`, "3-D Secure", look);
    style(dialog, {
      width: "min(28rem, calc(100vw - 16px))", height: "min(24rem, calc(100vh - 16px))", maxWidth: "none", padding: "0",
      border: "0", borderRadius: "16px", overflow: "hidden",
    });
    return new Promise((resolve) => {
      const finish = () => {
        dialog.close();
        frame.remove();
        dialog.remove();
        resolve();
      };
      // Escape says no to the bank, as closing its window does.
      dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        frame.call("fail");
      });
      frame.onEvent = (event) => event === "answered" && finish();
      frame.mount(dialog);
      document.body.append(dialog);
      dialog.showModal();
      frame.loaded.catch(finish);
    });
  }

  function returned(address, intent, failed) {
    const url = new URL(address, location.href);
    url.searchParams.set("payment_intent", intent.id);
    url.searchParams.set("payment_intent_client_secret", intent.client_secret);
    const status = intent.status === "processing" ? "pending" : "succeeded";
    url.searchParams.set("redirect_status", failed ? "failed" : status);
    return url.href;
  }

  class StripeObject {
    constructor(key) {
      this.key = key;
      this.controller = null;
    }

    elements(options = {}) {
      return new Elements(this.key, options);
    }

    api(action, data) {
      if (!this.controller) {
        this.controller = new Frame("controller", "Payments", HIDDEN);
        this.controller.node.setAttribute("aria-hidden", "true");
        this.controller.node.tabIndex = -1;
        this.controller.mount(document.body);
      }
      return this.controller.call(action, { key: this.key, ...data });
    }

    async retrievePaymentIntent(clientSecret) {
      return this.api("retrieve", { clientSecret: checkedSecret(clientSecret, "stripe.retrievePaymentIntent()") });
    }

    async confirmPayment({ elements, clientSecret, confirmParams = {}, redirect = "always" } = {}) {
      if (!(elements instanceof Elements)) {
        throw new IntegrationError("Invalid value for stripe.confirmPayment(): elements should be an elements instance.");
      }
      if (redirect !== "always" && redirect !== "if_required") {
        throw new IntegrationError("Invalid value for stripe.confirmPayment(): redirect should be one of 'always' or 'if_required'.");
      }
      if (redirect === "always" && !confirmParams.return_url) {
        throw new IntegrationError(
          "stripe.confirmPayment(): the `confirmParams.return_url` argument is required unless redirect is 'if_required'.",
        );
      }
      const secret = checkedSecret(clientSecret ?? elements.options.clientSecret, "stripe.confirmPayment()");
      const first = await elements.frame("stripe.confirmPayment").call("confirm", { clientSecret: secret, confirmParams });
      const result = first.error ? first : await this.finished(first.paymentIntent);
      if (result.error || redirect !== "always") return result;
      location.assign(returned(confirmParams.return_url, result.paymentIntent));
      // The page is being left: whoever waits for an answer here waits for ever, as with the real one.
      return new Promise(() => {});
    }

    async handleNextAction({ clientSecret } = {}) {
      const { error, paymentIntent } = await this.retrievePaymentIntent(clientSecret);
      return error ? { error } : this.finished(paymentIntent);
    }

    async finished(paymentIntent) {
      if (paymentIntent.status !== "requires_action") return { paymentIntent };
      await challenge(paymentIntent.client_secret);
      const now = await this.api("retrieve", { clientSecret: paymentIntent.client_secret });
      if (now.error || SUCCESS.includes(now.paymentIntent.status)) return now;
      const error = now.paymentIntent.last_payment_error ?? {
        type: "invalid_request_error",
        code: "payment_intent_authentication_failure",
        message: "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
      };
      return { error: { ...error, payment_intent: now.paymentIntent } };
    }
  }

  function Stripe(key) {
    if (typeof key !== "string" || key.trim() === "") {
      throw new IntegrationError("Please call Stripe() with your publishable key. You used an empty string.");
    }
    if (!key.startsWith("pk_")) {
      throw new IntegrationError("You should not use your secret key with Stripe.js. Please pass a publishable key instead.");
    }
    return new StripeObject(key);
  }

  Stripe.version = "sandbox";
  window.Stripe = Stripe;
})();
