"""Taking a hold, paying for it, cancelling it, and setting counts right. One function, one thing that happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import psycopg

from holdfast.bookings import rules, store
from holdfast.bookings.rules import RefundPreview
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
from holdfast.messages import store as messages
from holdfast.payments import checkout
from holdfast.payments import store as payments
from holdfast.payments.settle import let_lapse, look_at
from holdfast.refunds import store as refunds
from holdfast.system import System

TRIES_OF_A_REFERENCE = 5
ENDED = frozenset({"cancelled", "declined", "expired"})

Row = dict[str, Any]


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
    email: str
    phone: str | None
    source: str  # page or api
    with_checkout: bool = True
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
class CancelResult:
    """`status` is the booking's; still `pending` when Stripe could not be asked yet whether somebody is paying."""

    status: str
    refund_amount: int
    currency: str
    why: str


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
        wanted = _hold_row(system, request)
        try:
            answer = await system.database.run(partial(store.take_hold, request=wanted, now=now))
        except psycopg.errors.UniqueViolation:
            continue  # two bookings drew the same reference
        if "refused" in answer:
            raise await _refusal(system, request, answer)
        return _placed(system, wanted, answer)
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
    attempt_id = await system.database.run(lambda conn: _attempt_to_pay(system, conn, booking_id))
    if not await checkout.ensure_session(system, attempt_id):
        raise Expired("The time to pay is over; the seats were let go.")
    row = await system.database.read(lambda conn: payments.attempt(conn, attempt_id))
    if row is None or not row["checkout_url"]:
        raise Conflict("There is nothing to pay for this booking just now.")
    return str(row["checkout_url"])


async def _attempt_to_pay(system: System, conn: Connection, booking_id: str) -> str:
    now = system.clock.now()
    booking = await store.booking(conn, booking_id)
    order = await payments.lock_order(conn, booking["order_id"]) if booking else None
    if order is None:
        raise NotFound("There is no such booking.")
    if order["status"] == "expired" or (order["status"] == "pending" and order["expires_at"] <= now):
        raise Expired("The time to pay is over; the seats were let go.")
    if order["status"] != "pending" or order["cancel_requested_at"] is not None:
        raise Conflict(f"There is nothing to pay: the booking is {order['status']}.")
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
            "kind": "checkout_session",
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


async def refund_preview(system: System, booking_id: str) -> RefundPreview:
    """What a cancellation would give back now."""

    async def work(conn: Connection) -> RefundPreview:
        booking = await store.booking(conn, booking_id)
        order = await payments.lock_order(conn, booking["order_id"]) if booking else None
        if order is None:
            raise NotFound("There is no such booking.")
        return await _preview(conn, order, system.clock.now())

    return await system.database.run(work)


async def request_cancel(system: System, booking_id: str, actor: str) -> CancelResult:
    """Cancels: a confirmed booking at once, with the refund that its tiers give; a hold through the expiry fence, because a
    payment may be under way at this moment (F16): whoever has paid gets all of it back. Cancelling twice is cancelling once.
    Raises Conflict for what cannot be cancelled any more. Locks the order."""
    result = await system.database.run(lambda conn: _cancel(system, conn, booking_id, actor))
    if result.status == "pending":
        return await _cancel_hold(system, booking_id, result)
    system.signals.tell("work:messages", "work:refunds", f"booking:{booking_id}")
    return result


async def _cancel(system: System, conn: Connection, booking_id: str, actor: str) -> CancelResult:
    now = system.clock.now()
    booking = await store.booking(conn, booking_id)
    order = await payments.lock_order(conn, booking["order_id"]) if booking else None
    if order is None:
        raise NotFound("There is no such booking.")
    if order["status"] in ENDED:
        return CancelResult(order["status"], 0, order["currency"], "It was over already.")
    if order["status"] == "pending":
        await store.mark_cancel_requested(conn, order["order_id"], now)
        return CancelResult("pending", 0, order["currency"], "Nothing was paid.")
    if order["status"] != "confirmed":
        raise Conflict(f"A booking that is {order['status']} cannot be cancelled here; please write to us.")
    if order["starts_at"] is not None and order["starts_at"] <= now and not actor.startswith("staff"):
        raise Conflict("It has started already, so it cannot be cancelled any more.")
    preview = await _preview(conn, order, now)
    await _end_confirmed(system, conn, order, preview, actor, now)
    return CancelResult("cancelled", preview.amount, preview.currency, preview.why)


async def _end_confirmed(
    system: System, conn: Connection, order: Row, preview: RefundPreview, actor: str, now: datetime
) -> None:
    await store.release_claims(conn, order["booking_id"], now)
    await store.mark_ended(conn, order["booking_id"], now)
    await store.move_order(conn, order["order_id"], "cancelled")
    payment = await _kept_payment(conn, order["order_id"])
    if payment is not None and preview.amount:
        refund = {
            "refund_id": system.ids.new("ref"),
            "payment_id": payment["payment_id"],
            "order_id": order["order_id"],
            "tenant_id": order["tenant_id"],
            "amount": preview.amount,
            "currency": preview.currency,
            "reason": "cancelled",
            "actor": actor,
            "created_at": now,
        }
        await refunds.insert_refund(conn, refund)
    params = {"refund_amount": preview.amount, "currency": preview.currency, "why": preview.why}
    await messages.enqueue(
        conn, system.ids, now, booking=order, kind="booking_cancelled", cause=actor, params=params
    )
    detail = {"refund": preview.amount, "currency": preview.currency, "why": preview.why}
    await store.tell(conn, order["tenant_id"], order["order_id"], now, actor, "cancelled", **detail)
    system.signals.tell(f"availability:{order['offering_id']}")


async def _cancel_hold(system: System, booking_id: str, result: CancelResult) -> CancelResult:
    """The fence: close what can still be paid, then let go. When Stripe is away, the worker goes on with it."""
    booking = await system.database.read(lambda conn: store.booking(conn, booking_id))
    assert booking is not None
    attempts = await system.database.read(lambda conn: payments.attempts_of_order(conn, booking["order_id"]))
    try:
        for attempt in attempts:
            if attempt["status"] in {"planned", "open"}:
                await look_at(system, attempt["attempt_id"], "page")
        settled = await let_lapse(system, booking["order_id"])
    except StripeUnavailable:
        return CancelResult(
            "pending",
            0,
            result.currency,
            "We are making sure that nothing was paid, then the seats are let go.",
        )
    return CancelResult(settled.status, 0, result.currency, result.why)


async def _preview(conn: Connection, order: Row, now: datetime) -> RefundPreview:
    payment = await _kept_payment(conn, order["order_id"])
    rows = await refunds.refunds_of_order(conn, order["order_id"])
    mine = [
        one
        for one in rows
        if payment and one["payment_id"] == payment["payment_id"] and one["status"] != "failed"
    ]
    return rules.refund_preview(
        order["refund_tiers"],
        order["starts_at"],
        now,
        captured=payment["captured"] if payment else 0,
        refunded=sum(one["amount"] for one in mine),
        currency=order["currency"],
    )


async def _kept_payment(conn: Connection, order_id: str) -> Row | None:
    return next(
        (p for p in await payments.payments_of_order(conn, order_id) if p["purpose"] == "order"), None
    )


async def sync_all_availability(system: System, tenant_id: int | None = None) -> SyncReport:
    """Sets every count to the sum of its live claims and says what was wrong. One offering, one transaction, so that sales go
    on meanwhile."""
    offerings = await system.database.read(lambda conn: store.offerings_with_units(conn, tenant_id))
    checked, corrections = 0, []
    for offering_id in offerings:
        async with system.database.transaction() as conn:
            checked += await store.lock_units(conn, offering_id)
            found = await store.correct_counts(conn, offering_id)
        if found:
            system.signals.tell(f"availability:{offering_id}")
            corrections += found
    return SyncReport(checked, len(corrections), corrections)


async def _give_up(system: System, order_id: str) -> None:
    """Nobody can pay what Stripe refuses to charge: the seats go back at once."""
    async with system.database.transaction() as conn:
        await store.mark_cancel_requested(conn, order_id, system.clock.now())
    await let_lapse(system, order_id)


def _hold_row(system: System, request: HoldRequest) -> Row:
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
    }


def _placed(system: System, wanted: Row, answer: Row) -> Placed:
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


async def _refusal(system: System, request: HoldRequest, answer: Row) -> HoldfastError:
    what = answer.get("what")
    match answer["refused"]:
        case "not_found":
            return NotFound("There is no such event.")
        case "not_on_sale":
            return NotOnSale(f"{what} is not on sale.")
        case "sold_out":
            free = await system.database.read(lambda conn: store.free_units(conn, request.offering_id))
            return SoldOut(f"{what} has not that many seats free any more.", free=free)
        case "too_many_seats":
            return ValidationFailed(f"{what} does not have that many seats.")
        case "too_much":
            return ValidationFailed("The sum is more than can be paid at once.")
        case "unknown_item":
            return ValidationFailed("The menu holds something that this event does not offer.")
        case _:
            return ValidationFailed("A table or area in the request does not belong to this event.")
