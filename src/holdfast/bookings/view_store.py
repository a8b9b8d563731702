"""The SQL behind what guests and staff see of a booking. One function, one statement; reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def _all(conn: Connection, query: Any, params: dict[str, Any]) -> list[Row]:
    return await (await conn.execute(query, params)).fetchall()


async def head(conn: Connection, booking_id: str) -> Row | None:
    """The booking with its order and event."""
    return await (
        await conn.execute(
            """SELECT b.booking_id, b.order_id, b.tenant_id, b.offering_id, b.reference, b.status, b.contact_name,
                b.contact_email,
                      b.contact_phone, b.seats, b.metadata, b.created_at, b.expires_at, b.confirmed_at, b.ended_at,
                      o.customer_id, o.amount, o.currency, o.source, o.stuck_reason, o.cancel_requested_at, o.refund_tiers,
                      -- completed at Stripe by a slow method whose money is still on its way
                      EXISTS (SELECT FROM attempts a WHERE a.order_id = b.order_id AND a.status = 'complete'
                                 AND a.ask_at IS NOT NULL
                                 AND NOT EXISTS (SELECT FROM payments p WHERE p.attempt_id = a.attempt_id)) AS payment_under_way,
                      f.kind, f.title, f.venue, f.time_zone, coalesce(o.starts_at, f.starts_at) AS starts_at,
                      coalesce(o.ends_at, f.ends_at) AS ends_at
                 FROM bookings b JOIN orders o USING (order_id) JOIN offerings f ON f.offering_id = b.offering_id
                WHERE b.booking_id = %(id)s""",
            {"id": booking_id},
        )
    ).fetchone()


async def appointment(conn: Connection, order_id: str) -> Row | None:
    """What an order of a provider's service says beyond its sums; None for an event."""
    return await (
        await conn.execute(
            """SELECT p.provider_id, p.name AS provider_name, p.time_zone AS provider_time_zone, s.timing, s.duration_minutes,
                      s.reschedule_minutes, s.most_reschedules, s.details_label, o.details, o.starts_at, o.ends_at,
                      o.requested_at, o.respond_by, o.accepted_at, o.decline_reason, o.times_rescheduled, o.refund_tiers
                 FROM orders o JOIN services s USING (offering_id) JOIN providers p USING (provider_id)
                WHERE o.order_id = %(id)s""",
            {"id": order_id},
        )
    ).fetchone()


async def units(conn: Connection, booking_id: str) -> list[Row]:
    """The units it has; for one that let them go, those it had. `amount` is of the order's line, where it has one."""
    return await _all(
        conn,
        """SELECT c.unit_id, u.label, c.guests AS seats, c.seats AS taken, c.released_at IS NULL AS held,
                  coalesce((SELECT sum(l.amount) FROM order_lines l
                             WHERE l.order_id = b.order_id AND l.unit_id = c.unit_id), 0)::bigint AS amount
             FROM claims c JOIN units u USING (unit_id) JOIN bookings b USING (booking_id)
            WHERE c.booking_id = %(id)s
              AND (c.released_at IS NULL
                   OR NOT EXISTS (SELECT FROM claims live WHERE live.booking_id = c.booking_id AND live.released_at IS NULL))
         ORDER BY u.position, c.unit_id""",
        {"id": booking_id},
    )


async def lines(conn: Connection, order_id: str) -> list[Row]:
    """What was ordered beside seats, with its category; what no menu lists counts as `other`."""
    return await _all(
        conn,
        """SELECT l.kind, l.item_id, l.label AS name, coalesce(m.category, 'other') AS category, l.quantity,
            l.unit_amount, l.amount
             FROM order_lines l LEFT JOIN menu_items m USING (item_id)
            WHERE l.order_id = %(id)s AND l.kind <> 'unit' ORDER BY l.line_no""",
        {"id": order_id},
    )


async def payments(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        """SELECT payment_id, attempt_id, purpose, payment_intent_id, charge_id, amount, captured, currency, card_brand,
            card_last4,
                  charged_at, recorded_at, found_by
             FROM payments WHERE order_id = %(id)s ORDER BY recorded_at, payment_id""",
        {"id": order_id},
    )


async def refunds(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        """SELECT refund_id, payment_id, amount, currency, reason, status, stripe_refund_id, failure, actor, tries,
            created_at,
                  settled_at
             FROM refunds WHERE order_id = %(id)s ORDER BY created_at, refund_id""",
        {"id": order_id},
    )


async def disputes(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        """SELECT dispute_id, payment_id, status, reason, amount, currency, evidence_due, opened_at, closed_at
             FROM disputes WHERE order_id = %(id)s ORDER BY opened_at""",
        {"id": order_id},
    )


async def attempts(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        """SELECT attempt_id, kind, status, amount, currency, session_id, payment_intent_id, created_at, ask_at, asked_at,
                  times_asked, last_error, closed_at
             FROM attempts WHERE order_id = %(id)s ORDER BY created_at, attempt_id""",
        {"id": order_id},
    )


async def messages(conn: Connection, booking_id: str) -> list[Row]:
    return await _all(
        conn,
        """SELECT message_id, kind, channel, status, recipient, subject, cause, tries, created_at, sent_at, delivered_at,
            error
             FROM messages WHERE booking_id = %(id)s ORDER BY created_at, message_id""",
        {"id": booking_id},
    )


async def timeline(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        "SELECT at, actor, what, detail FROM timeline WHERE order_id = %(id)s ORDER BY entry_id",
        {"id": order_id},
    )


async def tasks(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        """SELECT task_id, kind, sentence, created_at, done_at, done_by FROM tasks
            WHERE order_id = %(id)s ORDER BY created_at""",
        {"id": order_id},
    )


async def kitchen_units(conn: Connection, tenant_id: int, offering_id: int) -> list[Row]:
    """Who sits where, of the bookings that come."""
    return await _all(
        conn,
        """SELECT c.unit_id, u.label, c.guests, b.booking_id, b.order_id, b.reference, b.contact_name,
                  coalesce((b.metadata->>'late_minutes')::integer, 0) AS late_minutes
             FROM bookings b JOIN claims c USING (booking_id) JOIN units u USING (unit_id)
            WHERE b.tenant_id = %(tenant)s AND b.offering_id = %(offering)s AND c.released_at IS NULL
              AND b.status IN ('confirmed', 'in_progress', 'completed')
         ORDER BY u.position, c.unit_id, b.reference""",
        {"tenant": tenant_id, "offering": offering_id},
    )


async def kitchen_lines(conn: Connection, tenant_id: int, offering_id: int) -> list[Row]:
    """What they ordered, by booking."""
    return await _all(
        conn,
        """SELECT b.booking_id, l.label AS name, coalesce(m.category, 'other') AS category,
            sum(l.quantity)::integer AS quantity,
                  min(coalesce(m.position, 9999)) AS position
             FROM bookings b JOIN order_lines l USING (order_id) LEFT JOIN menu_items m USING (item_id)
            WHERE b.tenant_id = %(tenant)s AND b.offering_id = %(offering)s AND l.kind = 'menu'
              AND b.status IN ('confirmed', 'in_progress', 'completed')
         GROUP BY b.booking_id, l.label, coalesce(m.category, 'other')
         ORDER BY 3, 5, 2""",
        {"tenant": tenant_id, "offering": offering_id},
    )


async def search(
    conn: Connection,
    tenant_id: int,
    text: str,
    status: str | None,
    limit: int,
    before: tuple[datetime, str] | None,
) -> list[Row]:
    """By name, e-mail, phone, reference, ids of ours and of Stripe's, last four digits; newest first."""
    return await _all(
        conn,
        """SELECT b.booking_id, b.order_id, b.reference, b.status, b.contact_name, b.contact_email, b.seats, b.created_at,
                  b.offering_id, f.title, coalesce(o.starts_at, f.starts_at) AS starts_at, f.time_zone, o.amount, o.currency,
                  coalesce((SELECT sum(p.captured)
                      FROM payments p WHERE p.order_id = o.order_id AND p.purpose = 'order'), 0)::bigint
                      AS amount_paid,
                  coalesce((SELECT sum(r.amount)
                      FROM refunds r WHERE r.order_id = o.order_id AND r.status <> 'failed'), 0)::bigint
                      AS amount_refunded,
                  EXISTS (SELECT FROM disputes d WHERE d.order_id = o.order_id
                             AND d.status NOT IN ('won', 'warning_closed', 'prevented')) AS disputed
             FROM bookings b JOIN orders o USING (order_id) JOIN offerings f ON f.offering_id = b.offering_id
            WHERE b.tenant_id = %(tenant)s AND (%(status)s::text IS NULL OR b.status = %(status)s)
              AND (%(before_at)s::timestamptz IS NULL OR (b.created_at, b.booking_id) < (%(before_at)s, %(before_id)s))
              AND (%(text)s = '' OR b.reference = upper(%(text)s) OR b.booking_id = %(text)s OR b.order_id = %(text)s
                   OR b.contact_email = lower(%(text)s) OR b.contact_name ILIKE %(like)s OR b.contact_email ILIKE %(like)s
                   OR b.contact_phone LIKE %(phone)s
                   OR EXISTS (SELECT FROM attempts a WHERE a.order_id = b.order_id
                                 AND %(text)s IN (a.attempt_id, a.session_id, a.payment_intent_id))
                   OR EXISTS (SELECT FROM payments p WHERE p.order_id = b.order_id
                                 AND %(text)s IN (p.payment_intent_id, p.charge_id, p.card_last4)))
         ORDER BY b.created_at DESC, b.booking_id DESC LIMIT %(limit)s""",
        {
            "tenant": tenant_id,
            "text": text,
            "like": f"%{_escaped(text)}%",
            "phone": f"%{_escaped(text.lstrip('+0').replace(' ', ''))}" if _is_number(text) else "-",
            "status": status,
            "limit": limit,
            "before_at": before[0] if before else None,
            "before_id": before[1] if before else None,
        },
    )


async def booking_position(conn: Connection, tenant_id: int, booking_id: str) -> Row | None:
    """Where a page of the search ended."""
    rows = await _all(
        conn,
        "SELECT created_at, booking_id FROM bookings WHERE tenant_id = %(tenant)s AND booking_id = %(id)s",
        {"tenant": tenant_id, "id": booking_id},
    )
    return rows[0] if rows else None


def _is_number(text: str) -> bool:
    return len(text) >= 6 and text.lstrip("+").replace(" ", "").isdigit()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
