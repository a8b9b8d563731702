"""Numbers for people: `holdfast stats` and the board. Of the bookings made in the last so many days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, LiteralString

from holdfast.clock import rfc3339
from holdfast.database.connection import Connection

QUANTILES = (0.5, 0.9, 0.99)
SERVED = frozenset({"confirmed", "in_progress", "completed", "no_show"})

BOOKINGS: LiteralString = """
    SELECT status, count(*) AS bookings, coalesce(sum(seats), 0) AS seats FROM bookings
     WHERE created_at > %(since)s GROUP BY status ORDER BY status"""

MONEY: LiteralString = """
    SELECT p.currency, sum(p.captured) AS captured, coalesce(sum(r.refunded), 0) AS refunded,
           sum(p.captured) - coalesce(sum(r.refunded), 0) AS kept, count(*) AS payments
      FROM payments p
 LEFT JOIN (SELECT payment_id, sum(amount) AS refunded FROM refunds
        WHERE status <> 'failed' GROUP BY payment_id) r USING (payment_id)
     WHERE p.recorded_at > %(since)s GROUP BY p.currency ORDER BY p.currency"""

# The denominator is whoever paid for an order, whatever became of it: leaving out those whom we failed would be lying. What is
# authorised first is waited for from the provider's yes on.
PAID: LiteralString = """
    WITH paid AS (
        SELECT p.found_by, b.confirmed_at, p.charged_at, o.status,
               CASE WHEN b.confirmed_at - p.charged_at IS NOT NULL
                    THEN greatest(extract(epoch FROM b.confirmed_at - greatest(p.charged_at, o.accepted_at)), 0)::float8
               END AS took,
               CASE WHEN m.sent_at - p.charged_at IS NOT NULL
                    THEN greatest(extract(epoch FROM m.sent_at - greatest(p.charged_at, o.accepted_at)), 0)::float8
               END AS mailed,
               EXISTS (SELECT FROM refunds r WHERE r.payment_id = p.payment_id AND r.status <> 'failed') AS returned
          FROM payments p JOIN orders o USING (order_id) JOIN bookings b USING (order_id)
     LEFT JOIN LATERAL (SELECT min(sent_at) AS sent_at FROM messages
                         WHERE booking_id = b.booking_id AND kind = 'booking_confirmed') m ON true
         WHERE p.purpose = 'order' AND p.recorded_at > %(since)s)
    SELECT count(*) AS paid,
           count(*) FILTER (WHERE confirmed_at IS NOT NULL) AS confirmed,
           count(*) FILTER (WHERE confirmed_at IS NOT NULL AND took <= 5) AS within_5_seconds,
           count(*) FILTER (WHERE confirmed_at IS NOT NULL AND took <= 300) AS within_5_minutes,
           count(*) FILTER (WHERE confirmed_at IS NULL AND NOT returned) AS without_booking,
           (SELECT jsonb_object_agg(found_by, n) FROM (SELECT found_by, count(*) AS n FROM paid GROUP BY found_by) f) AS found_by,
           percentile_cont(%(quantiles)s::float8[]) WITHIN GROUP (ORDER BY took)
               FILTER (WHERE took IS NOT NULL) AS to_confirmation,
           percentile_cont(%(quantiles)s::float8[]) WITHIN GROUP (ORDER BY mailed)
               FILTER (WHERE mailed IS NOT NULL) AS to_mail
      FROM paid"""

OPEN: LiteralString = """
    SELECT (SELECT count(*) FROM tasks WHERE done_at IS NULL) AS tasks,
           (SELECT count(*) FROM orders WHERE status = 'stuck') AS stuck_orders,
           (SELECT count(*) FROM refunds WHERE status IN ('owed', 'asked', 'pending')) AS refunds_under_way,
           (SELECT count(*) FROM disputes WHERE closed_at IS NULL) AS disputes,
           (SELECT coalesce(sum(violations), 0)::bigint FROM law_results) AS violations"""


async def stats(conn: Connection, now: datetime, days: int) -> dict[str, Any]:
    """Amounts in minor units beside their currency, times in seconds, shares from 0 to 1 (null without a payment)."""
    since = now - timedelta(days=days)
    params = {"since": since, "quantiles": list(QUANTILES)}
    bookings = await (await conn.execute(BOOKINGS, params)).fetchall()
    money = await (await conn.execute(MONEY, params)).fetchall()
    paid = await (await conn.execute(PAID, params)).fetchone()
    waiting = await (await conn.execute(OPEN)).fetchone()
    assert paid is not None  # aggregates always answer
    assert waiting is not None
    return {
        "days": days,
        "since": rfc3339(since),
        "as_of": rfc3339(now),
        "bookings": {row["status"]: row["bookings"] for row in bookings},
        "bookings_total": sum(row["bookings"] for row in bookings),
        "seats_confirmed": sum(int(row["seats"]) for row in bookings if row["status"] in SERVED),
        "money": [{**row, **{k: int(row[k]) for k in ("captured", "refunded", "kept")}} for row in money],
        "paid": paid["paid"],
        "paid_without_booking": paid["without_booking"],
        "success": {
            "confirmed": _share(paid["confirmed"], paid["paid"]),
            "within_5_seconds": _share(paid["within_5_seconds"], paid["paid"]),
            "within_5_minutes": _share(paid["within_5_minutes"], paid["paid"]),
        },
        "found_by": {
            layer: _share(number, paid["paid"]) for layer, number in sorted((paid["found_by"] or {}).items())
        },
        "seconds_to_confirmation": _quantiles(paid["to_confirmation"]),
        "seconds_to_mail": _quantiles(paid["to_mail"]),
        "open": dict(waiting),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _quantiles(values: list[float] | None) -> dict[str, float] | None:
    if values is None:
        return None
    return {f"p{round(q * 100)}": round(value, 2) for q, value in zip(QUANTILES, values, strict=True)}
