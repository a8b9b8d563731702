"""What a web page can do with the publishable key: one intent, with its secret, and nothing else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import stripe

from tests.support.sandbox import Sandbox

CARD = {
    "payment_method_data[type]": "card",
    "payment_method_data[card][number]": "4242424242424242",
    "payment_method_data[card][exp_month]": "12",
    "payment_method_data[card][exp_year]": "34",
    "payment_method_data[card][cvc]": "123",
}


@pytest.fixture
def intent(client: stripe.StripeClient) -> stripe.PaymentIntent:
    made = {"amount": 4500, "currency": "gbp", "capture_method": "manual", "metadata": {"attempt": "a"}}
    return client.v1.payment_intents.create(made)  # type: ignore[arg-type]


@pytest.fixture
def visitor(sandbox: Sandbox, web: httpx.Client) -> httpx.Client:
    web.headers["Authorization"] = f"Bearer {sandbox.publishable_key}"
    return web


def confirm(visitor: httpx.Client, intent: stripe.PaymentIntent, **more: Any) -> httpx.Response:
    data = {"client_secret": intent.client_secret, **CARD, **more}
    return visitor.post(f"/v1/payment_intents/{intent.id}/confirm", data=data)


def test_an_intent_is_read_with_its_secret_and_shows_only_what_a_customer_may_see(
    visitor: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    path = f"/v1/payment_intents/{intent.id}"
    expand = {"client_secret": intent.client_secret, "expand[]": "latest_charge"}
    seen = visitor.get(path, params=expand).json()
    assert (seen["id"], seen["amount"], seen["status"]) == (intent.id, 4500, "requires_payment_method")
    assert not {"metadata", "amount_received", "customer", "application"} & set(seen)
    assert visitor.get(path).json()["error"]["code"] == "parameter_missing"
    wrong = visitor.get(path, params={"client_secret": f"{intent.id}_secret_wrong"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "client_secret")


def test_an_intent_is_confirmed_with_a_card_as_it_was_typed(
    client: stripe.StripeClient, visitor: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    answer = confirm(visitor, intent, **{"payment_method_data[billing_details][name]": "Ann Example"})
    assert (answer.status_code, answer.json()["status"]) == (200, "requires_capture")
    assert "metadata" not in answer.json()
    charge = client.v1.charges.list({"payment_intent": intent.id}).data[0]
    assert charge.billing_details.name == "Ann Example"
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert (charge.payment_method_details.card.exp_month, charge.payment_method_details.card.exp_year) == (
        12,
        2034,
    )
    again = confirm(visitor, intent).json()["error"]
    assert again["code"] == "payment_intent_unexpected_state"
    assert "metadata" not in again["payment_intent"]


def test_a_wrong_secret_confirms_nothing(
    client: stripe.StripeClient, visitor: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    assert confirm(visitor, intent, client_secret="wrong").status_code == 400
    assert visitor.post(f"/v1/payment_intents/{intent.id}/confirm", data=CARD).status_code == 400
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_a_decline_shows_the_intent_without_its_secrets(
    visitor: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    answer = confirm(visitor, intent, **{"payment_method_data[card][number]": "4000000000000002"})
    assert answer.status_code == 402
    error = answer.json()["error"]
    assert (error["code"], error["decline_code"]) == ("card_declined", "generic_decline")
    assert "metadata" not in error["payment_intent"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("card][number", "4242424242424241", "incorrect_number"),
        ("card][exp_month", "13", "invalid_expiry_month"),
        ("card][exp_year", "20", "invalid_expiry_year"),
        ("card][exp_year", "x", "invalid_expiry_year"),
        ("card][cvc", "1", "invalid_cvc"),
    ],
)
def test_a_card_that_is_mistyped_is_refused(
    field: str, value: str, code: str, visitor: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    answer = confirm(visitor, intent, **{f"payment_method_data[{field}]": value})
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, code)


@pytest.mark.parametrize(
    ("data", "param"),
    [
        ({"payment_method_data[type]": "klarna"}, "payment_method_data[type]"),
        ({"payment_method_data[card][number]": "4242424242424242"}, "payment_method_data[type]"),
        ({"payment_method_data[type]": "card"}, "payment_method_data[card][number]"),
        (CARD | {"payment_method": "pm_card_visa"}, "payment_method_data"),
    ],
)
def test_a_method_that_is_no_card_is_refused(
    data: dict[str, str], param: str, visitor: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    given = {"client_secret": intent.client_secret, **data}
    answer = visitor.post(f"/v1/payment_intents/{intent.id}/confirm", data=given)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_a_method_is_made_of_a_number_and_then_used(
    client: stripe.StripeClient, visitor: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    card = {
        "type": "card",
        "card[number]": "5555555555554444",
        "card[exp_month]": "1",
        "card[exp_year]": "2034",
    }
    method = visitor.post("/v1/payment_methods", data=card).json()
    assert (method["card"]["brand"], method["card"]["last4"]) == ("mastercard", "4444")
    after = client.v1.payment_intents.confirm(intent.id, {"payment_method": method["id"]})
    assert after.status == "requires_capture"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/payment_intents"),
        ("POST", "/v1/payment_intents"),
        ("POST", "/v1/payment_intents/{id}"),
        ("POST", "/v1/payment_intents/{id}/capture"),
        ("POST", "/v1/payment_intents/{id}/cancel"),
        ("GET", "/v1/charges"),
        ("POST", "/v1/refunds"),
        ("GET", "/v1/events"),
        ("GET", "/v1/payment_methods/pm_x"),
        ("GET", "/v1/account"),
    ],
)
def test_everything_else_needs_the_secret_key(
    method: str, path: str, visitor: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    answer = visitor.request(method, path.format(id=intent.id))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "secret_key_required")


def test_a_stored_answer_of_the_shop_is_not_replayed_to_a_browser(
    sandbox: Sandbox, visitor: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    headers = {"Idempotency-Key": "confirm-1"}
    path = f"/v1/payment_intents/{intent.id}/confirm"
    data = {"client_secret": intent.client_secret, **CARD}
    shop = {"Authorization": f"Bearer {sandbox.secret_key}"}
    assert "metadata" in visitor.post(path, data=data, headers=headers | shop).json()
    answer = visitor.post(path, data=data, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")


def test_a_page_of_any_origin_may_ask(visitor: httpx.Client, intent: stripe.PaymentIntent) -> None:
    path = f"/v1/payment_intents/{intent.id}/confirm"
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    before = visitor.options(path, headers=asked)
    assert before.status_code == 204
    assert "Authorization" in before.headers["access-control-allow-headers"]
    assert confirm(visitor, intent).headers["access-control-allow-origin"] == "*"


def test_only_the_frames_may_be_framed(web: httpx.Client) -> None:
    assert "frame-ancestors *" in web.get("/v3/payment").headers["content-security-policy"]
    assert "frame-ancestors 'self'" in web.get("/inbox").headers["content-security-policy"]
    assert web.get("/v3/").headers["content-type"].startswith("text/javascript")


def test_the_banks_question_is_asked_once_and_only_to_the_customer(
    client: stripe.StripeClient, web: httpx.Client, intent: stripe.PaymentIntent
) -> None:
    client.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_authenticationRequired", "use_stripe_sdk": True}
    )
    path = f"/v3/challenge/{intent.id}"
    wrong = web.post(path, params={"client_secret": "wrong"}, data={"action": "complete_3ds"})
    assert wrong.status_code == 404
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_action"
    right = {"client_secret": str(intent.client_secret)}
    assert "Your bank wants to know" in web.get(path, params=right).text
    assert web.post(path, params=right, data={"action": "steal"}).status_code == 422
    assert "data-answered" in web.post(path, params=right, data={"action": "complete_3ds"}).text
    assert "data-answered" in web.post(path, params=right, data={"action": "fail_3ds"}).text
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"
