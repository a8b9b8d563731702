"""A booking that begins with an SMS: a till, a website or a phone agent names an event and a mobile number; seats are held, and
the guest gets a link that completes it.

Order, booking, seats and the SMS are one transaction: there is no such booking without its SMS on record (F68). The SMS leaves
between transactions; when it cannot, it stays in the outbox and nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from holdfast.bookings import actions, store
from holdfast.bookings.actions import HoldRequest, UnitSeats, booking_url, hold_row, refusal
from holdfast.bookings.rules import FreeUnit, choose_units
from holdfast.database.connection import Connection
from holdfast.errors import Conflict
from holdfast.ids import booking_token
from holdfast.messages import store as messages
from holdfast.messages.jobs import send_now
from holdfast.messages.limits import refuse_sms
from holdfast.payments import store as payments
from holdfast.system import System

AGAIN_AFTER = timedelta(minutes=1)
STARTED = "booking_started"

Row = dict[str, Any]


@dataclass(frozen=True)
class InitiateWanted:
    """`phone` in E.164; `key_id` and `actor` are the caller's."""

    tenant_id: int
    event_id: int
    phone: str
    seats: int
    key_id: str
    actor: str


@dataclass(frozen=True)
class Initiated:
    """`sms_sent`: the SMS provider has it. Otherwise it is in the outbox and leaves by itself."""

    pending_booking_id: str
    reference: str
    sms_sent: bool
    message_id: str | None
    token: str
    booking_url: str
    expires_at: datetime


async def initiate(system: System, wanted: InitiateWanted) -> Initiated:
    """Holds the seats and sends the link. For a number that has such a booking already it is that one, and a second SMS leaves
    only a minute after the last. Raises SoldOut, NotFound, NotOnSale, ValidationFailed (a number that gets no SMS), Conflict
    `opted_out`, RateLimited. Locks the event's units in id order."""
    for _ in range(actions.TRIES_OF_A_REFERENCE):
        try:
            row = await system.database.run(partial(_initiate, system, wanted=wanted))
        except psycopg.errors.UniqueViolation:
            continue  # two bookings drew the same reference
        system.signals.tell(f"availability:{wanted.event_id}")
        message_id = row["message_id"] or row["last_message_id"]
        sent = row["sent_before"] or (message_id is not None and await send_now(system, message_id))
        if not sent:
            system.signals.tell("work:messages")
        return Initiated(
            pending_booking_id=row["booking_id"],
            reference=row["reference"],
            sms_sent=sent,
            message_id=message_id,
            token=booking_token(system.settings.secret_key, row["booking_id"]),
            booking_url=booking_url(system, row["booking_id"]),
            expires_at=row["expires_at"],
        )
    raise Conflict("This booking is being made by another request just now; ask again.")


async def _initiate(system: System, conn: Connection, wanted: InitiateWanted) -> Row:
    now = system.clock.now()
    await store.lock_number(conn, wanted.tenant_id, wanted.event_id, wanted.phone)
    known = await store.pending_of_phone(conn, wanted.tenant_id, wanted.event_id, wanted.phone, now)
    if known is not None:
        return await _again(system, conn, wanted, known, now)
    await refuse_sms(conn, wanted.tenant_id, wanted.phone, wanted.key_id, now)
    answer = await _hold(system, conn, wanted, now)
    order = await payments.lock_order(conn, answer["order_id"])
    assert order is not None
    message_id = await _enqueue(system, conn, order, wanted, STARTED, now)
    return {
        "booking_id": order["booking_id"],
        "reference": order["reference"],
        "expires_at": order["expires_at"],
        "message_id": message_id,
        "last_message_id": None,
        "sent_before": False,
    }


async def _again(system: System, conn: Connection, wanted: InitiateWanted, known: Row, now: datetime) -> Row:
    """The booking that is there. The guest may have lost the first SMS, but is not sent one after the other."""
    row = {**known, "message_id": None, "sent_before": known["last_status"] in {"sent", "delivered"}}
    if known["last_at"] is not None and now - known["last_at"] < AGAIN_AFTER:
        return row
    if known["last_status"] in {"queued", "sending"}:
        return row  # it is still on its way
    await refuse_sms(conn, wanted.tenant_id, wanted.phone, wanted.key_id, now)
    order = await payments.lock_order(conn, known["order_id"])
    assert order is not None
    key = f"{STARTED}:{known['times'] + 1}" if known["times"] else STARTED
    return {**row, "message_id": await _enqueue(system, conn, order, wanted, key, now), "sent_before": False}


async def _enqueue(
    system: System, conn: Connection, order: Row, wanted: InitiateWanted, key: str, now: datetime
) -> str | None:
    return await messages.enqueue(
        conn, system.ids, now, booking=order, kind=STARTED, cause=wanted.actor, unique_key=key
    )


async def _hold(system: System, conn: Connection, wanted: InitiateWanted, now: datetime) -> Row:
    """The smallest place that has room for so many; the guest may choose another on the page."""
    rows = await store.lock_free_units(conn, wanted.event_id, buffer=False)
    free = [
        FreeUnit(row["unit_id"], row["label"], row["capacity"], row["free"], row["pricing"]) for row in rows
    ]
    chosen = choose_units(free, wanted.seats)
    request = HoldRequest(
        tenant_id=wanted.tenant_id,
        offering_id=wanted.event_id,
        units=[UnitSeats(unit.unit_id, seats) for unit, seats in chosen or ()],
        menu=(),
        name="",
        email=None,
        phone=wanted.phone,
        source="sms",
        with_checkout=False,
        waits=True,
    )
    answer = await store.take_hold(conn, hold_row(system, request), now)
    if "refused" in answer:
        raise refusal(answer, await store.free_units(conn, wanted.event_id))
    return answer
