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
    "customer": "SELECT order_id FROM orders WHERE customer_id = %(what)s",
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
                UNION SELECT order_id FROM orders JOIN customers USING (customer_id) WHERE email = %(what)s""",
    "phone": """SELECT order_id FROM bookings WHERE contact_phone = %(what)s
                UNION SELECT order_id FROM orders JOIN customers USING (customer_id) WHERE phone = %(what)s""",
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
                          m.created_at, m.sent_at, m.delivered_at, m.error
                     FROM messages m JOIN bookings b USING (booking_id) WHERE b.order_id = ANY(%s) ORDER BY m.created_at""",
    "message_tries": """SELECT b.order_id, m.kind, m.channel, t.try_no, t.tried_at, t.outcome, t.detail
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
