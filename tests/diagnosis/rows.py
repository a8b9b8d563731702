"""An order as its rows, healthy: confirmed, paid, told. A test bends what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.diagnosis.story import OurSide, StripeObject

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
ATTEMPT, SESSION, INTENT = "att_1", "cs_test_1", "pi_1"
AMOUNT = 17000


def healthy() -> OurSide:
    return OurSide(
        order={
            "order_id": "ord_1",
            "status": "confirmed",
            "amount": AMOUNT,
            "currency": "GBP",
            "stuck_reason": None,
            "locale": "en_GB",
            "title": "Dinner and a show",
            "customer_name": "Sample Guest",
            "customer_email": "guest@example.com",
            "customer_phone": None,
        },
        booking={
            "booking_id": "bkg_1",
            "status": "confirmed",
            "reference": "HF-23456789",
            "expires_at": BEFORE,
            "confirmed_at": BEFORE,
        },
        attempts=[attempt()],
        payments=[payment()],
        messages=[message()],
        timeline=[{"at": BEFORE, "actor": "stripe", "what": "confirmed", "detail": {}}],
    )


def with_status(status: str, **others: Any) -> OurSide:
    ours = healthy()
    assert ours.booking is not None
    order = {**ours.order, "status": status, "stuck_reason": "why" if status == "stuck" else None}
    return replace(ours, order=order, booking={**ours.booking, "status": status}, **others)


def attempt(**changes: Any) -> dict[str, Any]:
    row = {
        "attempt_id": ATTEMPT,
        "status": "complete",
        "amount": AMOUNT,
        "currency": "GBP",
        "session_id": SESSION,
        "payment_intent_id": INTENT,
        "created_at": BEFORE,
        "closed_at": BEFORE,
    }
    return {**row, **changes}


def payment(**changes: Any) -> dict[str, Any]:
    row = {
        "payment_id": "pay_1",
        "attempt_id": ATTEMPT,
        "purpose": "order",
        "payment_intent_id": INTENT,
        "amount": AMOUNT,
        "captured": AMOUNT,
        "currency": "GBP",
        "card_brand": "visa",
        "card_last4": "4242",
        "recorded_at": BEFORE,
        "found_by": "webhook",
    }
    return {**row, **changes}


def refund(**changes: Any) -> dict[str, Any]:
    row = {
        "refund_id": "ref_1",
        "payment_id": "pay_1",
        "amount": AMOUNT,
        "currency": "GBP",
        "reason": "late",
        "status": "succeeded",
        "failure": None,
        "actor": "worker",
        "created_at": BEFORE,
        "settled_at": BEFORE,
    }
    return {**row, **changes}


def message(**changes: Any) -> dict[str, Any]:
    row = {
        "message_id": "msg_1",
        "kind": "booking_confirmed",
        "channel": "email",
        "recipient": "guest@example.com",
        "status": "sent",
        "cause": "settle",
        "created_at": BEFORE,
        "delivered_at": None,
        "error": None,
    }
    return {**row, **changes}


def begun_by_sms(messages: list[dict[str, Any]]) -> OurSide:
    """Seats that wait for a guest who has a link by SMS; nothing is paid yet."""
    pending = with_status("pending", attempts=[], payments=[], messages=messages)
    assert pending.booking is not None
    soon = NOW + timedelta(minutes=20)
    return replace(
        pending,
        order={**pending.order, "source": "sms", "amount": 0},
        booking={**pending.booking, "expires_at": soon, "confirmed_at": None},
    )


def sms(**changes: Any) -> dict[str, Any]:
    return message(**{"kind": "booking_started", "channel": "sms", "recipient": "+447700900123", **changes})


def answer(**changes: Any) -> dict[str, Any]:
    row = {
        "inbound_id": "inb_1",
        "sender": "+447700900123",
        "body": "Can we bring the dog?",
        "meaning": "other",
        "received_at": BEFORE,
        "read_at": None,
        "read_by": None,
    }
    return {**row, **changes}


def event(**changes: Any) -> dict[str, Any]:
    row = {
        "event_id": "evt_1",
        "type": "checkout.session.completed",
        "received_at": BEFORE,
        "handled_at": BEFORE,
        "outcome": "applied",
        "error": None,
        "duplicates": 0,
    }
    return {**row, **changes}


def paid(**changes: Any) -> StripeObject:
    session = {
        "id": SESSION,
        "status": "complete",
        "payment_status": "paid",
        "amount_total": AMOUNT,
        "currency": "gbp",
    }
    charge = {"id": "ch_1", "created": int(BEFORE.timestamp()), "paid": True}
    intent = {"id": INTENT, "status": "succeeded", "currency": "gbp", "latest_charge": charge}
    return StripeObject(session={**session, "created": int(BEFORE.timestamp()), **changes}, intent=intent)


def capture(**changes: Any) -> dict[str, Any]:
    row = {
        "capture_id": "cap_1",
        "attempt_id": ATTEMPT,
        "action": "capture",
        "amount": AMOUNT,
        "currency": "GBP",
        "status": "done",
        "reason": "accepted",
        "actor": "provider:1",
        "failure": None,
        "created_at": BEFORE,
        "settled_at": BEFORE,
    }
    return {**row, **changes}


def asked(status: str, respond_by: datetime | None = None, **others: Any) -> OurSide:
    """A request and its order: an intent without a session, authorised or about to be."""
    ours = with_status(status, payments=[], messages=[], attempts=[attempt(session_id=None, status="open")])
    order = {**ours.order, "accepted_at": None, "respond_by": respond_by or NOW + timedelta(days=1)}
    return replace(ours, order=order, **others)


def intent(status: str, *, captured: bool = False) -> StripeObject:
    """An intent as Stripe has it, without a session."""
    charge = {"id": "ch_1", "created": int(BEFORE.timestamp()), "paid": True, "captured": captured}
    body = {"id": INTENT, "status": status, "amount": AMOUNT, "currency": "gbp", "latest_charge": charge}
    return StripeObject(intent={**body, "amount_received": AMOUNT if captured else 0})


def unpaid(status: str = "expired") -> StripeObject:
    return paid(status=status, payment_status="unpaid")
