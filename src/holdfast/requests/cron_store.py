"""The SQL of the clean-up that somebody's cron asks for. One function, one statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def claim_overdue_attempts(
    conn: Connection, now: datetime, lease: timedelta, pause: timedelta, limit: int
) -> list[Row]:
    """Attempts of holds that are over, the oldest first, and how many seats each hold has. Each is given to one caller: one that
    is locked or was asked about within `pause` is being seen to by somebody else."""
    rows = await conn.execute(
        """UPDATE attempts a
              SET ask_at = %(until)s, asked_at = %(now)s, times_asked = a.times_asked + 1
             FROM bookings b
            WHERE b.order_id = a.order_id
              AND a.attempt_id IN (
                  SELECT one.attempt_id FROM attempts one JOIN bookings held USING (order_id)
                   WHERE held.status = 'pending' AND held.expires_at <= %(now)s AND one.ask_at IS NOT NULL
                     AND (one.asked_at IS NULL OR one.asked_at <= %(since)s)
                ORDER BY held.expires_at, one.attempt_id LIMIT %(limit)s FOR NO KEY UPDATE OF one SKIP LOCKED)
        RETURNING a.attempt_id, a.order_id, b.booking_id,
                  (SELECT coalesce(sum(c.seats), 0) FROM claims c
                    WHERE c.booking_id = b.booking_id AND c.released_at IS NULL)::integer AS seats""",
        {"now": now, "until": now + lease, "since": now - pause, "limit": limit},
    )
    return await rows.fetchall()


async def overdue_without_attempt(conn: Connection, now: datetime, limit: int, but: list[str]) -> list[Row]:
    """Holds that are over and that nobody can pay any more, and how many seats each has. Decided again under the order's lock."""
    rows = await conn.execute(
        """SELECT b.order_id, b.booking_id,
                  (SELECT coalesce(sum(c.seats), 0) FROM claims c
                    WHERE c.booking_id = b.booking_id AND c.released_at IS NULL)::integer AS seats
             FROM bookings b
            WHERE b.status = 'pending' AND b.expires_at <= %(now)s AND b.order_id <> ALL (%(but)s::text[])
              AND NOT EXISTS (SELECT FROM attempts a WHERE a.order_id = b.order_id AND a.ask_at IS NOT NULL)
         ORDER BY b.expires_at, b.order_id LIMIT %(limit)s""",
        {"now": now, "limit": limit, "but": but},
    )
    return await rows.fetchall()


async def still_overdue(conn: Connection, now: datetime, limit: int) -> list[Row]:
    """What is kept though its time is over, the oldest first, with what is known of why."""
    rows = await conn.execute(
        """SELECT b.booking_id, b.status, a.last_error, a.status AS attempt_status
             FROM bookings b JOIN orders o USING (order_id)
        LEFT JOIN LATERAL (SELECT * FROM attempts a WHERE a.order_id = b.order_id AND a.ask_at IS NOT NULL
                         ORDER BY a.created_at DESC LIMIT 1) a ON true
            WHERE b.expires_at <= %(now)s
              AND (b.status = 'pending' OR (b.status = 'requested' AND o.accepted_at IS NULL))
         ORDER BY b.expires_at, b.booking_id LIMIT %(limit)s""",
        {"now": now, "limit": limit},
    )
    return await rows.fetchall()


async def cleanup_orphaned_slots(conn: Connection, now: datetime) -> int:
    """The SQL function of schema.sql: how many slots nobody had any more."""
    row = await (
        await conn.execute("SELECT cleanup_orphaned_slots(%(now)s) AS slots", {"now": now})
    ).fetchone()
    return int(row["slots"]) if row else 0
