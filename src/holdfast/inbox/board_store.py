"""The SQL of the inbox page: what Stripe sent, as staff look through it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.inbox.rules import CANARY_TYPE

Row = dict[str, Any]

# A tenant sees what belongs to its orders, and what belongs to nobody's: that somebody has to look at.
MINE = "(o.tenant_id = %(tenant)s OR o.order_id IS NULL)"


async def events(
    conn: Connection,
    tenant_id: int,
    *,
    state: str | None,
    kind: str | None,
    about: str | None,
    before: datetime | None,
    limit: int,
) -> list[Row]:
    """Newest first. `state`: waiting (not applied yet), failed (tried in vain), done; `about`: the beginning of an event's or
    object's id, or an order's id. Canaries are not Stripe's: only whoever asks for their kind or id gets them."""
    found = await conn.execute(
        f"""SELECT e.event_id, e.type, e.object_id, e.received_at, e.handled_at, e.outcome, e.order_id, e.tries, e.try_at,
                   e.error, e.duplicates
              FROM webhook_events e LEFT JOIN orders o ON o.order_id = e.order_id
             WHERE {MINE}
               AND CASE %(state)s::text WHEN 'waiting' THEN e.handled_at IS NULL
                                        WHEN 'failed' THEN e.handled_at IS NULL AND e.error IS NOT NULL
                                        WHEN 'done' THEN e.handled_at IS NOT NULL ELSE true END
               AND (%(kind)s::text IS NULL OR e.type = %(kind)s)
               AND (e.type <> %(canary)s OR %(kind)s::text IS NOT NULL OR %(about)s::text IS NOT NULL)
               AND (%(about)s::text IS NULL OR starts_with(e.event_id, %(about)s) OR starts_with(e.object_id, %(about)s)
                    OR e.order_id = %(about)s)
               AND (%(before)s::timestamptz IS NULL OR e.received_at < %(before)s)
          ORDER BY e.received_at DESC, e.event_id LIMIT %(limit)s""",  # noqa: S608  # MINE is a constant of this file
        {
            "tenant": tenant_id,
            "state": state,
            "kind": kind,
            "about": about,
            "before": before,
            "limit": limit,
            "canary": CANARY_TYPE,
        },
    )
    return await found.fetchall()


async def event(conn: Connection, tenant_id: int, event_id: str) -> Row | None:
    found = await conn.execute(
        f"""SELECT e.* FROM webhook_events e LEFT JOIN orders o ON o.order_id = e.order_id
             WHERE {MINE} AND e.event_id = %(event)s""",  # noqa: S608  # MINE is a constant of this file
        {"tenant": tenant_id, "event": event_id},
    )
    return await found.fetchone()


async def canaries(conn: Connection) -> Row:
    """How many came, how many of them wait, and when the newest came."""
    found = await conn.execute(
        """SELECT count(*) AS canaries, count(*) FILTER (WHERE handled_at IS NULL) AS waiting, max(received_at) AS newest
             FROM webhook_events WHERE type = %s""",
        (CANARY_TYPE,),
    )
    row = await found.fetchone()
    assert row is not None  # an aggregate always answers
    return row


async def kinds(conn: Connection) -> list[str]:
    rows = await (await conn.execute("SELECT DISTINCT type FROM webhook_events ORDER BY type")).fetchall()
    return [row["type"] for row in rows]


async def waiting(conn: Connection, tenant_id: int, since: datetime | None, limit: int) -> list[str]:
    """Ids of what is not applied yet, oldest first; received since then."""
    found = await conn.execute(
        f"""SELECT e.event_id FROM webhook_events e LEFT JOIN orders o ON o.order_id = e.order_id
             WHERE {MINE} AND e.handled_at IS NULL AND (%(since)s::timestamptz IS NULL OR e.received_at >= %(since)s)
          ORDER BY e.received_at LIMIT %(limit)s""",  # noqa: S608  # MINE is a constant of this file
        {"tenant": tenant_id, "since": since, "limit": limit},
    )
    return [row["event_id"] for row in await found.fetchall()]
