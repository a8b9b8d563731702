"""What is wrong with an order, pure: plain sentences, the gravest first, each with the one command that is safe to run next.

Safe means: it looks before it acts, asks Stripe, and changes nothing that is right. Where only a person can decide, there
is no command; the sentence says what to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from holdfast.diagnosis.finding import Finding, at_time
from holdfast.diagnosis.message_findings import (
    answer_is_unread,
    first_sms_did_not_come,
    guest_does_not_know,
    messages_wait,
)
from holdfast.diagnosis.story import OurSide, StripeObject, StripeSide
from holdfast.money import formatted

LIVE = ("pending", "requested", "confirmed", "in_progress", "completed")
PAID_FOR = ("confirmed", "in_progress", "completed", "no_show")
ENDED = ("declined", "cancelled", "expired")
IN_HAND = (*PAID_FOR, "stuck")  # what may keep its money: it is served, or a person is asked already
OPEN_DISPUTE = ("warning_needs_response", "needs_response", "under_review", "warning_under_review")
EVENT_LATE = timedelta(minutes=1)
PLAN_LATE = timedelta(minutes=2)
LAPSE_LATE = timedelta(minutes=10)
REFUND_LATE = timedelta(minutes=15)
CAPTURE_LATE = timedelta(minutes=15)
ANSWER_LATE = timedelta(minutes=10)


Check = Callable[[OurSide, StripeSide, datetime], Iterator[Finding]]


def findings_of(ours: OurSide, stripe: StripeSide, now: datetime) -> list[Finding]:
    return [finding for check in CHECKS for finding in check(ours, stripe, now)]


def booking_is_missing(ours: OurSide, _: StripeSide, __: datetime) -> Iterator[Finding]:
    if ours.booking is None and ours.order["status"] in LIVE:
        yield Finding(
            "booking_missing",
            f"The order is {ours.order['status']} but has no booking.",
            f"holdfast fix missing-bookings --order {ours.order_id}",
        )


def money_has_no_booking(ours: OurSide, stripe: StripeSide, _: datetime) -> Iterator[Finding]:
    """F01, F13, F15: Stripe has the money, and the guest has nothing for it."""
    recorded = {payment["attempt_id"] for payment in ours.payments}
    for attempt_id, known, handle in _asked(ours, stripe):
        if not known.is_paid or (known.amount or 0) <= 0:
            continue
        sum_paid = formatted(known.amount or 0, _currency(known))
        if attempt_id not in recorded:
            yield Finding(
                "paid_unheard",
                f"Stripe has {sum_paid} for this order and we have not recorded it.",
                f"holdfast recover {handle}",
            )
        elif ours.order["status"] not in IN_HAND and not _goes_back(ours, attempt_id):
            yield Finding(
                "paid_not_booked",
                f"Stripe has {sum_paid}, but the order is {ours.order['status']} and no refund is on its way.",
                f"holdfast recover {handle}",
            )


def money_kept_for_nothing(ours: OurSide, stripe: StripeSide, _: datetime) -> Iterator[Finding]:
    """The same from our books alone, for when Stripe was not asked."""
    for payment in ours.payments:
        known = stripe.get(payment["attempt_id"])
        if known is not None and known.known:
            continue
        lost = ours.order["status"] not in (*IN_HAND, "cancelled") or payment["purpose"] == "returned"
        if payment["captured"] > 0 and lost and not _goes_back(ours, payment["attempt_id"]):
            sum_paid = formatted(payment["captured"], payment["currency"])
            yield Finding(
                "money_kept",
                f"{sum_paid} was taken, but the order is {ours.order['status']} and no refund is on its way.",
                f"holdfast recover {payment['payment_intent_id']}",
            )


def booking_has_no_money(ours: OurSide, stripe: StripeSide, _: datetime) -> Iterator[Finding]:
    """F27. Nothing is taken away by a machine: a guest may be on the way."""
    if ours.order["status"] not in PAID_FOR or ours.order["amount"] == 0:
        return
    paying = [payment for payment in ours.payments if payment["purpose"] == "order"]
    if not paying:
        yield Finding(
            "no_money",
            f"The order is {ours.order['status']} but no payment is recorded for it.",
            "holdfast doctor booking_has_money",
        )
    for payment in paying:
        known = stripe.get(payment["attempt_id"])
        if known is not None and not (known.known and known.is_paid):
            yield Finding(
                "money_denied",
                f"The order is {ours.order['status']}, but Stripe does not confirm payment {payment['payment_intent_id']}.",
                "holdfast doctor booking_has_money",
            )


def amounts_differ(ours: OurSide, stripe: StripeSide, _: datetime) -> Iterator[Finding]:
    """F21, F22: a person decides, a machine might pay back what was right."""
    for attempt in ours.attempts:
        known = stripe.get(attempt["attempt_id"])
        if known is None or known.amount is None or not known.is_paid:
            continue
        if known.amount != attempt["amount"] or _currency(known) != attempt["currency"]:
            agreed, paid = (
                formatted(attempt["amount"], attempt["currency"]),
                formatted(known.amount, _currency(known)),
            )
            yield Finding(
                "amount_differs",
                f"{agreed} was agreed, {paid} was paid. Decide which is right, and refund or charge the rest.",
            )


def paid_twice(ours: OurSide, stripe: StripeSide, _: datetime) -> Iterator[Finding]:
    paid = [
        (known, handle)
        for attempt_id, known, handle in _asked(ours, stripe)
        if known.is_paid and known.refunded < (known.amount or 0)
    ]
    waiting = {
        refund["reason"] for refund in ours.refunds if refund["status"] in ("owed", "asked", "pending")
    }
    if len(paid) > 1 and "surplus" not in waiting:
        yield Finding(
            "paid_twice",
            f"Stripe has been paid {len(paid)} times for this order.",
            f"holdfast recover {paid[-1][1]}",
        )


def session_outlives_order(ours: OurSide, stripe: StripeSide, _: datetime) -> Iterator[Finding]:
    """F39: somebody may still pay for what is no longer held."""
    for _attempt, known, handle in _asked(ours, stripe):
        if known.is_open and ours.order["status"] not in ("pending", "requested"):
            yield Finding(
                "still_payable",
                f"The order is {ours.order['status']}, but its payment page is still open.",
                f"holdfast recover {handle}",
            )


def authorisation_is_not_as_told(ours: OurSide, stripe: StripeSide, _: datetime) -> Iterator[Finding]:
    """F28: the bank holds money that nobody here knows of or wants any more, or has let go what a request still waits for."""
    undone = {row["attempt_id"] for row in ours.captures if row["status"] in ("owed", "asked")}
    status = ours.order["status"]
    for attempt_id, known, handle in _asked(ours, stripe):
        sum_held, recover = formatted(known.amount or 0, _currency(known)), f"holdfast recover {handle}"
        if known.is_authorised and status == "pending":
            words = f"Stripe has {sum_held} authorised for this order, and here it still waits for its card."
            yield Finding("authorised_unheard", words, recover)
        elif known.is_authorised and status in ENDED and attempt_id not in undone:
            words = f"The order is {status}, and Stripe still holds {sum_held} of the customer's for it."
            yield Finding("authorisation_held", words, recover)
        elif (
            status == "requested"
            and known.session is None
            and (known.intent or {}).get("status") == "canceled"
        ):
            words = f"The authorisation of {sum_held} is gone, and the request still waits."
            yield Finding("authorisation_gone", words, recover)


def answer_is_late(ours: OurSide, _: StripeSide, now: datetime) -> Iterator[Finding]:
    """What the provider or the deadline decided and is not done yet; what nobody decided in time."""
    for row in ours.captures:
        if row["status"] in ("owed", "asked") and row["created_at"] < now - CAPTURE_LATE:
            sum_held, since = formatted(row["amount"], row["currency"]), at_time(row["created_at"])
            words = f"The {row['action']} of the authorised {sum_held} has waited since {since}: is a worker running?"
            yield Finding("capture_late", words, "holdfast doctor")
    waits = ours.order["status"] == "requested" and ours.order.get("accepted_at") is None
    if waits and ours.order["respond_by"] < now - ANSWER_LATE:
        words = f"It should have been declined at {at_time(ours.order['respond_by'])}, as nobody answered: is a worker running?"
        yield Finding("answer_overdue", words, "holdfast doctor --fix overdue_request_is_declined")


def refunds_differ(ours: OurSide, stripe: StripeSide, now: datetime) -> Iterator[Finding]:
    """F44, F45. A refund that failed and was seen to is no finding: what was done about it is a row of its own."""
    seen_to = {task["subject"] for task in ours.tasks if task["kind"] == "refund_failed" and task["done_at"]}
    for payment in ours.payments:
        known = stripe.get(payment["attempt_id"])
        here = sum(
            r["amount"]
            for r in ours.refunds
            if r["payment_id"] == payment["payment_id"]
            and r["status"] in ("pending", "succeeded")
            and r["reason"] != "otherwise"  # paid back without Stripe
        )
        if known is not None and known.known and known.refunded != here:
            theirs, books = (
                formatted(known.refunded, payment["currency"]),
                formatted(here, payment["currency"]),
            )
            words = f"Stripe has refunded {theirs}, our books say {books}."
            yield Finding("refunds_differ", words, f"holdfast recover {payment['payment_intent_id']}")
    for refund in ours.refunds:
        sum_owed = formatted(refund["amount"], refund["currency"])
        if refund["status"] == "failed" and refund["refund_id"] not in seen_to:
            why = refund["failure"] or "no reason given"
            yield Finding(
                "refund_failed",
                f"The refund of {sum_owed} failed ({why}): send it again or pay it another way, at "
                f"/staff/refunds/{refund['refund_id']}.",
            )
        elif refund["status"] in ("owed", "asked") and refund["created_at"] < now - REFUND_LATE:
            yield Finding(
                "refund_late",
                f"The refund of {sum_owed} has waited since {at_time(refund['created_at'])}: is a worker running?",
                "holdfast doctor",
            )


def hold_outlived(ours: OurSide, _: StripeSide, now: datetime) -> Iterator[Finding]:
    """F38, F10: a hold waits for Stripe's word and keeps its seats; one that waits too long means that nobody asks."""
    booking = ours.booking
    if booking and booking["status"] == "pending" and booking["expires_at"] < now - LAPSE_LATE:
        handles = [attempt["session_id"] or attempt["payment_intent_id"] for attempt in ours.attempts]
        handle = next((one for one in reversed(handles) if one), None)
        yield Finding(
            "hold_outlived",
            f"The hold should have lapsed at {at_time(booking['expires_at'])}: Stripe has not been heard, or no worker runs.",
            f"holdfast recover {handle}" if handle else "holdfast doctor",
        )
    for attempt in ours.attempts:
        if attempt["status"] == "planned" and attempt["created_at"] < now - PLAN_LATE:
            yield Finding(
                "attempt_planned",
                "A payment page was planned and never made: is a worker running?",
                "holdfast doctor",
            )


def event_waits(ours: OurSide, _: StripeSide, now: datetime) -> Iterator[Finding]:
    for event in ours.events:
        if event["handled_at"] is None and event["received_at"] < now - EVENT_LATE:
            why = f" ({event['error']})" if event["error"] else ""
            yield Finding(
                "event_waits",
                f"Webhook {event['type']} came at {at_time(event['received_at'])} and is not handled{why}.",
                f"holdfast replay {event['event_id']}",
            )


def bank_disputes(ours: OurSide, stripe: StripeSide, _: datetime) -> Iterator[Finding]:
    here = {dispute["dispute_id"] for dispute in ours.disputes}
    for dispute in ours.disputes:
        if dispute["status"] in OPEN_DISPUTE:
            disputed = formatted(dispute["amount"], dispute["currency"])
            until = f" until {at_time(dispute['evidence_due'])}" if dispute["evidence_due"] else ""
            yield Finding(
                "disputed",
                f"The bank disputes {disputed} ({dispute['reason']}): answer it at Stripe{until}.",
            )
    for _attempt, known, handle in _asked(ours, stripe):
        for dispute in known.disputes:
            if dispute["id"] not in here:
                yield Finding(
                    "dispute_unheard",
                    f"Stripe has a dispute ({dispute['id']}) that we have not heard of.",
                    f"holdfast recover {handle}",
                )


def person_is_asked(ours: OurSide, _: StripeSide, __: datetime) -> Iterator[Finding]:
    if ours.order["status"] == "stuck":
        yield Finding("stuck", f"The order is stuck: {ours.order['stuck_reason']}")
    for task in ours.tasks:
        if task["done_at"] is None and task["kind"] != "sms_answer":  # the answer itself is told
            yield Finding("task", f"Waits for a person: {task['sentence']}")


# The gravest first; the first command is the one that is proposed.
CHECKS: tuple[Check, ...] = (
    booking_is_missing,
    money_has_no_booking,
    money_kept_for_nothing,
    paid_twice,
    session_outlives_order,
    authorisation_is_not_as_told,
    answer_is_late,
    refunds_differ,
    event_waits,
    booking_has_no_money,
    amounts_differ,
    hold_outlived,
    guest_does_not_know,
    first_sms_did_not_come,
    messages_wait,
    bank_disputes,
    answer_is_unread,
    person_is_asked,
)


def _asked(ours: OurSide, stripe: StripeSide) -> Iterator[tuple[str, StripeObject, str]]:
    """Each attempt that Stripe knows, with what `holdfast recover` is to be called with."""
    for attempt in ours.attempts:
        known = stripe.get(attempt["attempt_id"])
        handle = attempt["session_id"] or attempt["payment_intent_id"]
        if known is not None and known.known and handle:
            yield attempt["attempt_id"], known, handle


def _goes_back(ours: OurSide, attempt_id: str) -> bool:
    """Whether the whole of an attempt's money is refunded, or is on its way."""
    payments = {
        payment["payment_id"]: payment["captured"]
        for payment in ours.payments
        if payment["attempt_id"] == attempt_id
    }
    back = sum(r["amount"] for r in ours.refunds if r["payment_id"] in payments and r["status"] != "failed")
    if ours.order["status"] == "cancelled":
        return True  # by the policy that was agreed, which may be less than all of it
    return bool(payments) and back >= sum(payments.values())


def _currency(known: StripeObject) -> str:
    return str((known.session or known.intent or {}).get("currency") or "").upper()
