"""The imitation of Stripe.js, on a page of another origin with a strict Content-Security-Policy, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import stripe
from playwright.async_api import FrameLocator, Page, expect

from tests.sandbox.conftest import client_of
from tests.sandbox.test_browser import checked
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.browser
HTML = """<!doctype html><html lang="en"><title>Shop</title><h1>Pay</h1><form><div id="card"></div>
<button>Pay</button></form><p role="status" id="said"></p>
<script src="{sandbox}/v3/"></script><script src="/shop.js"></script></html>"""
SCRIPT = """
const asked = new URLSearchParams(location.search);
const said = document.getElementById("said");
window.happened = [];
window.stripe = Stripe(asked.get("key"));
if (asked.has("secret")) {
  const appearance = { theme: "stripe", variables: { colorPrimary: "#4b3fbf", borderRadius: "8px" } };
  window.elements = stripe.elements({ clientSecret: asked.get("secret"), appearance, locale: "en" });
  const payment = elements.create("payment", { layout: "tabs" });
  for (const name of ["ready", "change", "loaderror"]) payment.on(name, (event) => happened.push({ name, ...event }));
  payment.on("loaderror", () => { said.textContent = "loaderror"; });
  payment.mount("#card");
  document.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    const submitted = await elements.submit();
    if (submitted.error) { said.textContent = submitted.error.message; return; }
    const back = location.origin + "/back?booking=7";
    window.result = await stripe.confirmPayment({
      elements, confirmParams: { return_url: back }, redirect: asked.get("redirect") ?? "always",
    });
    said.textContent = result.error ? result.error.message : result.paymentIntent.status;
  });
}
"""


@contextmanager
def shop_server(sandbox_url: str) -> Iterator[str]:
    """The shop's own web server: another port, and so another origin than the sandbox."""
    rules = f"default-src 'none'; script-src 'self' {sandbox_url}; frame-src {sandbox_url}; style-src 'self'"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path == "/shop.js"
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if is_script else "text/html")
            self.send_header("Content-Security-Policy", rules)
            self.end_headers()
            self.wfile.write((SCRIPT if is_script else HTML.format(sandbox=sandbox_url)).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing to the console."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Shop:
    """A shop's page with the card form on it, and what a person does there."""

    def __init__(self, page: Page, sandbox: Sandbox, url: str) -> None:
        self.page, self.sandbox, self.url = page, sandbox, url
        self.complaints: list[str] = []
        self.client = client_of(sandbox)

    async def open(self, intent: stripe.PaymentIntent, **more: str) -> None:
        self.page.on(
            "console",
            lambda said: self.complaints.append(said.text) if "Security Policy" in said.text else None,
        )
        given = {"key": self.sandbox.publishable_key, "secret": str(intent.client_secret), **more}
        await self.page.goto(f"{self.url}/?{urlencode(given)}")

    @property
    def form(self) -> FrameLocator:
        return self.page.frame_locator('iframe[title="Secure payment input frame"]')

    @property
    def bank(self) -> FrameLocator:
        return self.page.frame_locator('iframe[title="3-D Secure"]')

    async def type(self, number: str, expiry: str = "1234", cvc: str = "123") -> None:
        for label, text in (("Card number", number), ("Expiration date", expiry), ("Security code", cvc)):
            field = self.form.get_by_label(label)
            await field.fill("")
            await field.press_sequentially(text)

    async def pay(self, number: str) -> None:
        await self.type(number)
        await self.page.get_by_role("button", name="Pay").click()

    async def says(self, text: str) -> None:
        await expect(self.page.locator("#said")).to_have_text(text)

    async def came_back(self) -> dict[str, str]:
        await self.page.wait_for_url(f"{self.url}/back**")
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def status(self, intent: stripe.PaymentIntent) -> str:
        return self.client.v1.payment_intents.retrieve(intent.id).status


def lose_the_answer(sandbox: Sandbox, request: str) -> None:
    change = {"api": {"error_500_after": 1, "only": [request]}}
    httpx.post(f"{sandbox.url}/control/faults", json=change).raise_for_status()


@pytest.fixture
def shop(page: Page, sandbox: Sandbox) -> Iterator[Shop]:
    with shop_server(sandbox.url) as url:
        made = Shop(page, sandbox, url)
        yield made
        assert made.complaints == []


@pytest.fixture
def intent(sandbox: Sandbox) -> stripe.PaymentIntent:
    made = {"amount": 4500, "currency": "gbp", "capture_method": "manual", "metadata": {"attempt": "a"}}
    return client_of(sandbox).v1.payment_intents.create(made)  # type: ignore[arg-type]


async def test_a_card_is_authorised_and_the_customer_comes_back(
    shop: Shop, intent: stripe.PaymentIntent
) -> None:
    await shop.open(intent)
    await shop.pay("4242424242424242")
    back = await shop.came_back()
    assert back == {
        "booking": "7",
        "payment_intent": intent.id,
        "payment_intent_client_secret": str(intent.client_secret),
        "redirect_status": "succeeded",
    }
    assert shop.status(intent) == "requires_capture"


async def test_without_a_redirect_the_page_gets_the_intent_as_a_browser_may_see_it(
    shop: Shop, intent: stripe.PaymentIntent
) -> None:
    await shop.open(intent, redirect="if_required")
    await shop.pay("5555555555554444")
    await shop.says("requires_capture")
    result = await shop.page.evaluate("result")
    assert result["paymentIntent"]["amount"] == 4500
    assert "metadata" not in result["paymentIntent"]
    again = await shop.page.evaluate("secret => stripe.retrievePaymentIntent(secret)", intent.client_secret)
    assert again["paymentIntent"]["status"] == "requires_capture"
    happened = await shop.page.evaluate("happened")
    assert happened[0]["name"] == "ready"
    assert [one["complete"] for one in happened if one["name"] == "change"][-1] is True


@pytest.mark.parametrize(
    ("number", "message", "code"),
    [
        ("4000000000000002", "Your card was declined.", "generic_decline"),
        ("4000000000009995", "Your card has insufficient funds.", "insufficient_funds"),
        ("4000000000000069", "Your card has expired.", "expired_card"),
    ],
)
async def test_a_declined_card_says_why_and_another_one_can_be_used(
    number: str, message: str, code: str, shop: Shop, intent: stripe.PaymentIntent
) -> None:
    await shop.open(intent)
    await shop.pay(number)
    await shop.says(message)
    error = await shop.page.evaluate("result.error")
    assert (error["type"], error.get("decline_code")) == ("card_error", code)
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert "metadata" not in error["payment_intent"]
    await shop.pay("4242424242424242")
    assert (await shop.came_back())["redirect_status"] == "succeeded"


async def test_3d_secure_is_asked_in_a_dialog(shop: Shop, intent: stripe.PaymentIntent) -> None:
    await shop.open(intent)
    await shop.pay("4000002760003184")
    await expect(shop.page.get_by_role("dialog")).to_be_visible()
    assert shop.status(intent) == "requires_action"
    await shop.bank.get_by_role("button", name="Complete").click()
    assert (await shop.came_back())["redirect_status"] == "succeeded"
    assert shop.status(intent) == "requires_capture"


@pytest.mark.parametrize("how", ["button", "escape"])
async def test_3d_secure_that_fails_leaves_the_intent_payable(
    how: str, shop: Shop, intent: stripe.PaymentIntent
) -> None:
    await shop.open(intent)
    await shop.pay("4000002760003184")
    fail = shop.bank.get_by_role("button", name="Fail")
    await expect(fail).to_be_visible()
    if how == "button":
        await fail.click()
    else:
        await shop.page.evaluate(
            "document.querySelector('dialog').dispatchEvent(new Event('cancel', {cancelable: true}))"
        )
    await expect(shop.page.locator("#said")).to_contain_text("unable to authenticate")
    assert await shop.page.evaluate("result.error.code") == "payment_intent_authentication_failure"
    await expect(shop.page.get_by_role("dialog")).to_have_count(0)
    assert shop.status(intent) == "requires_payment_method"
    await shop.pay("4242424242424242")
    await shop.came_back()


async def test_what_is_typed_is_checked_before_anything_is_sent(
    shop: Shop, intent: stripe.PaymentIntent
) -> None:
    await shop.open(intent)
    button = shop.page.get_by_role("button", name="Pay")
    await button.click()
    await shop.says("Your card number is incomplete.")
    await shop.type("4242424242424241")
    await button.click()
    await shop.says("Your card number is invalid.")
    await expect(shop.form.get_by_label("Card number")).to_be_focused()
    await shop.type("4242424242424242", expiry="1220")
    await button.click()
    await shop.says("Your card's expiration year is in the past.")
    await shop.type("378282246310005", cvc="123")
    await button.click()
    await shop.says("Your card's security code is incomplete.")
    assert await shop.form.get_by_label("Card number").input_value() == "3782 822463 10005"
    charges = shop.client.v1.charges.list({"payment_intent": intent.id})
    assert charges.data == []


async def test_a_lost_answer_is_looked_up(shop: Shop, intent: stripe.PaymentIntent) -> None:
    lose_the_answer(shop.sandbox, f"POST /v1/payment_intents/{intent.id}/confirm")
    await shop.open(intent)
    await shop.pay("4242424242424242")
    assert (await shop.came_back())["redirect_status"] == "succeeded"
    assert shop.status(intent) == "requires_capture"


async def test_an_intent_that_is_over_is_said_so(shop: Shop, intent: stripe.PaymentIntent) -> None:
    await shop.open(intent)
    await shop.type("4242424242424242")
    shop.client.v1.payment_intents.cancel(intent.id)
    await shop.page.get_by_role("button", name="Pay").click()
    await expect(shop.page.locator("#said")).to_contain_text("status of canceled")
    assert await shop.page.evaluate("result.error.code") == "payment_intent_unexpected_state"
    assert await shop.page.evaluate("result.error.payment_intent.status") == "canceled"


async def test_enter_in_a_field_sends_the_shops_form(shop: Shop, intent: stripe.PaymentIntent) -> None:
    await shop.open(intent)
    await shop.type("4242424242424242")
    await shop.form.get_by_label("Security code").press("Enter")
    assert (await shop.came_back())["redirect_status"] == "succeeded"


async def test_an_intent_that_is_paid_takes_no_card(shop: Shop, intent: stripe.PaymentIntent) -> None:
    shop.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    await shop.open(intent)
    await shop.says("loaderror")
    error = await shop.page.evaluate("happened.find(one => one.name === 'loaderror').error")
    assert (error["code"], error["payment_intent"]["status"]) == (
        "payment_intent_unexpected_state",
        "requires_capture",
    )


async def test_the_form_wears_what_the_shop_wears(shop: Shop, intent: stripe.PaymentIntent) -> None:
    await shop.open(intent)
    number = shop.form.get_by_label("Card number")
    await expect(number).to_have_css("border-radius", "8px")
    night = {"theme": "night", "variables": {"colorBackground": "rgb(1, 2, 3)"}}
    await shop.page.evaluate("appearance => elements.update({ appearance })", night)
    await expect(number).to_have_css("background-color", "rgb(1, 2, 3)")
    await shop.page.evaluate("elements.getElement('payment').update({ sandboxTestCards: 'never' })")
    await expect(shop.form.get_by_text("Test cards")).to_be_hidden()
    await expect(number).to_have_css("background-color", "rgb(1, 2, 3)")
    scheme = "getComputedStyle(document.querySelector('#card iframe')).colorScheme"
    assert await shop.page.evaluate(scheme) == "dark"


async def test_the_element_comes_and_goes(shop: Shop, intent: stripe.PaymentIntent) -> None:
    await shop.open(intent)
    await shop.type("4242424242424242")
    await shop.page.evaluate("elements.getElement('payment').clear()")
    await expect(shop.form.get_by_label("Card number")).to_have_value("")
    await shop.page.evaluate("elements.getElement('payment').destroy()")
    await expect(shop.page.locator("#card iframe")).to_have_count(0)
    message = await shop.page.evaluate("elements.submit().catch(problem => problem.message)")
    assert "should have a mounted Payment Element" in message
    await shop.page.evaluate("void elements.create('payment').mount('#card')")
    await shop.pay("4242424242424242")
    await shop.came_back()


async def test_handle_next_action_asks_the_bank(shop: Shop, intent: stripe.PaymentIntent) -> None:
    shop.client.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_authenticationRequired", "use_stripe_sdk": True}
    )
    await shop.open(intent)
    await shop.page.evaluate(
        "secret => { window.answer = stripe.handleNextAction({ clientSecret: secret }) }",
        intent.client_secret,
    )
    await shop.bank.get_by_role("button", name="Complete").click()
    answer = await shop.page.evaluate("answer")
    assert answer["paymentIntent"]["status"] == "requires_capture"


async def test_a_wrong_secret_is_a_load_error(shop: Shop, intent: stripe.PaymentIntent) -> None:
    await shop.open(intent, secret=f"{intent.id}_secret_wrong")
    await shop.says("loaderror")
    error = await shop.page.evaluate("happened.find(one => one.name === 'loaderror').error")
    assert error["param"] == "client_secret"


MISUSES: list[tuple[str, str]] = [
    ("Stripe('')", "You used an empty string"),
    ("Stripe('sk_test_x')", "should not use your secret key"),
    ("stripe.elements({clientSecret: 'x'})", "client secret of the form"),
    ("stripe.elements({})", "must pass a clientSecret"),
    ("elements.create('payment')", "Can only create one Element"),
    ("elements.getElement('payment').mount('#none')", "applies to no DOM elements"),
    ("stripe.confirmPayment({})", "elements should be an elements instance"),
    ("stripe.confirmPayment({elements})", "return_url"),
]


async def test_misuse_is_named(shop: Shop, intent: stripe.PaymentIntent) -> None:
    await shop.open(intent)
    for code, message in MISUSES:
        said = await shop.page.evaluate(
            f"async () => {{ try {{ await {code} }} catch (problem) {{ return problem.name + ': ' + problem.message }} }}"
        )
        assert said is not None, code
        assert said.startswith("IntegrationError"), said
        assert message in said, said


async def test_the_form_is_used_by_keyboard_and_accessible(shop: Shop, intent: stripe.PaymentIntent) -> None:
    await shop.open(intent)
    await shop.form.get_by_label("Card number").focus()
    for text in ("4242424242424242", "1234", "123"):
        await shop.page.keyboard.type(text)
        await shop.page.keyboard.press("Tab")
    await shop.page.keyboard.press("Enter")
    await expect(shop.form.get_by_text("Test cards")).to_be_visible()
    await shop.form.get_by_role("button", name="4000000000000002").click()
    assert await shop.form.get_by_label("Card number").input_value() == "4000 0000 0000 0002"
    for path in ("payment", f"challenge/{intent.id}?client_secret={intent.client_secret}"):
        await shop.page.goto(f"{shop.sandbox.url}/v3/{path}")
        # The page around a frame has the heading.
        assert [one for one in await checked(shop.page) if not one.startswith("page-has-heading-one")] == []
