"""Asking for a provider's time: what is committed before Stripe hears of it, and the card form that follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import psycopg

from holdfast.bookings import store as bookings
from holdfast.bookings.actions import TRIES_OF_A_REFERENCE, attempt_to_pay, booking_url
from holdfast.clock import rfc3339
from holdfast.database.connection import Connection
from holdfast.errors import (
    Conflict,
    HoldfastError,
    NotFound,
    NotOnSale,
    SlotTaken,
    StripeRefused,
    StripeUnavailable,
    ValidationFailed,
)
from holdfast.ids import booking_token, sha256
from holdfast.payments import intents
from holdfast.payments import store as payments
from holdfast.payments.intents import CardForm
from holdfast.payments.settle import let_lapse
from holdfast.providers.rules import slot_id
from holdfast.requests import rules, store, telling
from holdfast.system import System

NEAREST = 5

Row = dict[str, Any]


@dataclass(frozen=True)
class RequestWanted:
    """What a customer asks for. Texts were checked at the edge; the rest is checked by PostgreSQL."""

    offering_id: int
    starts_at: datetime | None
    name: str
    email: str
    phone: str | None
    source: str  # page or api
    details: str = ""
    provider_id: int | None = None  # named by the caller: the offering must be that provider's
    tenant_id: int | None = None
    booking_id: str | None = None  # chosen before, so that a request that is repeated finds what it made


@dataclass(frozen=True)
class PlacedRequest:
    """A request that was taken. Amount in minor units. `payment_intent_id` and `client_secret` are None when it costs nothing."""

    order_id: str
    booking_id: str
    customer_id: str
    reference: str
    token: str
    status: str
    amount: int
    currency: str
    expires_at: datetime
    payment_intent_id: str | None
    client_secret: str | None
    booking_url: str


async def place_request(system: System, wanted: RequestWanted) -> PlacedRequest:
    """Takes the request in one transaction (order, booking, slot, attempt), then has Stripe make the intent that the card is
    authorised with.

    Raises SlotTaken with the nearest free slots, NotFound, NotOnSale, ValidationFailed. Raises StripeUnavailable when the intent
    could not be made: the booking is kept, the worker goes on, and the error carries order_id, booking_id, reference, token and
    booking_url. Locks the provider."""
    placed = await _take(system, wanted)
    if placed.amount == 0:
        return placed
    return await _with_intent(system, placed)


async def continue_request(system: System, booking_id: str) -> PlacedRequest | None:
    """A request that is repeated goes on with the booking that its first try made; None when that made none."""
    row = await system.database.read(lambda conn: bookings.placed(conn, booking_id))
    if row is None:
        return None
    placed = PlacedRequest(
        **{name: row[name] for name in row if name not in {"checkout_session_id", "checkout_url"}},
        token=booking_token(system.settings.secret_key, booking_id),
        payment_intent_id=None,
        client_secret=None,
        booking_url=booking_url(system, booking_id),
    )
    return await _with_intent(system, placed) if placed.status == "pending" else placed


async def card_form(system: System, booking_id: str) -> CardForm:
    """The card form of a booking that waits for its card. Raises Expired when its time is over, Conflict when there is nothing to
    pay, StripeUnavailable."""
    attempt_id = await system.database.run(lambda conn: attempt_to_pay(system, conn, booking_id))
    return await intents.card_form(system, attempt_id)


async def nearest_slots(
    system: System, offering_id: int, around: datetime, booking_id: str | None = None
) -> list[dict[str, str]]:
    """What is still free near a time, for the answer `slot_taken`."""
    now = system.clock.now()
    rows = await system.database.read(
        lambda conn: store.nearest_slots(conn, offering_id, around, now, booking_id, NEAREST)
    )
    return [
        {
            "slot_id": slot_id(row["offering_id"], row["starts_at"]),
            "starts_at": rfc3339(row["starts_at"]),
            "ends_at": rfc3339(row["ends_at"]),
        }
        for row in rows
    ]


async def _take(system: System, wanted: RequestWanted) -> PlacedRequest:
    now = system.clock.now()
    for _ in range(TRIES_OF_A_REFERENCE):
        row = _row(system, wanted)
        try:
            answer = await system.database.run(partial(_take_in, system, row=row, now=now))
        except psycopg.errors.UniqueViolation:
            continue  # two bookings drew the same reference
        if "refused" in answer:
            raise await _refusal(system, wanted, answer)
        return _placed(system, row, answer)
    raise Conflict("This booking is being made by another request just now; ask again.")


async def _take_in(system: System, conn: Connection, row: Row, now: datetime) -> Row:
    """What costs nothing is asked of the provider in the same transaction."""
    answer = await store.take_request(conn, row, now)
    if answer.get("status") == "requested":
        order = await payments.lock_order(conn, answer["order_id"])
        assert order is not None
        await telling.of_request(system, conn, order, order["respond_by"], "customer")
    return answer


async def _with_intent(system: System, placed: PlacedRequest) -> PlacedRequest:
    """A refusal by Stripe (a sum below its least, say) ends the hold: nobody could pay it."""
    try:
        form = await card_form(system, placed.booking_id)
    except StripeRefused:
        async with system.database.transaction() as conn:
            await bookings.mark_cancel_requested(conn, placed.order_id, system.clock.now())
        await let_lapse(system, placed.order_id)
        raise
    except StripeUnavailable as away:
        raise StripeUnavailable(
            "Your booking is kept, but the card form cannot be reached just now. Open the booking to go on in a moment.",
            order_id=placed.order_id,
            booking_id=placed.booking_id,
            reference=placed.reference,
            token=placed.token,
            booking_url=placed.booking_url,
        ) from away
    return replace(placed, payment_intent_id=form.payment_intent_id, client_secret=form.client_secret)


def _row(system: System, wanted: RequestWanted) -> Row:
    booking_id = wanted.booking_id or system.ids.new("bkg")
    token = booking_token(system.settings.secret_key, booking_id)
    asked = asdict(wanted)
    return {
        **{
            name: asked[name]
            for name in ("tenant_id", "offering_id", "provider_id", "name", "email", "phone")
        },
        "order_id": system.ids.new("ord"),
        "booking_id": booking_id,
        "attempt_id": system.ids.new("att"),
        "customer_id": system.ids.new("cus"),
        "reference": system.ids.reference(),
        "token_hash": sha256(token).hex(),
        "starts_at": wanted.starts_at.isoformat() if wanted.starts_at else None,
        "details": rules.clean_details(wanted.details),
        "source": wanted.source,
    }


def _placed(system: System, row: Row, answer: Row) -> PlacedRequest:
    told = ["work:messages", f"availability:{row['offering_id']}"]
    if answer["status"] == "requested":
        told.append(f"provider:{answer['provider_id']}")
    system.signals.tell(*told)
    return PlacedRequest(
        order_id=answer["order_id"],
        booking_id=answer["booking_id"],
        customer_id=answer["customer_id"],
        reference=row["reference"],
        token=booking_token(system.settings.secret_key, row["booking_id"]),
        status=answer["status"],
        amount=answer["amount"],
        currency=answer["currency"],
        expires_at=datetime.fromisoformat(answer["expires_at"]),
        payment_intent_id=None,
        client_secret=None,
        booking_url=booking_url(system, row["booking_id"]),
    )


async def _refusal(system: System, wanted: RequestWanted, answer: Row) -> HoldfastError:
    what = answer.get("what")
    match answer["refused"]:
        case "slot_taken":
            assert wanted.starts_at is not None
            free = await nearest_slots(system, wanted.offering_id, wanted.starts_at)
            return SlotTaken("Somebody else has this time by now.", free=free)
        case "not_found":
            return NotFound("There is no such service of this provider.")
        case "not_on_sale":
            return NotOnSale(f"{what} cannot be booked just now.")
        case "oneself":
            return ValidationFailed("A provider cannot send a request to themselves.")
        case "no_time":
            return ValidationFailed("Choose a time: this service takes place at one.")
        case "time_not_offered":
            return ValidationFailed("This service has no time to choose.")
        case "past":
            return ValidationFailed("That time is past.")
        case "too_soon":
            return ValidationFailed(
                f"That is too soon: this service is booked at least {rules.in_words(int(str(what)))} ahead."
            )
        case "too_far":
            return ValidationFailed(
                f"That is too far ahead: this service is booked at most {what} days ahead."
            )
        case _:
            return ValidationFailed("That time is not offered; choose one of the free ones.")
