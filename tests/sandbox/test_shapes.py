"""Every object has every field that the SDK declares, of its type, with documented values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.conftest import session_params
from tests.sandbox.sdk_types import problems

CLASSES: dict[str, type] = {
    "checkout.session": stripe.checkout.Session,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "webhook_endpoint": stripe.WebhookEndpoint,
    "balance_transaction": stripe.BalanceTransaction,
    "customer": stripe.Customer,
}
CARDS = (
    "4242424242424242",
    "5555555555554444",
    "4000000000000002",
    "4000000000000259",
    "4000000000005126",
    "4000000000007726",
)


@pytest.fixture
def books(
    client: stripe.StripeClient, web: httpx.Client, make_session: Callable[..., stripe.checkout.Session]
) -> dict[str, list[Any]]:
    """A ledger in which everything has happened at least once."""
    client.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/nobody", "enabled_events": ["charge.refunded"]}
    )
    customer = client.v1.customers.create({"email": "a@example.com", "name": "A"})
    for card in CARDS:
        made = make_session(customer_email="guest@example.com")
        web.post(f"/pay/{made.id}", data={"card": card})
        intent = client.v1.checkout.sessions.retrieve(made.id).payment_intent
        if card != "4000000000000002" and card != "4000000000000259":
            client.v1.refunds.create({"payment_intent": str(intent), "amount": 500, "reason": "duplicate"})
    for method in ("bank_debit", "bank_debit_fail"):
        web.post(f"/pay/{make_session(customer=customer.id).id}", data={"method": method})
    web.post(f"/pay/{make_session().id}", data={"card": "4000000000003220"})
    secured = make_session()
    for form in ({"card": "4000002500003155"}, {"action": "complete_3ds"}):
        web.post(f"/pay/{secured.id}", data=form)
    held = client.v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "eur",
            "capture_method": "manual",
            "confirm": True,
            "payment_method": "pm_card_visa",
        }
    )
    client.v1.payment_intents.capture(held.id, {"amount_to_capture": 400})
    client.v1.payment_intents.cancel(client.v1.payment_intents.create({"amount": 900, "currency": "usd"}).id)
    client.v1.checkout.sessions.expire(make_session().id)
    web.post("/control/clock", json={"advance_s": 60})
    ledger: dict[str, list[Any]] = web.get("/control/ledger").json()
    return ledger


def test_every_kind_is_there(books: dict[str, list[Any]]) -> None:
    assert set(CLASSES) <= set(books)


@pytest.mark.parametrize("kind", CLASSES)
def test_objects_are_as_the_sdk_declares_them(kind: str, books: dict[str, list[Any]]) -> None:
    found = {problem for body in books[kind] for problem in problems(body, CLASSES[kind], kind)}
    assert not found, "\n".join(sorted(found))


def test_the_objects_inside_events_too(books: dict[str, list[Any]]) -> None:
    inside = [event["data"]["object"] for event in books["event"]]
    found = {one for body in inside for one in problems(body, CLASSES[body["object"]], body["object"])}
    assert not found, "\n".join(sorted(found))


def test_the_account_and_line_items(client: stripe.StripeClient, web: httpx.Client) -> None:
    key = {"Authorization": "Bearer sk_test_sandbox"}
    account = web.get("/v1/account", headers=key).json()
    assert not list(problems(account, stripe.Account, "account"))
    made = client.v1.checkout.sessions.create(session_params())  # type: ignore[arg-type]
    items = web.get(f"/v1/checkout/sessions/{made.id}/line_items", headers=key).json()
    assert not list(problems(items["data"][0], stripe.LineItem, "item"))


def test_an_expanded_session_is_one_too(
    client: stripe.StripeClient, web: httpx.Client, make_session: Callable[..., stripe.checkout.Session]
) -> None:
    made = make_session()
    web.post(f"/pay/{made.id}")
    paths = [
        "payment_intent.latest_charge.balance_transaction",
        "payment_intent.payment_method",
        "line_items",
    ]
    body = client.v1.checkout.sessions.retrieve(made.id, {"expand": paths})
    found = list(problems(body.to_dict(), stripe.checkout.Session, "session"))
    assert not [one for one in found if "unit_amount_decimal" not in one]  # the SDK has made it a Decimal
    assert not isinstance(body.payment_intent, str | None)
    assert not isinstance(body.payment_intent.latest_charge, str | None)


def test_the_comparison_sees_what_is_wrong() -> None:
    wrong = {"amount": "1", "status": "odd", "surprise": 1, "refunded": 0, "billing_details": {"email": 5}}
    found = list(problems(wrong, stripe.Charge, "charge"))
    assert "charge.id is missing" in found
    for name in ("amount", "status", "surprise", "refunded", "billing_details.email"):
        assert any(one.startswith(f"charge.{name} is") for one in found), name
