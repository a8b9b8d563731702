"""The other way to a customer: what cannot be delivered by e-mail goes by SMS, and the reverse, when the guest has left both."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.ids import Ids
from holdfast.messages.limits import may_get_sms
from holdfast.messages.outbox import Wanted, write
from holdfast.messages.rules import KINDS_TO_CUSTOMERS, OVER, outdated

OTHER = {"email": "sms", "sms": "email"}
WORDS = {"email": "by e-mail", "sms": "by SMS"}


async def go_the_other_way(conn: Connection, ids: Ids, now: datetime, message_id: str) -> str | None:
    """Writes what was given up as a message on the other channel, once (`instead_of`), in the transaction that gives it up. Says
    the channel; None when there is no other way, or no point any more. Providers are told by both from the start."""
    row = await _given_up(conn, message_id)
    if row is None or row["kind"] not in KINDS_TO_CUSTOMERS or row["instead_of"] is not None:
        return None
    if outdated(row["kind"], row["status"]) or (row["kind"] == "reminder" and row["status"] in OVER):
        return None
    channel = OTHER[row["channel"]]
    recipient = row["contact_phone"] if channel == "sms" else row["contact_email"]
    if not recipient:
        return None
    if channel == "sms" and not await may_get_sms(conn, row["tenant_id"], recipient):
        return None
    written = await write(
        conn,
        ids,
        now,
        Wanted(
            row["tenant_id"],
            row["booking_id"],
            row["kind"],
            channel,
            recipient,
            "the other channel failed",
            row["params"],
            row["unique_key"],
            row["customer_id"],
            message_id,
        ),
    )
    return channel if written else None


async def _given_up(conn: Connection, message_id: str) -> dict[str, Any] | None:
    return await (
        await conn.execute(
            """SELECT m.tenant_id, m.booking_id, m.kind, m.channel, m.params, m.unique_key, m.customer_id, m.instead_of,
                      b.status, b.contact_email, b.contact_phone
                 FROM messages m JOIN bookings b USING (booking_id) WHERE m.message_id = %s""",
            (message_id,),
        )
    ).fetchone()
