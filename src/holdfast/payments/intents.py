"""PaymentIntents of our own: an order that is authorised first is paid by one (capture_method=manual).

As with sessions, the intention is a row before Stripe hears of it, and the attempt's id is the idempotency key. The client
secret is never stored: it is read from Stripe whenever a card form needs it.
Source: docs.stripe.com/payments/place-a-hold-on-a-payment-method, docs.stripe.com/api/payment_intents/create.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.errors import Conflict, Expired, NotFound, StripeFailed, StripeRefused
from holdfast.payments import store
from holdfast.payments.checkout import KEY_LASTS, LONGEST_LABEL, close_absent, metadata_of
from holdfast.payments.rules import next_question
from holdfast.system import System

Row = dict[str, Any]


@dataclass(frozen=True)
class CardForm:
    """What a card form needs. `status` is the intent's: `requires_capture` and later need no card any more."""

    payment_intent_id: str
    client_secret: str
    publishable_key: str
    status: str


async def ensure_intent(system: System, attempt_id: str) -> bool:
    """Whether the attempt has its intent at Stripe, making it if need be. False: proven that there is none and never will be;
    the attempt is closed then. Raises StripeUnavailable when that is not known yet, and StripeRefused, with the attempt closed,
    when Stripe will not make it for a hold that still stands."""
    row = await system.database.read(lambda conn: store.attempt(conn, attempt_id))
    if row is None:
        raise NotFound("There is no such attempt.")
    if row["payment_intent_id"] or row["status"] != "planned":
        return row["status"] != "expired" or row["payment_intent_id"] is not None
    now = system.clock.now()
    try:
        intent = await (_find if now - row["created_at"] > KEY_LASTS else _create)(system, row)
    except StripeRefused:
        await close_absent(system, attempt_id, now)
        if row["hold_ends"] <= now:
            return False
        raise
    if intent is None:
        await close_absent(system, attempt_id, now)
        return False
    await _save(system, row, intent, now)
    return True


async def card_form(system: System, attempt_id: str) -> CardForm:
    """The form of an attempt that can be paid. Raises Expired when it never can, StripeUnavailable."""
    if not await ensure_intent(system, attempt_id):
        raise Expired("The time to pay is over; the time was let go.")
    row = await system.database.read(lambda conn: store.attempt(conn, attempt_id))
    if row is None or not row["payment_intent_id"]:
        raise Conflict("There is nothing to pay for this booking just now.")
    intent = await system.stripe.payment_intent(row["payment_intent_id"])
    return CardForm(
        payment_intent_id=intent["id"],
        client_secret=str(intent["client_secret"]),
        publishable_key=system.settings.stripe_publishable_key,
        status=str(intent["status"]),
    )


async def _create(system: System, row: Row) -> Row | None:
    """As a session is made (checkout.py): refused means never made, an error of Stripe's own is looked behind."""
    params = await intent_params(system, row)
    try:
        return await system.stripe.create_payment_intent(params, _key(row))
    except StripeRefused as refused:
        if refused.extra.get("stripe_code") == "idempotency_error":
            return await _find(system, row)
        raise
    except StripeFailed:
        found = await _find(system, row)
        if found is not None:
            return found
        async with system.database.transaction() as conn:
            version = await store.raise_key_version(conn, row["attempt_id"], row["key_version"])
        return await system.stripe.create_payment_intent(params, _key({**row, "key_version": version}))


def _key(row: Row) -> str:
    return f"intent:{row['attempt_id']}:{row['key_version']}"


async def _find(system: System, row: Row) -> Row | None:
    """By our id in its metadata, in the list of the hours in which it can have been made. Lists do not lag, a search does."""
    since = int((row["created_at"] - timedelta(minutes=5)).timestamp())
    until = int((row["created_at"] + KEY_LASTS + timedelta(hours=2)).timestamp())
    intents = await system.stripe.payment_intents(created={"gte": since, "lte": until})
    return next(
        (one for one in intents if (one.get("metadata") or {}).get("attempt") == row["attempt_id"]), None
    )


async def _save(system: System, row: Row, intent: Row, now: datetime) -> None:
    ask_at = next_question(row["created_at"], now, row["hold_ends"])
    async with system.database.transaction() as conn:
        await store.save_intent(conn, row["attempt_id"], intent["id"], ask_at)


async def intent_params(system: System, attempt: Row) -> Row:
    """What Stripe is asked for; the same for the same attempt whenever it is asked."""
    context = await system.database.read(lambda conn: store.checkout_context(conn, attempt["order_id"]))
    if context is None:
        raise NotFound("There is no order for this attempt.")
    lines = await system.database.read(lambda conn: store.lines_of_order(conn, attempt["order_id"]))
    return {
        "amount": attempt["amount"],
        "currency": attempt["currency"].lower(),
        "capture_method": "manual",
        "allowed_payment_method_types": ["card"],
        "description": f"{context['title']} ({context['reference']})"[:LONGEST_LABEL],
        "metadata": await metadata_of(system, attempt, context, lines),
    }
