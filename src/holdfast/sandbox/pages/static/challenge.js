// The bank's question, in the dialog that Stripe.js has opened.
const form = document.querySelector("form");

actions.fail = () => {
  form?.requestSubmit(form.querySelector("[value=fail_3ds]"));
};
tell("loaded");
if (document.querySelector("[data-answered]")) tell("answered");
