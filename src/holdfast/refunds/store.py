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
                                failure, actor, try_at, created_at, settled_at)
           VALUES (%(refund_id)s, %(payment_id)s, %(order_id)s, %(tenant_id)s, %(amount)s, %(currency)s, 'outside',
               %(status)s,
                   %(stripe_refund_id)s, %(failure)s, 'stripe', %(try_at)s, %(created_at)s, %(settled_at)s)
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
    look_at: datetime | None = None,
) -> None:
    """`look_at`: of one that is pending, when Stripe is asked what became of it."""
    await conn.execute(
        """UPDATE refunds
              SET status = %(status)s, stripe_refund_id = coalesce(stripe_refund_id, %(stripe_id)s), failure = %(failure)s,
                  try_at = %(look_at)s, settled_at = %(settled_at)s
            WHERE refund_id = %(id)s""",
        {
            "id": refund_id,
            "status": status,
            "stripe_id": stripe_refund_id,
            "failure": failure,
            "settled_at": settled_at,
            "look_at": look_at,
        },
    )


async def claim_pending(conn: Connection, now: datetime, lease: timedelta, limit: int) -> list[Row]:
    """Pending refunds to look at now, each given to one worker until the lease is over. One without a time is from before
    there were times, and due."""
    return await _all(
        conn,
        """UPDATE refunds SET try_at = %(until)s
            WHERE refund_id IN (SELECT refund_id FROM refunds
                                 WHERE status = 'pending' AND stripe_refund_id IS NOT NULL
                                   AND (try_at <= %(now)s OR try_at IS NULL)
                              ORDER BY try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING *""",
        {"now": now, "until": now + lease, "limit": limit},
    )


async def look_later(conn: Connection, refund_id: str, at: datetime) -> None:
    await conn.execute(
        "UPDATE refunds SET try_at = %(at)s WHERE refund_id = %(id)s AND status = 'pending'",
        {"id": refund_id, "at": at},
    )


async def insert_paid_otherwise(
    conn: Connection, refund_id: str, failed: Row, actor: str, now: datetime
) -> None:
    """What a person gave back without Stripe, in the place of one that failed."""
    await conn.execute(
        """INSERT INTO refunds (refund_id, payment_id, order_id, tenant_id, amount, currency, reason, status, actor, created_at,
                                settled_at)
           VALUES (%(refund_id)s, %(payment_id)s, %(order_id)s, %(tenant_id)s, %(amount)s, %(currency)s, 'otherwise', 'succeeded',
                   %(actor)s, %(now)s, %(now)s)""",
        {**failed, "refund_id": refund_id, "actor": actor, "now": now},
    )


async def refund(conn: Connection, refund_id: str) -> Row | None:
    """With its booking and whether its task is still open."""
    rows = await _all(
        conn,
        """SELECT r.*, b.booking_id, b.reference, b.contact_name, p.card_brand, p.card_last4,
                  EXISTS (SELECT FROM tasks t WHERE t.kind = 'refund_failed' AND t.subject = r.refund_id AND t.done_at IS NULL)
                      AS to_be_seen_to
             FROM refunds r JOIN payments p USING (payment_id) JOIN bookings b ON b.order_id = r.order_id
            WHERE r.refund_id = %(id)s""",
        {"id": refund_id},
    )
    return rows[0] if rows else None


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
