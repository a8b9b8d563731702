"""All the SQL of disputes. One function, one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def upsert_dispute(conn: Connection, row: dict[str, Any]) -> str | None:
    """Brings the row to what is known; says the status it had before, None when it is new. Under the order's lock."""
    before = await (
        await conn.execute("SELECT status FROM disputes WHERE dispute_id = %(dispute_id)s", row)
    ).fetchone()
    await conn.execute(
        """INSERT INTO disputes (dispute_id, payment_id, order_id, tenant_id, status, reason, amount, currency, evidence_due,
                                 opened_at, closed_at)
           VALUES (%(dispute_id)s, %(payment_id)s, %(order_id)s, %(tenant_id)s, %(status)s, %(reason)s, %(amount)s, %(currency)s,
                   %(evidence_due)s, %(opened_at)s, %(closed_at)s)
           ON CONFLICT (dispute_id) DO UPDATE
              SET status = excluded.status, evidence_due = coalesce(excluded.evidence_due, disputes.evidence_due),
                  -- an inquiry that was closed may still become a dispute: then it is open again
                  closed_at = CASE WHEN excluded.closed_at IS NOT NULL
                                   THEN coalesce(disputes.closed_at, excluded.closed_at) END,
                  amount = excluded.amount""",
        row,
    )
    return str(before["status"]) if before else None


async def open_disputes(conn: Connection, tenant_id: int, limit: int) -> list[Row]:
    """Not over: those that wait for an answer first, each by its deadline."""
    return await _all(
        conn,
        """SELECT d.*, b.booking_id, b.reference, b.contact_name, f.title
             FROM disputes d JOIN bookings b USING (order_id) JOIN offerings f ON f.offering_id = b.offering_id
            WHERE d.tenant_id = %(tenant)s AND d.closed_at IS NULL
         ORDER BY d.status NOT IN ('needs_response', 'warning_needs_response'), d.evidence_due NULLS LAST, d.dispute_id
            LIMIT %(limit)s""",
        {"tenant": tenant_id, "limit": limit},
    )


async def closed_disputes(
    conn: Connection, tenant_id: int, limit: int, before: tuple[datetime, str] | None
) -> list[Row]:
    """The latest first; `before` is where the page before ended."""
    return await _all(
        conn,
        """SELECT d.*, b.booking_id, b.reference, b.contact_name, f.title
             FROM disputes d JOIN bookings b USING (order_id) JOIN offerings f ON f.offering_id = b.offering_id
            WHERE d.tenant_id = %(tenant)s AND d.closed_at IS NOT NULL
              AND (%(at)s::timestamptz IS NULL OR (d.closed_at, d.dispute_id) < (%(at)s, %(id)s))
         ORDER BY d.closed_at DESC, d.dispute_id DESC LIMIT %(limit)s""",
        {
            "tenant": tenant_id,
            "limit": limit,
            "at": before[0] if before else None,
            "id": before[1] if before else None,
        },
    )


async def dispute(conn: Connection, tenant_id: int, dispute_id: str) -> Row | None:
    """With the payment that it is about, and its booking's id and reference."""
    rows = await _all(
        conn,
        """SELECT d.*, b.booking_id, b.reference, b.contact_name, f.title, p.payment_intent_id, p.charge_id, p.captured,
                  p.card_brand, p.card_last4, p.charged_at, p.recorded_at, p.purpose
             FROM disputes d JOIN payments p USING (payment_id) JOIN bookings b ON b.order_id = d.order_id
             JOIN offerings f ON f.offering_id = b.offering_id
            WHERE d.dispute_id = %(id)s AND d.tenant_id = %(tenant)s""",
        {"id": dispute_id, "tenant": tenant_id},
    )
    return rows[0] if rows else None


async def agreement(conn: Connection, order_id: str) -> Row:
    """What the customer agreed to, with whom, for when, and what became of it."""
    rows = await _all(
        conn,
        """SELECT o.order_id, o.status, o.amount, o.currency, o.source, o.created_at, o.refund_tiers, o.details, o.requested_at,
                  o.respond_by, o.accepted_at, o.times_rescheduled, b.booking_id, b.reference, b.contact_name, b.contact_email,
                  b.contact_phone, b.seats, b.confirmed_at, b.ended_at, f.kind, f.title, f.description, f.venue, f.time_zone,
                  coalesce(o.starts_at, f.starts_at) AS starts_at, coalesce(o.ends_at, f.ends_at) AS ends_at,
                  o.times_rescheduled > 0 OR f.version > o.offering_version AS moved,
                  r.name AS provider_name, t.name AS tenant_name, t.locale,
                  a.at AS arrived_at, a.recorded_at AS arrival_recorded_at, a.actor AS arrival_actor
             FROM orders o JOIN bookings b USING (order_id) JOIN offerings f ON f.offering_id = o.offering_id
             JOIN tenants t ON t.tenant_id = o.tenant_id
             LEFT JOIN services s ON s.offering_id = f.offering_id
             LEFT JOIN providers r ON r.provider_id = coalesce(s.provider_id, f.provider_id)
             LEFT JOIN arrivals a ON a.booking_id = b.booking_id
            WHERE o.order_id = %(id)s""",
        {"id": order_id},
    )
    return rows[0]


async def lines(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        """SELECT kind, label, quantity, unit_amount, amount FROM order_lines WHERE order_id = %(id)s ORDER BY line_no""",
        {"id": order_id},
    )


async def payments(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        """SELECT payment_id, purpose, payment_intent_id, charge_id, captured, currency, card_brand, card_last4,
                  coalesce(charged_at, recorded_at) AS at
             FROM payments WHERE order_id = %(id)s ORDER BY coalesce(charged_at, recorded_at), payment_id""",
        {"id": order_id},
    )


async def refunds(conn: Connection, order_id: str, limit: int) -> list[Row]:
    return await _all(
        conn,
        """SELECT payment_id, amount, currency, reason, status, stripe_refund_id, created_at, settled_at FROM refunds
            WHERE order_id = %(id)s ORDER BY created_at, refund_id LIMIT %(limit)s""",
        {"id": order_id, "limit": limit},
    )


async def messages(conn: Connection, booking_id: str, limit: int) -> list[Row]:
    """As they were sent, with what became of each; only those to the customer (the caller leaves others out by kind)."""
    return await _all(
        conn,
        """SELECT kind, channel, recipient, status, subject, body_text, provider_id, created_at, sent_at, delivered_at, error
             FROM messages WHERE booking_id = %(id)s ORDER BY created_at, message_id LIMIT %(limit)s""",
        {"id": booking_id, "limit": limit},
    )


async def timeline(conn: Connection, order_id: str, limit: int) -> list[Row]:
    """The first and the last of them when there are more than the limit: in between only repetition is to be expected."""
    return await _all(
        conn,
        """SELECT at, actor, what, detail FROM (
               SELECT t.*, row_number() OVER (ORDER BY entry_id) AS from_start,
                      row_number() OVER (ORDER BY entry_id DESC) AS from_end
                 FROM timeline t WHERE order_id = %(id)s) numbered
            WHERE from_start <= %(half)s OR from_end <= %(half)s ORDER BY entry_id""",
        {"id": order_id, "half": limit // 2},
    )


async def history(conn: Connection, order_id: str, dispute_id: str) -> list[Row]:
    """Each status that was heard of, and when we heard."""
    return await _all(
        conn,
        """SELECT at, detail->>'status' AS status FROM timeline
            WHERE order_id = %(order)s AND what = 'disputed' AND detail->>'dispute' = %(id)s ORDER BY entry_id""",
        {"order": order_id, "id": dispute_id},
    )


async def _all(conn: Connection, query: Any, params: dict[str, Any]) -> list[Row]:
    return await (await conn.execute(query, params)).fetchall()
