"""The provider's answer: yes takes the money, no lets it go. Both under the order's lock, where exactly one of yes, no, the
customer's withdrawal and the deadline wins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.bookings import store as bookings
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, SlotTaken
from holdfast.payments import capture_store
from holdfast.payments import store as payments
from holdfast.payments.captures import carry_out_of_order
from holdfast.requests import rules, store, telling
from holdfast.system import System

Row = dict[str, Any]
NO_SUCH = "There is no such request."


@dataclass(frozen=True)
class Answer:
    """`status` is the booking's now: `requested` while an accepted one is being captured, `confirmed` after it."""

    booking_id: str
    order_id: str
    status: str
    accepted: bool


async def accept(
    system: System,
    booking_id: str,
    actor: str,
    provider_id: int | None = None,
    seen: datetime | None = None,
) -> Answer:
    """Takes the request: its money is captured, then it is confirmed. With a `provider_id`, only that provider's. `seen`: the
    time that was read when the yes was given; a yes to another time than the customer's is none. Accepting twice is accepting
    once. Raises Conflict for what is over, moved or answered otherwise, SlotTaken when the provider has something else at that
    time, NotFound. When Stripe is away the yes is kept, and the capture follows by itself."""
    order = await system.database.run(
        lambda conn: accept_locked(system, conn, booking_id, actor, provider_id, seen)
    )
    return await after_answer(system, order)


async def decline(
    system: System, booking_id: str, actor: str, reason: str = "", provider_id: int | None = None
) -> Answer:
    """Refuses the request: its time is free at once, its authorisation is let go. `reason` is told to the customer. Declining
    twice is declining once. Raises Conflict for what is over or was accepted, NotFound."""
    order = await system.database.run(
        lambda conn: decline_locked(system, conn, booking_id, actor, reason, provider_id)
    )
    return await after_answer(system, order)


async def after_answer(system: System, order: Row) -> Answer:
    """After the commit: others are woken, and what was decided about the money is carried out at once if it can be."""
    system.signals.tell(*telling.subjects(order))
    await carry_out_of_order(system, order["order_id"], "page")
    row = await system.database.read(lambda conn: store.request_by_booking(conn, order["booking_id"]))
    assert row is not None
    return Answer(
        row["booking_id"],
        row["order_id"],
        row["status"],
        row["accepted_at"] is not None and row["status"] not in rules.OVER,
    )


async def accept_locked(
    system: System,
    conn: Connection,
    booking_id: str,
    actor: str,
    provider_id: int | None,
    seen: datetime | None = None,
) -> Row:
    """Inside the caller's transaction. Locks the order, then the provider."""
    now = system.clock.now()
    order = await _locked(conn, booking_id, provider_id)
    if order["status"] in rules.ACCEPTED or (order["status"] == "requested" and order["accepted_at"]):
        return order
    rules.refuse_answer(order, now)
    rules.refuse_unseen_time(order, seen)
    # A proposed time is taken now; a slot that was chosen is the booking's already, unless somebody has lost its claim.
    if not await bookings.retake_claims(conn, booking_id):
        raise SlotTaken("You have something else at that time. Decline it, or move the other one first.")
    await store.mark_accepted(conn, order["order_id"], now)
    await bookings.tell(conn, order["tenant_id"], order["order_id"], now, actor, "accepted")
    if order["amount"] == 0:
        await _confirm_free(system, conn, order, actor, now)
    else:
        await _owe_capture(system, conn, order, actor, now)
    return order


async def _owe_capture(system: System, conn: Connection, order: Row, actor: str, now: datetime) -> None:
    attempt = await _authorised_attempt(conn, order["order_id"])
    owed = attempt is not None and await capture_store.owe(
        conn, system.ids.new("cap"), attempt["attempt_id"], "capture", "accepted", actor, now
    )
    if not owed:
        raise Conflict(
            "There is no authorisation that could be captured; ask the customer to request it again."
        )


async def _confirm_free(system: System, conn: Connection, order: Row, actor: str, now: datetime) -> None:
    await bookings.mark_confirmed(conn, order["booking_id"], now)
    await bookings.move_order(conn, order["order_id"], "confirmed")
    await telling.customer(system, conn, order, "booking_confirmed", actor)
    await telling.provider(system, conn, order, "provider_booking_confirmed", actor)
    await bookings.tell(
        conn, order["tenant_id"], order["order_id"], now, actor, "confirmed", why="accepted, and it is free"
    )


async def decline_locked(
    system: System, conn: Connection, booking_id: str, actor: str, reason: str, provider_id: int | None
) -> Row:
    """Inside the caller's transaction. Locks the order, then its slot."""
    order = await _locked(conn, booking_id, provider_id)
    if order["status"] == "declined":
        return order
    if order["accepted_at"] is not None:
        raise Conflict(
            "This request was accepted; cancel the booking instead.", booking_status=order["status"]
        )
    rules.refuse_answer(order, system.clock.now())
    await end_request(
        system, conn, order, actor, "declined", reason=rules.clean_details(reason), why="declined"
    )
    return order


async def end_request(
    system: System, conn: Connection, order: Row, actor: str, status: str, *, reason: str, why: str
) -> None:
    """Ends a request that was not accepted, `declined` or `cancelled`: the time is free, the authorisation is to be let go, both
    are told. `why`: declined, unanswered or cancelled. The order is locked and `requested`."""
    now = system.clock.now()
    await bookings.release_claims(conn, order["booking_id"], now)
    await bookings.mark_ended(conn, order["booking_id"], now)
    if status == "declined":
        await store.mark_declined(conn, order["order_id"], reason)
        await telling.customer(system, conn, order, "request_declined", actor, reason=reason, why=why)
    else:
        await bookings.move_order(conn, order["order_id"], status)
        params = {"refund_amount": 0, "currency": order["currency"], "why": "Your card was not charged."}
        await telling.customer(system, conn, order, "booking_cancelled", actor, **params)
        await telling.provider(system, conn, order, "request_withdrawn", actor)
    attempt = await _authorised_attempt(conn, order["order_id"])
    if attempt is not None:
        await capture_store.owe(conn, system.ids.new("cap"), attempt["attempt_id"], "cancel", why, actor, now)
    await bookings.tell(
        conn, order["tenant_id"], order["order_id"], now, actor, status, why=why, reason=reason
    )


async def _authorised_attempt(conn: Connection, order_id: str) -> Row | None:
    """The one that the request rests on. A second one is let go by settling it (payments/apply.py)."""
    attempts = await payments.attempts_of_order(conn, order_id)
    waiting = [one for one in attempts if one["kind"] == "payment_intent" and one["status"] == "open"]
    return waiting[-1] if waiting else None


async def _locked(conn: Connection, booking_id: str, provider_id: int | None) -> Row:
    booking = await bookings.booking(conn, booking_id)
    order = await payments.lock_order(conn, booking["order_id"]) if booking else None
    if order is None or order["provider_id"] is None or provider_id not in {None, order["provider_id"]}:
        raise NotFound(NO_SUCH)
    return order
