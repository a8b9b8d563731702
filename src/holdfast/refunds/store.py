"""All the SQL of refunds. One function, one statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def owe(
    conn: Connection, refund_id: str, payment_id: str, amount: int, reason: str, actor: str, now: datetime
) -> Row:
    """What is owed of a payment, due at once; the row. PostgreSQL refuses one above what was captured (F35)."""
    rows = await _all(
        conn,
        """INSERT INTO refunds (refund_id, payment_id, order_id, tenant_id, amount, currency, reason, status, actor, try_at,
                                created_at)
           SELECT %(refund_id)s, payment_id, order_id, tenant_id, %(amount)s, currency, %(reason)s, 'owed', %(actor)s, %(now)s,
                  %(now)s
             FROM payments WHERE payment_id = %(payment_id)s
        RETURNING *""",
        {
            "refund_id": refund_id,
            "payment_id": payment_id,
            "amount": amount,
            "reason": reason,
            "actor": actor,
            "now": now,
        },
    )
    return rows[0]


async def left_of(conn: Connection, payment_id: str) -> int:
    """What of a payment was neither given back nor is on its way back."""
    rows = await _all(
        conn,
        """SELECT captured - coalesce((SELECT sum(amount) FROM refunds r
                                        WHERE r.payment_id = p.payment_id AND r.status <> 'failed'), 0)::bigint AS amount
             FROM payments p WHERE payment_id = %(id)s""",
        {"id": payment_id},
    )
    return int(rows[0]["amount"])


async def insert_outside_refund(conn: Connection, row: Row) -> None:
    """One that was made at Stripe without us."""
    await conn.execute(
        """INSERT INTO refunds (refund_id, payment_id, order_id, tenant_id, amount, currency, reason, status,
            stripe_refund_id,
                                failure, actor, created_at, settled_at)
           VALUES (%(refund_id)s, %(payment_id)s, %(order_id)s, %(tenant_id)s, %(amount)s, %(currency)s, 'outside',
               %(status)s,
                   %(stripe_refund_id)s, %(failure)s, 'stripe', %(created_at)s, %(settled_at)s)
           ON CONFLICT (stripe_refund_id) DO NOTHING""",
        row,
    )


async def refunds_of_order(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn, "SELECT * FROM refunds WHERE order_id = %(id)s ORDER BY created_at, refund_id", {"id": order_id}
    )


async def claim_due(conn: Connection, now: datetime, lease: timedelta, limit: int) -> list[Row]:
    """Refunds to ask Stripe for now, each given to one worker until the lease is over."""
    return await _all(
        conn,
        """UPDATE refunds r
              SET status = 'asked', tries = r.tries + 1, try_at = %(until)s
             FROM payments p
            WHERE p.payment_id = r.payment_id
              AND r.refund_id IN (SELECT refund_id FROM refunds WHERE status IN ('owed', 'asked') AND try_at <= %(now)s
                                   ORDER BY try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING r.*, p.payment_intent_id, p.attempt_id""",
        {"now": now, "until": now + lease, "limit": limit},
    )


async def try_again(conn: Connection, refund_id: str, at: datetime, why: str) -> None:
    await conn.execute(
        "UPDATE refunds SET try_at = %(at)s, failure = %(why)s WHERE refund_id = %(id)s AND status IN ('owed', 'asked')",
        {"id": refund_id, "at": at, "why": why},
    )


async def raise_key_version(conn: Connection, refund_id: str, known: int) -> None:
    """The next idempotency key, once the refund of the last one is proven absent."""
    await conn.execute(
        "UPDATE refunds SET key_version = greatest(key_version, %(known)s + 1) WHERE refund_id = %(id)s",
        {"id": refund_id, "known": known},
    )


async def mark(
    conn: Connection,
    refund_id: str,
    status: str,
    stripe_refund_id: str | None,
    failure: str | None,
    settled_at: datetime | None,
) -> None:
    await conn.execute(
        """UPDATE refunds
              SET status = %(status)s, stripe_refund_id = coalesce(stripe_refund_id, %(stripe_id)s), failure = %(failure)s,
                  try_at = NULL, settled_at = %(settled_at)s
            WHERE refund_id = %(id)s""",
        {
            "id": refund_id,
            "status": status,
            "stripe_id": stripe_refund_id,
            "failure": failure,
            "settled_at": settled_at,
        },
    )


async def overtake(conn: Connection, refund_id: str, now: datetime) -> bool:
    """One that nobody has asked Stripe for gives way to one that was made there. False: somebody is asking just now."""
    cursor = await conn.execute(
        """UPDATE refunds SET status = 'failed', failure = 'overtaken by a refund made at Stripe', try_at = NULL,
                  settled_at = %(now)s
            WHERE refund_id = %(id)s AND status = 'owed'""",
        {"id": refund_id, "now": now},
    )
    return cursor.rowcount == 1


async def open_disputes(conn: Connection, payment_id: str) -> list[Row]:
    """Disputes that are not over: refunding then loses the money twice (F49)."""
    return await _all(
        conn,
        """SELECT dispute_id, status FROM disputes
            WHERE payment_id = %(id)s AND status NOT IN ('won', 'warning_closed', 'prevented')""",
        {"id": payment_id},
    )


async def _all(conn: Connection, query: Any, params: dict[str, Any]) -> list[Row]:
    return await (await conn.execute(query, params)).fetchall()
