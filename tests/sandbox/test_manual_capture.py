"""Money that is authorised first and captured later: its term, its end, and what others do to it meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.conftest import client_of
from tests.sandbox.listener import Listener
from tests.sandbox.test_control import act
from tests.sandbox.test_intents import charge_of, create, paid
from tests.support.sandbox import Sandbox

TERM_S = 7 * 86_400 - 7_200


def hold(client: stripe.StripeClient, card: str = "pm_card_visa") -> stripe.PaymentIntent:
    return paid(client, card, capture_method="manual")


def later(web: httpx.Client, seconds: float) -> None:
    web.post("/control/clock", json={"advance_s": seconds}).raise_for_status()


def capture_before(charge: stripe.Charge) -> int | None:
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    return charge.payment_method_details.card.to_dict().get("capture_before")


def test_an_authorised_charge_is_not_captured_and_says_until_when_it_can_be(
    client: stripe.StripeClient,
) -> None:
    held = hold(client)
    charge = charge_of(client, held)
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 2000, 0)
    assert (charge.status, charge.paid, charge.captured, charge.amount_captured) == (
        "succeeded",
        True,
        False,
        0,
    )
    assert capture_before(charge) == charge.created + TERM_S
    assert charge.balance_transaction is None
    client.v1.payment_intents.capture(held.id)
    assert capture_before(charge_of(client, held)) is None


def test_each_step_has_its_events(
    client: stripe.StripeClient, endpoint: str, listener: Listener, web: httpx.Client
) -> None:
    hold_events = ["payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated"]
    held = hold(client)
    client.v1.payment_intents.capture(held.id)
    cancelled = hold(client)
    client.v1.payment_intents.cancel(cancelled.id)
    hold(client)
    later(web, TERM_S + 2)  # its seconds are whole ones, and the clock stood between two
    told = [event.type for event in reversed(client.v1.events.list({"limit": 100}).data)]
    assert told == [
        *hold_events,
        "charge.captured",
        "payment_intent.succeeded",
        *hold_events,
        "charge.refunded",
        "payment_intent.canceled",
        *hold_events,
        "charge.expired",
        "payment_intent.canceled",
    ]
    web.post("/control/flush", json={"all": True})
    assert sorted(listener.kinds()) == sorted(told)


def test_it_can_be_captured_until_the_last_second_and_not_after(
    client: stripe.StripeClient, web: httpx.Client
) -> None:
    in_time, too_late = hold(client), hold(client)
    later(web, TERM_S - 30)
    assert client.v1.payment_intents.capture(in_time.id).status == "succeeded"
    later(web, 30)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.capture(too_late.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    after = client.v1.payment_intents.retrieve(too_late.id)
    assert (after.status, after.cancellation_reason, after.amount_capturable) == ("canceled", "automatic", 0)
    charge = charge_of(client, after)
    assert (charge.captured, charge.refunded, charge.amount_refunded) == (False, True, 2000)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.charges.capture(charge.id)
    assert caught.value.code == "charge_expired_for_capture"


def test_the_term_can_be_chosen(client: stripe.StripeClient, web: httpx.Client) -> None:
    web.post("/control/faults", json={"payments": {"authorised_for_s": 3600}}).raise_for_status()
    held = hold(client)
    charge = charge_of(client, held)
    assert capture_before(charge) == charge.created + 3600
    later(web, 3600)
    assert client.v1.payment_intents.retrieve(held.id).status == "canceled"


@pytest.mark.parametrize(
    ("first", "code"),
    [("capture", "charge_already_captured"), ("cancel", "charge_already_refunded")],
)
def test_a_charge_that_is_done_with_cannot_be_captured(
    first: str, code: str, client: stripe.StripeClient
) -> None:
    held = hold(client)
    getattr(client.v1.payment_intents, first)(held.id)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.charges.capture(str(held.latest_charge))
    assert caught.value.code == code


def test_a_card_that_disputes_does_so_once_its_money_is_taken(client: stripe.StripeClient) -> None:
    held = hold(client, "pm_card_createDispute")
    assert not charge_of(client, held).disputed
    assert not client.v1.disputes.list({"payment_intent": held.id}).data
    client.v1.payment_intents.capture(held.id)
    assert charge_of(client, held).disputed
    assert [one.amount for one in client.v1.disputes.list({"payment_intent": held.id}).data] == [2000]


def test_more_than_was_authorised_is_refused_and_nothing_is_taken(client: stripe.StripeClient) -> None:
    held = hold(client)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": 2001})
    assert (caught.value.code, caught.value.param) == ("amount_too_large", "amount_to_capture")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": 0})
    assert client.v1.payment_intents.retrieve(held.id).amount_capturable == 2000


@pytest.mark.parametrize("verb", ["capture", "cancel"])
def test_the_same_key_has_the_same_answer(verb: str, client: stripe.StripeClient) -> None:
    held = hold(client)
    do = getattr(client.v1.payment_intents, verb)
    first, second = (do(held.id, {}, {"idempotency_key": "once"}) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    kinds = ["charge.captured"] if verb == "capture" else ["payment_intent.canceled"]
    assert len(client.v1.events.list({"types": kinds}).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        do(held.id, {}, {"idempotency_key": "another"})


def test_of_a_capture_and_a_cancellation_at_the_same_instant_one_wins(sandbox: Sandbox) -> None:
    client = client_of(sandbox)
    ids = [hold(client).id for _ in range(8)]

    def tried(verb: str, id: str) -> bool:
        try:
            getattr(client_of(sandbox).v1.payment_intents, verb)(id)
        except stripe.InvalidRequestError:
            return False
        return True

    with ThreadPoolExecutor(2 * len(ids)) as pool:
        captures = [pool.submit(tried, "capture", id) for id in ids]
        cancels = [pool.submit(tried, "cancel", id) for id in ids]
    for id, captured, cancelled in zip(ids, captures, cancels, strict=True):
        assert captured.result() != cancelled.result()
        after = client.v1.payment_intents.retrieve(id)
        assert after.status == ("succeeded" if captured.result() else "canceled")
        assert charge_of(client, after).captured is captured.result()


def test_intents_are_listed_by_their_making(client: stripe.StripeClient, web: httpx.Client) -> None:
    old = create(client)
    later(web, 100)
    made = [create(client).id for _ in range(3)]
    params: Any = {"created": {"gt": old.created + 50}, "limit": 2}
    page = client.v1.payment_intents.list(params)
    assert ([one.id for one in page.data], page.has_more) == ([made[2], made[1]], True)
    rest = client.v1.payment_intents.list(params | {"starting_after": page.data[-1].id})
    assert ([one.id for one in rest.data], rest.has_more) == ([made[0]], False)


def test_an_authorisation_is_captured_outside(client: stripe.StripeClient, web: httpx.Client) -> None:
    held = hold(client)
    assert act(web, "capture", payment=held.id, amount=2001).json()["error"]["code"] == "amount_too_large"
    after = act(web, "capture", payment=held.latest_charge, amount=1500).json()
    assert (after["status"], after["amount_received"]) == ("succeeded", 1500)
    event = client.v1.events.list({"type": "charge.captured"}).data[0]
    assert event.request is not None
    assert event.request.id is None
    assert act(web, "capture", payment=held.id).json()["error"]["code"] == "payment_intent_unexpected_state"


def test_an_authorisation_is_called_off_outside(client: stripe.StripeClient, web: httpx.Client) -> None:
    held = hold(client)
    assert act(web, "cancel", payment=held.id, reason="boredom").status_code == 422
    after = act(web, "cancel", payment=held.id, reason="fraudulent").json()
    assert (after["status"], after["cancellation_reason"]) == ("canceled", "fraudulent")
    assert act(web, "cancel", payment="pi_none").status_code == 404


def test_a_bank_lets_go_and_says_nothing(client: stripe.StripeClient, web: httpx.Client) -> None:
    held = hold(client)
    assert act(web, "lapse_at_bank", payment=held.id).json()["status"] == "requires_capture"
    before = len(client.v1.events.list().data)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.capture(held.id)
    assert caught.value.code == "charge_expired_for_capture"
    assert client.v1.payment_intents.retrieve(held.id).status == "requires_capture"
    assert len(client.v1.events.list().data) == before
    assert client.v1.payment_intents.cancel(held.id).status == "canceled"
    assert act(web, "lapse_at_bank", payment=held.id).status_code == 422


def test_the_dashboards_buttons(client: stripe.StripeClient, web: httpx.Client) -> None:
    held, other = hold(client), hold(client)
    page = web.get("/").text
    assert "held until" in page
    for label in (
        "Capture in the dashboard",
        "Cancel in the dashboard",
        "Let the hold lapse",
        "Bank lets go, unsaid",
    ):
        assert label in page

    def press(action: str, **more: str) -> int:
        return web.post(
            "/", data={"action": action, "payment": held.id, "currency": "gbp", **more}
        ).status_code

    for junk in ("x", "1.234", "NaN", "-1"):
        assert press("capture", amount=junk) == 422
    assert press("capture", amount="15.00") == 303
    assert press("refund", amount="5.50") == 303
    assert press("cancel", payment=other.id) == 303
    charge = charge_of(client, held)
    assert (charge.amount_captured, charge.amount_refunded) == (1500, 500 + 550)
    assert client.v1.payment_intents.retrieve(other.id).status == "canceled"
    page = web.get("/").text
    assert "£15.00 captured" in page
    assert "£5.50 refunded" in page
    assert press("open_dispute", reason="product_not_received") == 303
    assert client.v1.disputes.list().data[0].reason == "product_not_received"


def test_the_banks_page_sends_the_customer_back_when_it_says_no(
    client: stripe.StripeClient, web: httpx.Client
) -> None:
    made = paid(client, "pm_card_authenticationRequired", return_url="https://shop.example/back")
    assert made.next_action is not None
    assert made.next_action.redirect_to_url is not None
    back = web.post(str(made.next_action.redirect_to_url.url), data={"action": "fail_3ds"})
    assert back.status_code == 303
    assert "redirect_status=failed" in back.headers["location"]
    assert client.v1.payment_intents.retrieve(made.id).status == "requires_payment_method"
