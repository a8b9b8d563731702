"""Taking a hold, paying for it, cancelling it, and setting counts right. One function, one thing that happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
import structlog

from holdfast.bookings import store
from holdfast.database.connection import Connection
from holdfast.errors import (
    Conflict,
    Expired,
    HoldfastError,
    NotFound,
    NotOnSale,
    SoldOut,
    StripeRefused,
    StripeUnavailable,
    ValidationFailed,
)
from holdfast.ids import booking_token, sha256
from holdfast.payments import checkout
from holdfast.payments import store as payments
from holdfast.payments.settle import let_lapse
from holdfast.system import System

TRIES_OF_A_REFERENCE = 5

Row = dict[str, Any]

log = structlog.get_logger()


@dataclass(frozen=True)
class UnitSeats:
    unit_id: int
    seats: int


@dataclass(frozen=True)
class MenuQuantity:
    item_id: int
    quantity: int


@dataclass(frozen=True)
class HoldRequest:
    """What a customer asks for. Types, ranges and duplicates were checked at the edge; the rest is checked by PostgreSQL."""

    tenant_id: int
    offering_id: int
    units: Sequence[UnitSeats]
    menu: Sequence[MenuQuantity]
    name: str
    email: str | None  # or a phone
    phone: str | None
    source: str  # page, api or sms
    with_checkout: bool = True
    waits: bool = False  # what costs nothing is not sure yet: the guest completes it first
    booking_id: str | None = None  # chosen before, so that a request that is repeated finds what it made


@dataclass(frozen=True)
class Placed:
    """A booking that was taken. Amount in minor units."""

    order_id: str
    booking_id: str
    customer_id: str
    reference: str
    token: str
    status: str
    amount: int
    currency: str
    expires_at: datetime
    checkout_session_id: str | None
    checkout_url: str | None
    booking_url: str


@dataclass(frozen=True)
class SyncReport:
    checked: int
    corrected: int
    corrections: list[Row]


async def place_booking(system: System, request: HoldRequest) -> Placed:
    """Takes the hold in one transaction (order, booking, seats, attempt), then has Stripe make the page to pay on.

    Raises SoldOut with what is still free, NotFound, NotOnSale, ValidationFailed. Raises StripeUnavailable when the page could
    not be made: the hold is kept, the worker goes on, and the error carries order_id, booking_id, reference, token and
    booking_url."""
    placed = await hold(system, request)
    if placed.amount == 0 or not request.with_checkout:
        return placed
    return await _add_checkout(system, placed)


async def hold(system: System, request: HoldRequest) -> Placed:
    """The first half of place_booking: what is committed before Stripe hears of it."""
    now = system.clock.now()
    for _ in range(TRIES_OF_A_REFERENCE):
        wanted = hold_row(system, request)
        try:
            answer = await system.database.run_statement(partial(store.take_hold, request=wanted, now=now))
        except psycopg.errors.UniqueViolation:
            continue  # two bookings drew the same reference
        if "refused" in answer:
            free = await system.database.read(lambda conn: store.free_units(conn, request.offering_id))
            raise refusal(answer, free)
        return placed_of(system, wanted, answer)
    raise Conflict("This booking is being made by another request just now; ask again.")


async def _add_checkout(system: System, placed: Placed) -> Placed:
    """The second half: the attempt's session. A refusal by Stripe (a sum below its least, say) ends the hold."""
    try:
        url = await open_checkout(system, placed.booking_id)
    except StripeRefused:
        await _give_up(system, placed.order_id)
        raise
    except StripeUnavailable as away:
        raise StripeUnavailable(
            "Your seats are held, but the payment page cannot be reached just now. Open the booking to pay in a moment.",
            **kept(placed),
        ) from away
    row = await system.database.read(lambda conn: store.placed(conn, placed.booking_id))
    session_id = row["checkout_session_id"] if row else None
    return replace(placed, checkout_session_id=session_id, checkout_url=url)


def kept(placed: Placed) -> dict[str, str]:
    """What a caller needs to come back to a hold whose payment page could not be made."""
    return {
        "order_id": placed.order_id,
        "booking_id": placed.booking_id,
        "reference": placed.reference,
        "token": placed.token,
        "booking_url": placed.booking_url,
    }


def booking_url(system: System, booking_id: str) -> str:
    """The permanent secret link of a booking."""
    return f"{system.settings.public_url}/b/{booking_token(system.settings.secret_key, booking_id)}"


async def continue_booking(system: System, booking_id: str, *, with_checkout: bool = True) -> Placed | None:
    """A request that is repeated goes on with the booking that its first try made; None when that made none. Raises as
    place_booking does when the payment page still cannot be made."""
    row = await system.database.read(lambda conn: store.placed(conn, booking_id))
    if row is None:
        return None
    token = booking_token(system.settings.secret_key, booking_id)
    placed = Placed(**row, token=token, booking_url=booking_url(system, booking_id))
    if placed.status != "pending" or placed.checkout_session_id or not with_checkout:
        return placed
    return await _add_checkout(system, placed)


async def open_checkout(system: System, booking_id: str) -> str:
    """The address to pay at: the open attempt's, or a new attempt's when the old one can never be paid. Raises Expired when the
    hold is over, Conflict when there is nothing to pay, StripeUnavailable."""
    attempt_id = await system.database.run(lambda conn: attempt_to_pay(system, conn, booking_id))
    if not await checkout.ensure_session(system, attempt_id):
        raise Expired("The time to pay is over; the seats were let go.")
    row = await system.database.read(lambda conn: payments.attempt(conn, attempt_id))
    if row is None or not row["checkout_url"]:
        raise Conflict("There is nothing to pay for this booking just now.")
    return str(row["checkout_url"])


async def attempt_to_pay(system: System, conn: Connection, booking_id: str) -> str:
    """The attempt that this booking can be paid by, a new one when the old ones never can. Raises as open_checkout does. Locks
    the order."""
    now = system.clock.now()
    booking = await store.booking(conn, booking_id)
    order = await payments.lock_order(conn, booking["order_id"]) if booking else None
    if booking is None or order is None:
        raise NotFound("There is no such booking.")
    if order["status"] == "expired" or (order["status"] == "pending" and order["expires_at"] <= now):
        raise Expired("The time to pay is over; the seats were let go.")
    if order["called_off"]:
        raise Conflict("There is nothing to pay: the event does not take place.")
    if order["status"] != "pending" or order["cancel_requested_at"] is not None:
        raise Conflict(f"There is nothing to pay: the booking is {order['status']}.")
    if order["source"] == "sms" and "completed_at" not in booking["metadata"]:
        raise Conflict(
            "Nobody has said yet what is to be booked: open the booking's link and complete it first."
        )
    attempts = await payments.attempts_of_order(conn, order["order_id"])
    still_open = [one for one in attempts if one["status"] in {"planned", "open"}]
    if still_open:
        return str(still_open[0]["attempt_id"])
    if any(one["status"] == "complete" and one["ask_at"] is not None for one in attempts):
        raise Conflict("A payment for this booking is under way; we are waiting for the bank.")
    attempt_id = system.ids.new("att")
    await payments.insert_attempt(
        conn,
        {
            "attempt_id": attempt_id,
            "order_id": order["order_id"],
            "tenant_id": order["tenant_id"],
            "kind": "payment_intent" if order["offering_kind"] == "appointment" else "checkout_session",
            "status": "planned",
            "amount": order["amount"],
            "currency": order["currency"],
            "session_id": None,
            "created_at": now,
            "ask_at": now + checkout.FIRST_QUESTION,
        },
    )
    await store.tell(conn, order["tenant_id"], order["order_id"], now, "customer", "payment_page_opened")
    return attempt_id


async def sync_all_availability(system: System, tenant_id: int | None = None) -> SyncReport:
    """Sets every count to the sum of its live claims and says what was wrong. One offering, one transaction, so that sales go
    on meanwhile."""
    offerings = await system.database.read(lambda conn: store.offerings_with_units(conn, tenant_id))
    checked, corrections = 0, []
    for offering_id in offerings:
        try:
            units, found = await system.database.run(partial(_correct_offering, offering_id=offering_id))
        except psycopg.errors.ExclusionViolation:  # another has the slot's time: a law tells of it
            log.warning("counts_not_corrected", offering_id=offering_id)
            continue
        checked += units
        if found:
            system.signals.tell(f"availability:{offering_id}")
            corrections += found
    return SyncReport(checked, len(corrections), corrections)


async def _correct_offering(conn: Connection, offering_id: int) -> tuple[int, list[Row]]:
    return await store.lock_units(conn, offering_id), await store.correct_counts(conn, offering_id)


async def _give_up(system: System, order_id: str) -> None:
    """Nobody can pay what Stripe refuses to charge: the seats go back at once."""
    async with system.database.transaction() as conn:
        await store.mark_cancel_requested(conn, order_id, system.clock.now())
    await let_lapse(system, order_id)


def hold_row(system: System, request: HoldRequest) -> Row:
    """What take_hold is asked for."""
    booking_id = request.booking_id or system.ids.new("bkg")
    token = booking_token(system.settings.secret_key, booking_id)
    return {
        "tenant_id": request.tenant_id,
        "offering_id": request.offering_id,
        "order_id": system.ids.new("ord"),
        "booking_id": booking_id,
        "attempt_id": system.ids.new("att") if request.with_checkout else None,
        "customer_id": system.ids.new("cus"),
        "message_id": system.ids.new("msg"),
        "reference": system.ids.reference(),
        "token_hash": sha256(token).hex(),
        "units": [asdict(unit) for unit in request.units],
        "menu": [asdict(item) for item in request.menu],
        "name": request.name,
        "email": request.email,
        "phone": request.phone,
        "source": request.source,
        "waits": request.waits,
    }


def placed_of(system: System, wanted: Row, answer: Row) -> Placed:
    """What take_hold answered, and others are told of it. After the commit."""
    system.signals.tell(f"availability:{wanted['offering_id']}")
    if answer["status"] == "confirmed":
        system.signals.tell("work:messages")
    return Placed(
        order_id=answer["order_id"],
        booking_id=answer["booking_id"],
        customer_id=answer["customer_id"],
        reference=wanted["reference"],
        token=booking_token(system.settings.secret_key, wanted["booking_id"]),
        status=answer["status"],
        amount=answer["amount"],
        currency=answer["currency"],
        expires_at=datetime.fromisoformat(answer["expires_at"]),
        checkout_session_id=None,
        checkout_url=None,
        booking_url=booking_url(system, wanted["booking_id"]),
    )


def refusal(answer: Row, free: list[Row]) -> HoldfastError:
    """What take_hold or change_hold refused, in words; `free` is what may be had instead."""
    what = answer.get("what")
    match answer["refused"]:
        case "not_found":
            return NotFound("There is no such event.")
        case "not_on_sale":
            return NotOnSale(f"{what} is not on sale.")
        case "sold_out":
            return SoldOut(f"{what} has not that many seats free any more.", free=free)
        case "too_many_seats":
            return ValidationFailed(f"{what} does not have that many seats.")
        case "too_much":
            return ValidationFailed("The sum is more than can be paid at once.")
        case "unknown_item":
            return ValidationFailed("The menu holds something that this event does not offer.")
        case _:
            return ValidationFailed("A table or area in the request does not belong to this event.")
