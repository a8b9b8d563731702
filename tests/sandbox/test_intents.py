"""PaymentIntents made directly: confirmed, captured, cancelled, lapsed; refunds and disputes of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import stripe


def create(client: stripe.StripeClient, **more: Any) -> stripe.PaymentIntent:
    params: dict[str, Any] = {"amount": 2000, "currency": "gbp", **more}
    return client.v1.payment_intents.create(params)  # type: ignore[arg-type]


def paid(client: stripe.StripeClient, card: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
    return create(client, confirm=True, payment_method=card, **more)


def charge_of(client: stripe.StripeClient, intent: stripe.PaymentIntent) -> stripe.Charge:
    return client.v1.charges.retrieve(str(intent.latest_charge))


def test_created_then_confirmed(client: stripe.StripeClient) -> None:
    made = create(client, metadata={"k": "v"})
    assert made.status == "requires_payment_method"
    assert made.client_secret is not None
    assert made.client_secret.startswith(f"{made.id}_secret_")
    after = client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})
    assert (after.status, after.amount_received) == ("succeeded", 2000)
    assert charge_of(client, after).metadata.to_dict() == {"k": "v"}


def test_a_decline_answers_402_and_stays_in_the_books(client: stripe.StripeClient) -> None:
    made = create(client)
    with pytest.raises(stripe.CardError) as caught:
        client.v1.payment_intents.confirm(
            made.id, {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"}
        )
    assert (caught.value.code, caught.value.http_status) == ("card_declined", 402)
    after = client.v1.payment_intents.retrieve(made.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error is not None
    assert after.last_payment_error.decline_code == "insufficient_funds"


def test_3d_secure_leads_to_a_page_and_back(client: stripe.StripeClient, web: httpx.Client) -> None:
    made = paid(client, "pm_card_authenticationRequired", return_url="https://shop.example/back?x=1")
    assert made.status == "requires_action"
    assert made.next_action is not None
    assert made.next_action.redirect_to_url is not None
    page = str(made.next_action.redirect_to_url.url)
    assert "3-D Secure" in web.get(page).text
    back = web.post(page, data={"action": "complete_3ds"})
    assert back.status_code == 303
    assert back.headers["location"].startswith(f"https://shop.example/back?x=1&payment_intent={made.id}&")
    assert client.v1.payment_intents.retrieve(made.id).status == "succeeded"


def test_a_page_to_pay_an_intent_on(client: stripe.StripeClient, web: httpx.Client) -> None:
    made = create(client, capture_method="manual", description="An hour with an expert")
    address = f"/pay/{made.id}?client_secret={made.client_secret}&return_url=https://shop.example/done"
    assert "An hour with an expert" in web.get(address).text
    assert web.get(f"/pay/{made.id}").status_code == 404
    assert web.post(f"/pay/{made.id}").status_code == 404
    assert web.post(address, data={"card": "4000000000000002"}).status_code == 402
    back = web.post(address, data={"card": "4242424242424242"})
    assert back.status_code == 303
    assert "redirect_status=succeeded" in back.headers["location"]
    assert client.v1.payment_intents.retrieve(made.id).status == "requires_capture"


def test_capture_in_part_lets_the_rest_go(client: stripe.StripeClient) -> None:
    held = paid(client, capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 2000, 0)
    with pytest.raises(stripe.InvalidRequestError, match="exceeds the amount capturable"):
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": 2001})
    after = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1500})
    assert (after.status, after.amount_received, after.amount_capturable) == ("succeeded", 1500, 0)
    charge = charge_of(client, after)
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (1500, 500, False)
    assert client.v1.refunds.list({"payment_intent": held.id}).data == []
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.capture(held.id)
    assert caught.value.code == "payment_intent_unexpected_state"


def test_what_is_left_after_a_part_can_be_refunded(client: stripe.StripeClient) -> None:
    held = paid(client, capture_method="manual")
    client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1500})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"payment_intent": held.id, "amount": 1501})
    assert client.v1.refunds.create({"payment_intent": held.id}).amount == 1500
    assert charge_of(client, held).refunded


def test_cancelling_releases_the_hold(client: stripe.StripeClient) -> None:
    held = paid(client, capture_method="manual")
    after = client.v1.payment_intents.cancel(held.id, {"cancellation_reason": "requested_by_customer"})
    assert (after.status, after.cancellation_reason) == ("canceled", "requested_by_customer")
    charge = charge_of(client, held)
    assert (charge.captured, charge.refunded) == (False, True)
    assert client.v1.refunds.list({"charge": charge.id}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="may be canceled"):
        client.v1.payment_intents.cancel(held.id)
    with pytest.raises(stripe.InvalidRequestError, match="may be canceled"):
        client.v1.payment_intents.cancel(paid(client).id)


def test_a_hold_lapses_after_seven_days(client: stripe.StripeClient, web: httpx.Client) -> None:
    held = paid(client, capture_method="manual")
    web.post("/control/clock", json={"advance_s": 7 * 86_400 - 7_200 - 60})
    assert client.v1.payment_intents.retrieve(held.id).status == "requires_capture"
    web.post("/control/clock", json={"advance_s": 120})
    after = client.v1.payment_intents.retrieve(held.id)
    assert (after.status, after.cancellation_reason) == ("canceled", "automatic")
    assert [e.type for e in client.v1.events.list({"type": "charge.expired"}).data] == ["charge.expired"]


def test_an_intent_can_be_changed_while_it_waits(client: stripe.StripeClient) -> None:
    made = create(client)
    after = client.v1.payment_intents.update(
        made.id, {"amount": 3000, "metadata": {"a": "1"}, "description": "x"}
    )
    assert (after.amount, after.description) == (3000, "x")
    done = client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_mastercard"})
    details = charge_of(client, done).payment_method_details
    assert details is not None
    assert details.card is not None
    assert details.card.brand == "mastercard"
    with pytest.raises(stripe.InvalidRequestError, match="may be updated"):
        client.v1.payment_intents.update(made.id, {"amount": 1000})
    assert client.v1.payment_intents.update(made.id, {"metadata": {"b": "2"}}).metadata.to_dict() == {
        "a": "1",
        "b": "2",
    }


def test_refunds_add_up(client: stripe.StripeClient) -> None:
    done = paid(client)
    first = client.v1.refunds.create({"payment_intent": done.id, "amount": 800, "metadata": {"why": "x"}})
    assert (first.status, first.amount, first.charge) == ("succeeded", 800, done.latest_charge)
    charge = charge_of(client, done)
    assert (charge.amount_refunded, charge.refunded) == (800, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"payment_intent": done.id, "amount": 1201})
    client.v1.refunds.create({"charge": charge.id, "reason": "duplicate"})
    assert charge_of(client, done).refunded
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": done.id})
    assert caught.value.code == "charge_already_refunded"
    assert [one.amount for one in client.v1.refunds.list({"payment_intent": done.id}).data] == [1200, 800]
    assert client.v1.refunds.update(first.id, {"metadata": {"n": "1"}}).metadata is not None


def test_a_refund_that_fails_later_gives_the_money_back_to_us(
    client: stripe.StripeClient, web: httpx.Client
) -> None:
    done = paid(client, "pm_card_refundFail")
    made = client.v1.refunds.create({"payment_intent": done.id})
    assert made.status == "succeeded"
    web.post("/control/clock", json={"advance_s": 10})
    after = client.v1.refunds.retrieve(made.id)
    assert (after.status, after.failure_reason) == ("failed", "expired_or_canceled_card")
    assert charge_of(client, done).amount_refunded == 0
    assert client.v1.events.list({"type": "refund.failed"}).data[0].data.object["id"] == made.id


def test_a_pending_refund_goes_through_or_is_cancelled(
    client: stripe.StripeClient, web: httpx.Client
) -> None:
    done = paid(client, "pm_card_pendingRefund")
    first = client.v1.refunds.create({"payment_intent": done.id, "amount": 500})
    assert first.status == "pending"
    web.post("/control/clock", json={"advance_s": 10})
    assert client.v1.refunds.retrieve(first.id).status == "succeeded"
    second = client.v1.refunds.create({"payment_intent": done.id, "amount": 500})
    assert client.v1.refunds.cancel(second.id).status == "canceled"
    assert charge_of(client, done).amount_refunded == 500
    with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
        client.v1.refunds.cancel(first.id)


def test_a_disputed_charge_cannot_be_refunded(client: stripe.StripeClient) -> None:
    done = paid(client, "pm_card_createDispute")
    assert charge_of(client, done).disputed
    dispute = client.v1.disputes.list({"payment_intent": done.id}).data[0]
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 2000)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": done.id})
    assert caught.value.code == "charge_disputed"
    assert client.v1.disputes.close(dispute.id).status == "lost"


@pytest.mark.parametrize(("text", "verdict"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_evidence_decides(text: str, verdict: str, client: stripe.StripeClient) -> None:
    done = paid(client, "pm_card_createDispute")
    dispute = client.v1.disputes.list({"charge": str(done.latest_charge)}).data[0]
    after = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}, "submit": True})
    assert after.status == verdict
    kinds = [event.type for event in client.v1.events.list({"type": "charge.dispute.*"}).data]
    assert ("charge.dispute.funds_reinstated" in kinds) == (verdict == "won")
    assert {"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.updated"} < set(kinds)


def test_nothing_to_refund(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        client.v1.refunds.create({"payment_intent": create(client).id})
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        client.v1.refunds.create({})
    held = paid(client, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError, match="not been captured"):
        client.v1.refunds.create({"payment_intent": held.id})


def test_the_balance_is_the_sum_of_what_happened(client: stripe.StripeClient) -> None:
    done = paid(client)
    client.v1.refunds.create({"payment_intent": done.id, "amount": 500})
    lines = client.v1.balance_transactions.list().data
    assert [(line.type, line.amount) for line in lines] == [("refund", -500), ("charge", 2000)]
    charged = client.v1.balance_transactions.list({"source": str(done.latest_charge)}).data
    assert client.v1.balance_transactions.retrieve(charged[0].id).net == 2000 - charged[0].fee


def test_customers_and_payment_methods(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "a@example.com", "metadata": {"x": "y"}})
    assert client.v1.customers.retrieve(customer.id).email == "a@example.com"
    assert client.v1.customers.list({"email": "a@example.com"}).data[0].id == customer.id
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    assert paid(client, method.id, customer=customer.id).customer == customer.id
    assert client.v1.payment_methods.retrieve(method.id).type == "card"
    assert client.v1.accounts.retrieve_current().charges_enabled
