"""Making a Checkout Session for an attempt, and closing it.

The attempt is committed first; its id is the idempotency key, the client_reference_id and in the metadata of both session and
intent (rule 4). So a creation whose answer was lost is simply asked for again: Stripe gives the same session for at least 24
hours. After that, its list of sessions tells whether there is one.
Source: docs.stripe.com/api/checkout/sessions/create, docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.clock import from_unix
from holdfast.errors import NotFound, StripeFailed, StripeRefused
from holdfast.ids import booking_token
from holdfast.payments import store
from holdfast.payments.rules import AtStripe, at_stripe, next_question
from holdfast.payments.snapshot import Snapshot, SnapshotClaim, SnapshotLine, pack
from holdfast.stripe_gateway.evidence import Evidence
from holdfast.system import System

Row = dict[str, Any]

FIRST_QUESTION = timedelta(minutes=1)
KEY_LASTS = timedelta(hours=23)  # Stripe may forget an idempotency key after 24 (F34)
SESSION_AT_LEAST = timedelta(
    minutes=60
)  # Stripe's least is 30 from creation; the rest is room for a creation asked for again
SESSION_AT_MOST = timedelta(hours=24) - timedelta(minutes=1)
LONGEST_LABEL = 250


async def ensure_session(system: System, attempt_id: str) -> bool:
    """Whether the attempt has its session at Stripe, making it if need be. False: proven that there is none and never will
    be; the attempt is closed then. Raises StripeUnavailable when that is not known yet, and StripeRefused, with the attempt
    closed, when Stripe will not make it for a hold that still stands (a sum below its least, say)."""
    row = await system.database.read(lambda conn: store.attempt(conn, attempt_id))
    if row is None:
        raise NotFound("There is no such attempt.")
    if row["session_id"] or row["status"] != "planned":
        return row["status"] != "expired" or row["session_id"] is not None
    now = system.clock.now()
    try:
        session = await (_find if now - row["created_at"] > KEY_LASTS else _create)(system, row)
    except StripeRefused:
        await close_absent(system, attempt_id, now)
        if row["hold_ends"] <= now:
            return False  # too late to make one; nobody is waiting for it
        raise
    if session is None:
        await close_absent(system, attempt_id, now)
        return False
    await _save(system, row, session, now)
    return True


async def close_absent(system: System, attempt_id: str, now: datetime) -> None:
    async with system.database.transaction() as conn:
        await store.close_absent_attempt(conn, attempt_id, now)


async def should_close(system: System, attempt_id: str) -> bool:
    """Whether it can still be paid and must not be: its hold is over or was cancelled, its event does not take
    place, or it is one too many (F31)."""
    now = system.clock.now()
    row = await system.database.read(lambda conn: store.closing(conn, attempt_id))
    if row is None:
        return False
    if row["attempt_status"] not in {"planned", "open"}:
        return at_stripe(Evidence(row["evidence"]), row["kind"]) is AtStripe.OPEN
    if row["order_status"] == "requested":
        return False  # its deadline is decided on by whoever holds the order's lock (requests/expiry.py), not by a closing
    waiting = row["order_status"] == "pending"
    over = row["expires_at"] is not None and row["expires_at"] <= now
    # Also what is open for an order that needs no money any more: it must not be paid.
    return not waiting or over or row["called_off"] or row["cancel_requested_at"] is not None


async def _create(system: System, row: Row) -> Row | None:
    """Refused means never made: an answer stored under this key would have come before any check of the parameters. Only a
    clash of parameters proves that there is one, made by another release; then it is looked for."""
    params = await session_params(system, row)
    try:
        return await system.stripe.create_checkout_session(params, _key(row))
    except StripeRefused as refused:
        if refused.extra.get("stripe_code") == "idempotency_error":
            return await _find(system, row)
        raise
    except StripeFailed:
        # Its error stays under this key for a day. The list does not lag: what it does not show was not made.
        found = await _find(system, row)
        if found is not None:
            return found
        async with system.database.transaction() as conn:
            version = await store.raise_key_version(conn, row["attempt_id"], row["key_version"])
        return await system.stripe.create_checkout_session(params, _key({**row, "key_version": version}))


def _key(row: Row) -> str:
    return f"checkout:{row['attempt_id']}:{row['key_version']}"


async def _find(system: System, row: Row) -> Row | None:
    """By our id, in the list of the hours in which it can have been made. Lists do not lag (docs.stripe.com/api/pagination)."""
    since = int((row["created_at"] - timedelta(minutes=5)).timestamp())
    until = int((row["created_at"] + KEY_LASTS + timedelta(hours=2)).timestamp())
    sessions = await system.stripe.checkout_sessions(created={"gte": since, "lte": until})
    return next((one for one in sessions if one.get("client_reference_id") == row["attempt_id"]), None)


async def _save(system: System, row: Row, session: Row, now: datetime) -> None:
    ask_at = next_question(row["created_at"], now, row["hold_ends"])
    async with system.database.transaction() as conn:
        await store.save_session(
            conn,
            row["attempt_id"],
            session["id"],
            session.get("url"),
            from_unix(session["expires_at"]),
            ask_at,
        )


async def session_params(system: System, attempt: Row) -> Row:
    """What Stripe is asked for. The same for the same attempt, whenever it is asked: an idempotency key demands that."""
    context = await system.database.read(lambda conn: store.checkout_context(conn, attempt["order_id"]))
    if context is None:
        raise NotFound("There is no order for this attempt.")
    lines = await system.database.read(lambda conn: store.lines_of_order(conn, attempt["order_id"]))
    currency = attempt["currency"].lower()
    metadata = await metadata_of(system, attempt, context, lines)
    page = (
        f"{system.settings.public_url}/b/{booking_token(system.settings.secret_key, context['booking_id'])}"
    )
    params: Row = {
        "mode": "payment",
        "client_reference_id": attempt["attempt_id"],
        "line_items": [_line_item(line, currency) for line in lines],
        "expires_at": int(_expires_at(attempt, context).timestamp()),
        "success_url": f"{page}?paid={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{page}?back=1",
        "metadata": metadata,
        "payment_intent_data": {
            "metadata": metadata,
            "description": f"{context['title']} ({context['reference']})"[:LONGEST_LABEL],
        },
    }
    if context["contact_email"]:
        params["customer_email"] = context["contact_email"]
    return params


async def metadata_of(system: System, attempt: Row, context: Row, lines: list[Row]) -> dict[str, str]:
    """What travels with the money: whose it is, and the signed snapshot that the booking can be rebuilt from."""
    claims = await system.database.read(lambda conn: store.claims_of_order(conn, attempt["order_id"]))
    return {
        "app_instance": system.instance_id,
        "attempt": attempt["attempt_id"],
        "order": attempt["order_id"],
        "reference": context["reference"],
        **pack(_snapshot(attempt, context, lines, claims), system.settings.secret_key),
    }


def _line_item(line: Row, currency: str) -> Row:
    product = {"name": line["label"][:LONGEST_LABEL]}
    return {
        "quantity": line["quantity"],
        "price_data": {"currency": currency, "unit_amount": line["unit_amount"], "product_data": product},
    }


def _expires_at(attempt: Row, context: Row) -> datetime:
    made: datetime = attempt["created_at"]
    limit = (context["hold_limit"] or made) + timedelta(minutes=1)
    return min(max(limit, made + SESSION_AT_LEAST), made + SESSION_AT_MOST)


def _snapshot(attempt: Row, context: Row, lines: list[Row], claims: list[Row]) -> Snapshot:
    return Snapshot(
        tenant=context["tenant"],
        offering_id=context["offering_id"],
        offering_version=context["offering_version"],
        order_id=attempt["order_id"],
        booking_id=context["booking_id"],
        attempt_id=attempt["attempt_id"],
        reference=context["reference"],
        amount=attempt["amount"],
        currency=attempt["currency"],
        name=context["contact_name"],
        email=context["contact_email"],
        phone=context["contact_phone"],
        created=int(context["created_at"].timestamp()),
        # The hold's first end: a decline moves the end, and the request must not change with it.
        expires=int((context["hold_limit"] or context["created_at"]).timestamp()),
        lines=tuple(
            SnapshotLine(
                one["kind"], one["label"], one["quantity"], one["unit_amount"], one["unit_id"], one["item_id"]
            )
            for one in lines
        ),
        claims=tuple(SnapshotClaim(one["unit_id"], one["seats"], one["guests"]) for one in claims),
        starts=int(context["starts_at"].timestamp()) if context["starts_at"] else None,
        details=context["details"] or None,
    )
