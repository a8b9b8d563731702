"""What the database knows about an order, from every table; and which orders somebody means by what they typed.

Every function is one statement that reads. Nothing here returns a secret: a booking's token is stored as a hash only.
"""

from __future__ import annotations

from typing import Any, LiteralString

from holdfast.database.connection import Connection

Row = dict[str, Any]
MOST_ORDERS = 20

# By what was typed: which orders. Each gets %(what)s and answers order ids; the newest order first is done around it.
ORDERS_BY: dict[str, LiteralString] = {
    "order": "SELECT order_id FROM orders WHERE order_id = %(what)s",
    "booking": "SELECT order_id FROM bookings WHERE booking_id = %(what)s",
    "reference": "SELECT order_id FROM bookings WHERE reference = %(what)s",
    "customer": """SELECT order_id FROM orders
                    WHERE customer_id = (SELECT coalesce(merged_into, customer_id) FROM customers
                                          WHERE customer_id = %(what)s)""",
    "attempt": "SELECT order_id FROM attempts WHERE attempt_id = %(what)s",
    "session": "SELECT order_id FROM attempts WHERE session_id = %(what)s",
    "intent": """SELECT order_id FROM attempts WHERE payment_intent_id = %(what)s
                 UNION SELECT order_id FROM payments WHERE payment_intent_id = %(what)s""",
    "charge": "SELECT order_id FROM payments WHERE charge_id = %(what)s",
    "payment": "SELECT order_id FROM payments WHERE payment_id = %(what)s",
    "refund": "SELECT order_id FROM refunds WHERE stripe_refund_id = %(what)s OR refund_id = %(what)s",
    "dispute": "SELECT order_id FROM disputes WHERE dispute_id = %(what)s",
    "message": "SELECT order_id FROM messages JOIN bookings USING (booking_id) WHERE message_id = %(what)s",
    "event": """SELECT order_id FROM webhook_events WHERE event_id = %(what)s AND order_id IS NOT NULL
                UNION SELECT a.order_id FROM webhook_events e
                        JOIN attempts a ON e.object_id IN (a.session_id, a.payment_intent_id) WHERE e.event_id = %(what)s""",
    "last4": "SELECT order_id FROM payments WHERE card_last4 = %(what)s",
    "email": """SELECT order_id FROM bookings WHERE contact_email = %(what)s
                UNION SELECT order_id FROM orders o JOIN customers c ON o.customer_id = coalesce(c.merged_into, c.customer_id)
                       WHERE c.email = %(what)s""",
    "phone": """SELECT order_id FROM bookings WHERE contact_phone = %(what)s
                UNION SELECT order_id FROM orders o JOIN customers c ON o.customer_id = coalesce(c.merged_into, c.customer_id)
                       WHERE c.phone = %(what)s""",
}


async def orders_by(conn: Connection, by: str, what: str, tenant_id: int | None) -> list[str]:
    """The newest MOST_ORDERS + 1 of them, so that the caller sees when there are more."""
    query: LiteralString = (
        "SELECT order_id FROM orders WHERE order_id IN (" + ORDERS_BY[by] + ")"  # noqa: S608 - from the table above
        " AND (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s) ORDER BY created_at DESC, order_id DESC LIMIT %(most)s"
    )
    values = {"what": what, "tenant": tenant_id, "most": MOST_ORDERS + 1}
    return [row["order_id"] for row in await (await conn.execute(query, values)).fetchall()]


async def orders_of_same_customers(conn: Connection, order_ids: list[str]) -> list[str]:
    cursor = await conn.execute(
        """SELECT order_id FROM orders WHERE customer_id IN (SELECT customer_id FROM orders WHERE order_id = ANY(%s))
        ORDER BY created_at DESC, order_id DESC LIMIT %s""",
        (order_ids, MOST_ORDERS + 1),
    )
    return [row["order_id"] for row in await cursor.fetchall()]


# One statement for each table, for a set of orders; every row carries its order_id.
TABLES: dict[str, LiteralString] = {
    "orders": """SELECT o.*, f.title, f.starts_at, f.time_zone, f.version AS version_now, t.slug AS tenant, t.locale,
                        c.name AS customer_name, c.email AS customer_email, c.phone AS customer_phone
                   FROM orders o JOIN offerings f USING (offering_id) JOIN tenants t ON t.tenant_id = o.tenant_id
                   JOIN customers c ON c.customer_id = o.customer_id WHERE order_id = ANY(%s)""",
    "bookings": """SELECT booking_id, order_id, status, reference, contact_name, contact_email, contact_phone, seats, created_at,
                          expires_at, hold_limit, confirmed_at, ended_at FROM bookings WHERE order_id = ANY(%s)""",
    "lines": """SELECT order_id, kind, label, quantity, unit_amount, amount FROM order_lines
                 WHERE order_id = ANY(%s) ORDER BY line_no""",
    "claims": """SELECT b.order_id, c.unit_id, u.label, c.seats, c.guests, c.released_at
                   FROM claims c JOIN bookings b USING (booking_id) JOIN units u USING (unit_id)
                  WHERE b.order_id = ANY(%s) ORDER BY c.unit_id""",
    "attempts": """SELECT attempt_id, order_id, kind, status, amount, currency, session_id, payment_intent_id, session_expires_at,
                          created_at, ask_at, asked_at, times_asked, last_error, closed_at
                     FROM attempts WHERE order_id = ANY(%s) ORDER BY created_at, attempt_id""",
    "payments": "SELECT * FROM payments WHERE order_id = ANY(%s) ORDER BY recorded_at, payment_id",
    "captures": "SELECT * FROM captures WHERE order_id = ANY(%s) ORDER BY created_at, capture_id",
    "refunds": "SELECT * FROM refunds WHERE order_id = ANY(%s) ORDER BY created_at, refund_id",
    "disputes": "SELECT * FROM disputes WHERE order_id = ANY(%s) ORDER BY opened_at",
    "messages": """SELECT b.order_id, m.message_id, m.kind, m.channel, m.recipient, m.status, m.cause, m.tries, m.try_at,
                          m.created_at, m.sent_at, m.delivered_at, m.error, m.provider_id, m.instead_of, m.segments,
                          abs(m.price)::text AS price, m.price_currency, m.body_text
                     FROM messages m JOIN bookings b USING (booking_id) WHERE b.order_id = ANY(%s) ORDER BY m.created_at""",
    "message_statuses": """SELECT b.order_id, s.message_id, s.at, s.status, s.source, s.detail
                             FROM message_statuses s JOIN messages m USING (message_id) JOIN bookings b USING (booking_id)
                            WHERE b.order_id = ANY(%s) ORDER BY s.entry_id""",
    # What came from the guest's number since the booking was begun and names no other booking.
    "answers": """SELECT b.order_id, i.inbound_id, i.sender, i.body, i.meaning, i.received_at, i.read_at, i.read_by
                    FROM inbound_messages i
                    JOIN bookings b ON b.tenant_id = i.tenant_id
                                   AND (i.booking_id = b.booking_id
                                        OR (i.booking_id IS NULL AND i.sender = b.contact_phone
                                            AND i.received_at >= b.created_at))
                   WHERE b.order_id = ANY(%s) ORDER BY i.received_at, i.inbound_id""",
    "opt_outs": """SELECT b.order_id, x.phone, x.at, x.cause, x.lifted_at
                     FROM opt_outs x JOIN bookings b ON b.tenant_id = x.tenant_id AND b.contact_phone = x.phone
                    WHERE b.order_id = ANY(%s) ORDER BY x.at""",
    "message_tries": """SELECT b.order_id, m.message_id, m.kind, m.channel, t.try_no, t.tried_at, t.outcome, t.detail
                          FROM message_tries t JOIN messages m USING (message_id) JOIN bookings b USING (booking_id)
                         WHERE b.order_id = ANY(%s) ORDER BY t.tried_at""",
    "timeline": "SELECT order_id, at, actor, what, detail FROM timeline WHERE order_id = ANY(%s) ORDER BY entry_id",
    "tasks": "SELECT * FROM tasks WHERE order_id = ANY(%s) ORDER BY created_at",
    "events": """SELECT DISTINCT ON (e.received_at, e.event_id) coalesce(e.order_id, a.order_id) AS order_id, e.event_id, e.type,
                        e.object_id, e.created_at, e.received_at, e.handled_at, e.outcome, e.tries, e.error, e.duplicates
                   FROM webhook_events e LEFT JOIN attempts a ON e.object_id IN (a.session_id, a.payment_intent_id)
                  WHERE coalesce(e.order_id, a.order_id) = ANY(%s) ORDER BY e.received_at, e.event_id""",
}


async def rows_of(conn: Connection, table: str, order_ids: list[str]) -> list[Row]:
    return [dict(row) for row in await (await conn.execute(TABLES[table], (order_ids,))).fetchall()]


async def event_row(conn: Connection, event_id: str) -> Row | None:
    cursor = await conn.execute(
        """SELECT event_id, type, object_id, created_at, received_at, handled_at, outcome, tries, error, duplicates
             FROM webhook_events WHERE event_id = %s""",
        (event_id,),
    )
    row = await cursor.fetchone()
    return dict(row) if row else None


# What was said to somebody, and answered, without any booking. Each gets %(what)s, %(tenant)s and %(orders)s.
LOOSE: dict[str, LiteralString] = {
    "customers": """SELECT customer_id, name, email, phone, created_at, merged_into FROM customers
                     WHERE (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s)
                       AND (%(what)s IN (customer_id, email, phone)
                            OR customer_id IN (SELECT customer_id FROM orders WHERE order_id = ANY(%(orders)s)))
                  ORDER BY created_at, customer_id LIMIT 20""",
    "messages": """SELECT m.message_id, m.kind, m.channel, m.recipient, m.status, m.cause, m.tries, m.try_at, m.created_at,
                          m.sent_at, m.delivered_at, m.error, m.provider_id, m.instead_of, m.segments,
                          abs(m.price)::text AS price, m.price_currency, m.body_text
                     FROM messages m
                    WHERE (%(tenant)s::bigint IS NULL OR m.tenant_id = %(tenant)s) AND m.booking_id IS NULL
                      AND (%(what)s IN (m.recipient, m.message_id, m.customer_id)
                           OR m.customer_id IN (SELECT customer_id FROM orders WHERE order_id = ANY(%(orders)s)))
                 ORDER BY m.created_at DESC, m.message_id DESC LIMIT 100""",
    "answers": """SELECT i.inbound_id, i.sender, i.body, i.meaning, i.received_at, i.read_at, i.read_by
                    FROM inbound_messages i
                   WHERE (%(tenant)s::bigint IS NULL OR i.tenant_id = %(tenant)s) AND i.booking_id IS NULL
                     AND (%(what)s IN (i.sender, i.customer_id)
                          OR i.customer_id IN (SELECT customer_id FROM orders WHERE order_id = ANY(%(orders)s)))
                     AND NOT EXISTS (SELECT FROM bookings b WHERE b.order_id = ANY(%(orders)s) AND b.tenant_id = i.tenant_id
                                        AND b.contact_phone = i.sender AND i.received_at >= b.created_at)
                ORDER BY i.received_at DESC LIMIT 100""",
    "opt_outs": """SELECT phone, at, cause, lifted_at FROM opt_outs
                    WHERE (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s)
                      AND phone IN (SELECT %(what)s UNION SELECT phone FROM customers WHERE %(what)s IN (customer_id, email))
                 ORDER BY at""",
}


async def loose_rows(
    conn: Connection, table: str, what: str, order_ids: list[str], tenant_id: int | None
) -> list[Row]:
    """Of LOOSE, what belongs to whom `what` names (an id, an e-mail address, a number) or to the customers of these orders."""
    values = {"what": what, "orders": order_ids, "tenant": tenant_id}
    return [dict(row) for row in await (await conn.execute(LOOSE[table], values)).fetchall()]


async def rows_of_messages(conn: Connection, message_ids: list[str]) -> tuple[list[Row], list[Row]]:
    """(statuses, tries) of messages without a booking."""
    statuses = await conn.execute(
        """SELECT message_id, at, status, source, detail FROM message_statuses
            WHERE message_id = ANY(%s) ORDER BY entry_id""",
        (message_ids,),
    )
    found = [dict(row) for row in await statuses.fetchall()]
    tries = await conn.execute(
        "SELECT message_id, try_no, tried_at, outcome, detail FROM message_tries WHERE message_id = ANY(%s) ORDER BY tried_at",
        (message_ids,),
    )
    return found, [dict(row) for row in await tries.fetchall()]


async def regions(conn: Connection, tenant_id: int | None) -> list[str]:
    """By which a number without a country code may be read: the tenant's, or every tenant's."""
    found = await conn.execute(
        "SELECT DISTINCT region FROM tenants WHERE %(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s ORDER BY region",
        {"tenant": tenant_id},
    )
    return [row["region"] for row in await found.fetchall()]
