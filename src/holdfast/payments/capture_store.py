"""All the SQL of captures: what is to become of an authorisation. One function, one statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def _all(conn: Connection, query: Any, params: dict[str, Any]) -> list[Row]:
    return await (await conn.execute(query, params)).fetchall()


async def owe(
    conn: Connection, capture_id: str, attempt_id: str, action: str, reason: str, actor: str, now: datetime
) -> bool:
    """What is to be done with the attempt's authorisation, due at once: `capture` or `cancel`, all of it. False when it is
    decided already. PostgreSQL refuses more than was authorised. The order is locked by the caller."""
    cursor = await conn.execute(
        """INSERT INTO captures (capture_id, order_id, attempt_id, tenant_id, action, amount, currency, status, reason, actor,
                                 try_at, created_at)
           SELECT %(id)s, order_id, attempt_id, tenant_id, %(action)s, amount, currency, 'owed', %(reason)s, %(actor)s, %(now)s,
                  %(now)s
             FROM attempts WHERE attempt_id = %(attempt)s AND kind = 'payment_intent'
           ON CONFLICT (attempt_id) WHERE status <> 'failed' DO NOTHING""",
        {
            "id": capture_id,
            "attempt": attempt_id,
            "action": action,
            "reason": reason,
            "actor": actor,
            "now": now,
        },
    )
    return cursor.rowcount == 1


async def claim_due(conn: Connection, now: datetime, lease: timedelta, limit: int) -> list[Row]:
    """Captures to carry out now, each given to one worker until the lease is over."""
    return await _all(
        conn,
        """UPDATE captures c
              SET status = 'asked', tries = c.tries + 1, try_at = %(until)s
             FROM attempts a
            WHERE a.attempt_id = c.attempt_id
              AND c.capture_id IN (SELECT capture_id FROM captures WHERE status IN ('owed', 'asked') AND try_at <= %(now)s
                                    ORDER BY try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING c.*, a.payment_intent_id""",
        {"now": now, "until": now + lease, "limit": limit},
    )


async def claim(conn: Connection, capture_id: str, now: datetime, lease: timedelta) -> Row | None:
    """One of them, for whoever has just decided it; None when somebody else has it."""
    rows = await _all(
        conn,
        """UPDATE captures c
              SET status = 'asked', tries = c.tries + 1, try_at = %(until)s
             FROM attempts a
            WHERE a.attempt_id = c.attempt_id AND c.capture_id = %(id)s AND c.status IN ('owed', 'asked') AND c.try_at <= %(now)s
        RETURNING c.*, a.payment_intent_id""",
        {"id": capture_id, "now": now, "until": now + lease},
    )
    return rows[0] if rows else None


async def captures_of_order(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        "SELECT * FROM captures WHERE order_id = %(id)s ORDER BY created_at, capture_id",
        {"id": order_id},
    )


async def try_again(conn: Connection, capture_id: str, at: datetime, why: str) -> None:
    await conn.execute(
        "UPDATE captures SET try_at = %(at)s, failure = %(why)s WHERE capture_id = %(id)s AND status IN ('owed', 'asked')",
        {"id": capture_id, "at": at, "why": why},
    )


async def raise_key_version(conn: Connection, capture_id: str, known: int) -> None:
    """The next idempotency key: what Stripe answered under the last one is kept there for a day."""
    await conn.execute(
        "UPDATE captures SET key_version = greatest(key_version, %(known)s + 1) WHERE capture_id = %(id)s",
        {"id": capture_id, "known": known},
    )


async def close(conn: Connection, capture_id: str, status: str, failure: str | None, now: datetime) -> bool:
    """`done` or `failed`; False when it was over already."""
    cursor = await conn.execute(
        """UPDATE captures SET status = %(status)s, failure = %(why)s, try_at = NULL, settled_at = %(now)s
            WHERE capture_id = %(id)s AND status IN ('owed', 'asked')""",
        {"id": capture_id, "status": status, "why": failure, "now": now},
    )
    return cursor.rowcount == 1


async def close_all(
    conn: Connection, attempt_id: str, action: str, status: str, failure: str | None, now: datetime
) -> None:
    """What the evidence has overtaken: an authorisation that was captured or is gone needs nobody any more."""
    await conn.execute(
        """UPDATE captures SET status = %(status)s, failure = %(why)s, try_at = NULL, settled_at = %(now)s
            WHERE attempt_id = %(attempt)s AND action = %(action)s AND status IN ('owed', 'asked')""",
        {"attempt": attempt_id, "action": action, "status": status, "why": failure, "now": now},
    )
