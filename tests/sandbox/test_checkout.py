"""Checkout Sessions over the official SDK, and the page that a customer pays on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.conftest import session_params
from tests.support.sandbox import Sandbox

Session = stripe.checkout.Session
Make = Callable[..., Session]


def again(client: stripe.StripeClient, made: Session, *expand: str) -> Session:
    return client.v1.checkout.sessions.retrieve(made.id, {"expand": list(expand)})


def intent_of(client: stripe.StripeClient, made: Session) -> stripe.PaymentIntent:
    return client.v1.payment_intents.retrieve(str(again(client, made).payment_intent))


def test_a_session_begins_open_and_unpaid(client: stripe.StripeClient, make_session: Make) -> None:
    made = make_session(metadata={"a": "1"}, client_reference_id="ref-1", customer_email="a@example.com")
    assert made.id.startswith("cs_test_")
    assert (made.status, made.payment_status, made.amount_total, made.currency) == (
        "open",
        "unpaid",
        2500,
        "gbp",
    )
    assert made.payment_intent is None
    assert made.expires_at == made.created + 86_400
    assert made.metadata is not None
    assert made.metadata.to_dict() == {"a": "1"}
    assert made.customer_details is not None
    assert made.customer_details.email == "a@example.com"
    assert made.url is not None
    assert made.url.endswith(f"/pay/{made.id}")
    assert again(client, made).to_dict() == made.to_dict()


# The SDK hands its form to httpx in a way that httpx has begun to warn about.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
async def test_the_async_client_works_too(sandbox: Sandbox) -> None:
    http = stripe.HTTPXClient()
    client = stripe.StripeClient(sandbox.secret_key, base_addresses={"api": sandbox.url}, http_client=http)
    made = await client.v1.checkout.sessions.create_async(session_params())  # type: ignore[arg-type]
    assert (await client.v1.checkout.sessions.retrieve_async(made.id)).id == made.id
    await http.close_async()  # type: ignore[no-untyped-call]


def test_paying_completes_the_session(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    made = make_session(payment_intent_data={"metadata": {"order": "7"}, "description": "Two seats"})
    paid = web.post(
        f"/pay/{made.id}", data={"card": "4242424242424242", "name": "Ann", "email": "ann@example.com"}
    )
    assert paid.status_code == 303
    assert paid.headers["location"] == f"https://shop.example/thanks?s={made.id}"
    after = again(client, made, "payment_intent.latest_charge.balance_transaction")
    assert (after.status, after.payment_status, after.url) == ("complete", "paid", None)
    assert after.customer_details is not None
    assert (after.customer_details.name, after.customer_details.email) == ("Ann", "ann@example.com")
    intent = after.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount_received, intent.description) == ("succeeded", 2500, "Two seats")
    assert intent.metadata.to_dict() == {"order": "7"}
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.captured, charge.amount_captured, charge.paid) == (True, 2500, True)
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert charge.payment_method_details.card.last4 == "4242"
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert charge.balance_transaction.net == 2500 - charge.balance_transaction.fee


def test_the_form_may_be_empty(client: stripe.StripeClient, web: httpx.Client, make_session: Make) -> None:
    made = make_session()
    assert web.post(f"/pay/{made.id}").status_code == 303
    assert again(client, made).payment_status == "paid"


def test_metadata_is_not_copied_to_the_intent(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    made = make_session(metadata={"only": "here"})
    web.post(f"/pay/{made.id}")
    assert intent_of(client, made).metadata.to_dict() == {}


DECLINES = [
    ("4000000000000002", "card_declined", "generic_decline"),
    ("4000000000009995", "card_declined", "insufficient_funds"),
    ("4000000000000069", "expired_card", "expired_card"),
    ("4000000000000119", "processing_error", "processing_error"),
    ("4012888888881881", "card_declined", "test_mode_live_card"),
    ("1234", "incorrect_number", "incorrect_number"),
]


@pytest.mark.parametrize(("card", "code", "decline_code"), DECLINES)
def test_a_decline_is_not_the_end(
    card: str,
    code: str,
    decline_code: str,
    client: stripe.StripeClient,
    web: httpx.Client,
    make_session: Make,
) -> None:
    made = make_session()
    declined = web.post(f"/pay/{made.id}", data={"card": card, "email": "typed@example.com"})
    assert declined.status_code == 402
    assert "Nothing was charged" in declined.text
    assert "typed@example.com" in declined.text
    assert again(client, made).status == "open"
    intent = intent_of(client, made)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert (intent.last_payment_error.code, intent.last_payment_error.decline_code) == (code, decline_code)
    assert client.v1.charges.list({"payment_intent": intent.id}).data[0].status == "failed"
    assert web.post(f"/pay/{made.id}").status_code == 303
    after = again(client, made)
    assert (after.payment_status, after.payment_intent) == ("paid", intent.id)


@pytest.mark.parametrize("card", ["4000002500003155", "4000000000003220"])
def test_3d_secure(card: str, client: stripe.StripeClient, web: httpx.Client, make_session: Make) -> None:
    made = make_session()
    asked = web.post(f"/pay/{made.id}", data={"card": card})
    assert asked.status_code == 200
    assert "3-D Secure" in asked.text
    assert intent_of(client, made).status == "requires_action"
    assert "3-D Secure" in web.get(f"/pay/{made.id}").text
    failed = web.post(f"/pay/{made.id}", data={"action": "fail_3ds"})
    assert failed.status_code == 402
    intent = intent_of(client, made)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert web.post(f"/pay/{made.id}", data={"card": "4000000000000002"}).status_code == 402
    web.post(f"/pay/{made.id}", data={"card": card})
    assert web.post(f"/pay/{made.id}", data={"action": "complete_3ds"}).status_code == 303
    assert again(client, made).payment_status == "paid"


def test_cancelling_leaves_the_session_open(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    made = make_session()
    cancelled = web.post(f"/pay/{made.id}", data={"action": "cancel"})
    assert (cancelled.status_code, cancelled.headers["location"]) == (303, "https://shop.example/cart")
    assert again(client, made).status == "open"


def test_nothing_to_pay_needs_no_intent(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    free = {"currency": "gbp", "unit_amount": 0, "product_data": {"name": "Free"}}
    made = make_session(line_items=[{"price_data": free, "quantity": 1}])
    assert made.payment_status == "no_payment_required"
    assert web.post(f"/pay/{made.id}").status_code == 303
    after = again(client, made)
    assert (after.status, after.payment_status, after.payment_intent) == (
        "complete",
        "no_payment_required",
        None,
    )


def test_a_session_is_paid_once(client: stripe.StripeClient, web: httpx.Client, make_session: Make) -> None:
    made = make_session()
    web.post(f"/pay/{made.id}")
    assert "completed this payment" in web.post(f"/pay/{made.id}").text
    assert len(client.v1.charges.list({"payment_intent": str(again(client, made).payment_intent)}).data) == 1


@pytest.mark.parametrize(
    ("method", "paid", "outcome"),
    [("bank_debit", "paid", "succeeded"), ("bank_debit_fail", "unpaid", "failed")],
)
def test_a_slow_method_settles_later(
    method: str, paid: str, outcome: str, client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    made = make_session()
    assert web.post(f"/pay/{made.id}", data={"method": method}).status_code == 303
    after = again(client, made)
    assert (after.status, after.payment_status) == ("complete", "unpaid")
    assert intent_of(client, made).status == "processing"
    web.post("/control/clock", json={"advance_s": 10})
    assert again(client, made).payment_status == paid
    kinds = [event.type for event in client.v1.events.list({"type": "checkout.session.async_*"}).data]
    assert kinds == [f"checkout.session.async_payment_{outcome}"]


def test_sessions_expire_by_the_sandboxes_clock(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    now = int(web.get("/control/clock").json()["now"])
    made = make_session(expires_at=now + 1900)
    web.post(f"/pay/{made.id}", data={"card": "4000000000000002"})
    web.post("/control/clock", json={"advance_s": 1800})
    assert again(client, made).status == "open"
    web.post("/control/clock", json={"advance_s": 200})
    after = again(client, made)
    assert (after.status, after.payment_status, after.url) == ("expired", "unpaid", None)
    assert intent_of(client, made).status == "canceled"
    assert "timed out" in web.get(f"/pay/{made.id}").text
    assert "timed out" in web.post(f"/pay/{made.id}").text
    assert [e.type for e in client.v1.events.list({"type": "checkout.session.expired"}).data] == [
        "checkout.session.expired"
    ]


def test_expiring_by_hand(client: stripe.StripeClient, web: httpx.Client, make_session: Make) -> None:
    made = make_session()
    assert client.v1.checkout.sessions.expire(made.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        client.v1.checkout.sessions.expire(made.id)
    paid = make_session()
    web.post(f"/pay/{paid.id}")
    with pytest.raises(stripe.InvalidRequestError, match="status of `complete`"):
        client.v1.checkout.sessions.expire(paid.id)


def test_held_money_is_unpaid_until_it_is_captured(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    made = make_session(payment_intent_data={"capture_method": "manual"})
    web.post(f"/pay/{made.id}")
    after = again(client, made, "payment_intent.latest_charge")
    assert (after.status, after.payment_status) == ("complete", "unpaid")
    intent = after.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 2500)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.payment_method_details is not None
    card = intent.latest_charge.payment_method_details.card
    assert card is not None
    assert card.capture_before == intent.latest_charge.created + 7 * 86_400 - 7_200
    client.v1.payment_intents.capture(intent.id)
    assert again(client, made).payment_status == "paid"


def test_the_sessions_intent_is_checkouts_own(
    client: stripe.StripeClient, web: httpx.Client, make_session: Make
) -> None:
    made = make_session()
    web.post(f"/pay/{made.id}", data={"card": "4000000000000002"})
    id = str(again(client, made).payment_intent)
    with pytest.raises(stripe.InvalidRequestError, match="created by Checkout"):
        client.v1.payment_intents.cancel(id)
    with pytest.raises(stripe.InvalidRequestError, match="created by Checkout"):
        client.v1.payment_intents.confirm(id, {"payment_method": "pm_card_visa"})


def test_line_items_are_listed_and_paged(client: stripe.StripeClient, make_session: Make) -> None:
    def item(name: str, amount: int) -> dict[str, Any]:
        data = {"currency": "gbp", "unit_amount": amount, "product_data": {"name": name}}
        return {"price_data": data, "quantity": 2}

    made = make_session(line_items=[item("Soup", 500), item("Wine", 1250), item("Cake", 400)])
    assert made.amount_total == 4300
    first = client.v1.checkout.sessions.line_items.list(made.id, {"limit": 2})
    assert [one.description for one in first.data] == ["Soup", "Wine"]
    assert first.has_more
    assert [one.description for one in first.auto_paging_iter()] == ["Soup", "Wine", "Cake"]
    expanded = again(client, made, "line_items").line_items
    assert expanded is not None
    assert [one.amount_total for one in expanded.data] == [1000, 2500, 800]


def test_metadata_can_be_changed(client: stripe.StripeClient, make_session: Make) -> None:
    made = make_session(metadata={"a": "1", "b": "2"})
    after = client.v1.checkout.sessions.update(made.id, {"metadata": {"a": "", "c": "3"}})
    assert after.metadata is not None
    assert after.metadata.to_dict() == {"b": "2", "c": "3"}


def test_a_strange_address_and_a_strange_form(web: httpx.Client, make_session: Make) -> None:
    assert web.get("/pay/cs_test_nothing").status_code == 404
    assert web.post("/pay/cs_test_nothing").status_code == 404
    made = make_session()
    assert web.post(f"/pay/{made.id}", data={"action": "steal"}).status_code == 400
    assert "Pay" in web.post(f"/pay/{made.id}", data={"action": "complete_3ds"}).text
