"""All SQL of the outbox. One function, one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection
from holdfast.ids import Ids

NO_ADDRESS = "there is no e-mail address to send to"


async def enqueue(
    conn: Connection,
    ids: Ids,
    now: datetime,
    *,
    booking: dict[str, Any],
    kind: str,
    cause: str,
    params: dict[str, Any] | None = None,
    unique_key: str | None = None,
) -> str | None:
    """Puts an e-mail to the booking's contact into the outbox, inside the transaction of its cause (F67).
    Says its id, or None when the booking already has one with this unique key (by default the kind: one of
    each kind). After the commit the caller tells `work:messages`.

    `booking` needs booking_id, tenant_id and contact_email; without an address the row is kept as
    `suppressed`, so that staff see what was not said. `params` is what the template needs beyond the booking
    (messages/render.py)."""
    recipient = booking.get("contact_email") or ""
    row = await (
        await conn.execute(
            """INSERT INTO messages (message_id, tenant_id, booking_id, customer_id, kind, channel, recipient,
                                     params, unique_key, cause, status, try_at, created_at, error)
               VALUES (%(message_id)s, %(tenant_id)s, %(booking_id)s,
                       (SELECT o.customer_id FROM bookings b JOIN orders o USING (order_id)
                         WHERE b.booking_id = %(booking_id)s),
                       %(kind)s, 'email', %(recipient)s, %(params)s, %(unique_key)s, %(cause)s, %(status)s,
                       %(now)s, %(now)s, %(error)s)
               ON CONFLICT (booking_id, unique_key, channel) WHERE booking_id IS NOT NULL DO NOTHING
               RETURNING message_id""",
            {
                "message_id": ids.new("msg"),
                "tenant_id": booking["tenant_id"],
                "booking_id": booking["booking_id"],
                "kind": kind,
                "recipient": recipient,
                "params": Jsonb(params or {}),
                "unique_key": unique_key or kind,
                "cause": cause,
                "status": "queued" if recipient else "suppressed",
                "now": now,
                "error": None if recipient else NO_ADDRESS,
            },
        )
    ).fetchone()
    return str(row["message_id"]) if row else None
