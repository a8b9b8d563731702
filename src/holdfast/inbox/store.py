"""All the SQL of the inbox. One function, one statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def insert_events(conn: Connection, rows: list[Row]) -> dict[str, bool]:
    """Stores many events in one statement, word for word; says of each id whether it is new. One that is there already is
    counted (F61). The ids must differ."""
    found = await (
        await conn.execute(
            """INSERT INTO webhook_events (event_id, type, object_id, livemode, account, api_version, created_at, payload,
                                           received_at, try_at, handled_at, outcome)
               SELECT * FROM jsonb_to_recordset(%(rows)s)
                   AS r (event_id text, type text, object_id text, livemode boolean, account text, api_version text,
                         created_at timestamptz, payload text, received_at timestamptz, try_at timestamptz,
                         handled_at timestamptz, outcome text)
               ON CONFLICT (event_id) DO UPDATE SET duplicates = webhook_events.duplicates + 1
               RETURNING event_id, duplicates = 0 AS new""",
            {"rows": Jsonb(rows)},
        )
    ).fetchall()
    return {row["event_id"]: row["new"] for row in found}


async def claim_due(conn: Connection, now: datetime, lease: timedelta, limit: int) -> list[Row]:
    """Events to handle now, oldest first, each given to one worker until the lease is over."""
    rows = await (
        await conn.execute(
            """UPDATE webhook_events SET tries = tries + 1, try_at = %(until)s
                WHERE event_id IN (SELECT event_id FROM webhook_events WHERE handled_at IS NULL AND try_at <= %(now)s
                                    ORDER BY try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
            RETURNING *""",
            {"now": now, "until": now + lease, "limit": limit},
        )
    ).fetchall()
    return sorted(rows, key=lambda row: (row["created_at"], row["event_id"]))


async def event(conn: Connection, event_id: str) -> Row | None:
    return await (
        await conn.execute("SELECT * FROM webhook_events WHERE event_id = %(id)s", {"id": event_id})
    ).fetchone()


async def mark_handled(
    conn: Connection, event_id: str, now: datetime, outcome: str, order_id: str | None
) -> None:
    """In the transaction of the effect (F05)."""
    await conn.execute(
        """UPDATE webhook_events SET handled_at = %(now)s, outcome = %(outcome)s, order_id = %(order)s, error = NULL,
            try_at = NULL
            WHERE event_id = %(id)s""",
        {"id": event_id, "now": now, "outcome": outcome, "order": order_id},
    )


async def put_off(
    conn: Connection, event_id: str, try_at: datetime, outcome: str | None, error: str | None
) -> None:
    await conn.execute(
        """UPDATE webhook_events SET try_at = %(at)s, outcome = %(outcome)s, error = %(error)s
            WHERE event_id = %(id)s AND handled_at IS NULL""",
        {"id": event_id, "at": try_at, "outcome": outcome, "error": error},
    )


async def make_due(
    conn: Connection, now: datetime, *, event_ids: list[str] | None, failed_only: bool, since: datetime | None
) -> list[str]:
    """Events to be handled again: by id, or all since a time, or those that carry an error. Says which."""
    rows = await (
        await conn.execute(
            """UPDATE webhook_events SET handled_at = NULL, try_at = %(now)s
                WHERE (%(ids)s::text[] IS NULL OR event_id = ANY (%(ids)s))
                  AND (NOT %(failed)s OR (handled_at IS NULL AND error IS NOT NULL))
                  AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
            RETURNING event_id""",
            {"now": now, "ids": event_ids, "failed": failed_only, "since": since},
        )
    ).fetchall()
    return [row["event_id"] for row in rows]
