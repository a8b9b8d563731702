"""Which attempt an object of Stripe's belongs to."""

from __future__ import annotations

from datetime import datetime

from holdfast.database.connection import Connection
from holdfast.ids import Ids
from holdfast.payments import store
from holdfast.stripe_gateway.references import References


async def find_attempt(conn: Connection, ids: Ids, now: datetime, named: References) -> str | None:
    """By Stripe's ids first, then by ours. An object that names an attempt which already has another session or intent is a
    second one, made for the same attempt (F10, F11): it gets an attempt of its own, so that its money, should it be paid too, is
    seen as a second payment and goes back (F31)."""
    found = await store.attempt_of_stripe_ids(
        conn,
        session_id=named.session_id,
        payment_intent_id=named.payment_intent_id,
        charge_id=named.charge_id,
    )
    if found is not None or named.attempt_id is None:
        return found
    row = await store.attempt(conn, named.attempt_id)
    if row is None:
        return None
    other_session = named.session_id and row["session_id"] and row["session_id"] != named.session_id
    other_intent = named.payment_intent_id and row["payment_intent_id"] not in {None, named.payment_intent_id}
    if not other_session and not other_intent:
        return named.attempt_id
    sibling = {
        "attempt_id": ids.new("att"),
        "order_id": row["order_id"],
        "tenant_id": row["tenant_id"],
        "kind": row["kind"],
        "status": "complete",
        "amount": row["amount"],
        "currency": row["currency"],
        "session_id": named.session_id,
        "payment_intent_id": named.payment_intent_id,
        "created_at": now,
        "ask_at": now,
    }
    await store.insert_attempt(conn, sibling)
    return str(sibling["attempt_id"])
