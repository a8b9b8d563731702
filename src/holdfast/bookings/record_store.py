"""The SQL that makes a lost booking again. One function, one thing; all of it under the order's lock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.ids import booking_token, sha256
from holdfast.system import System

Row = dict[str, Any]


async def order_without_booking(conn: Connection, order_id: str) -> Row | None:
    """Locks the order. None when there is nothing to mend. The lock is a statement of its own: the next one sees the booking that
    another made while this one waited."""
    await conn.execute("SELECT FROM orders WHERE order_id = %s FOR UPDATE", (order_id,))
    rows = await conn.execute(
        """SELECT o.*, c.name, c.email, c.phone, f.kind, f.provider_id
             FROM orders o JOIN customers c USING (customer_id) JOIN offerings f ON f.offering_id = o.offering_id
            WHERE order_id = %s AND o.status IN ('pending', 'requested', 'confirmed', 'in_progress', 'completed')
              AND NOT EXISTS (SELECT FROM bookings b WHERE b.order_id = o.order_id)""",
        (order_id,),
    )
    return await rows.fetchone()


async def insert_lost_booking(conn: Connection, system: System, now: datetime, order: Row) -> str:
    """Under its order's lock. A request keeps its own deadline, a hold begins anew; an appointment is for one."""
    booking_id = system.ids.new("bkg")
    await conn.execute(
        """INSERT INTO bookings (booking_id, order_id, status, tenant_id, offering_id, reference, token_hash, contact_name,
                                 contact_email, contact_phone, seats, metadata, created_at, expires_at, hold_limit,
                                     confirmed_at)
           SELECT %(booking_id)s, o.order_id, o.status, o.tenant_id, o.offering_id, %(reference)s, %(token_hash)s, %(name)s,
                  %(email)s, %(phone)s, CASE f.kind WHEN 'appointment' THEN 1 ELSE coalesce(s.guests, 0) END,
                  '{"rebuilt_by": "order_has_booking"}', o.created_at,
                  CASE o.status WHEN 'requested' THEN o.respond_by
                       ELSE %(now)s::timestamptz + make_interval(mins => f.hold_minutes) END,
                  %(now)s::timestamptz + make_interval(mins => f.hold_minutes + 15),
                  CASE WHEN o.status NOT IN ('pending', 'requested') THEN coalesce(p.charged_at, p.recorded_at,
                      o.created_at) END
             FROM orders o
             JOIN offerings f ON f.offering_id = o.offering_id
        LEFT JOIN payments p ON p.order_id = o.order_id AND p.purpose = 'order'
        LEFT JOIN (SELECT l.order_id, sum(l.quantity) AS guests
            FROM order_lines l WHERE l.kind = 'unit' GROUP BY l.order_id) s ON s.order_id = o.order_id
            WHERE o.order_id = %(order_id)s""",
        {
            "booking_id": booking_id,
            "order_id": order["order_id"],
            "reference": system.ids.reference(),
            "token_hash": sha256(booking_token(system.settings.secret_key, booking_id)),
            "name": order["name"],
            "email": order["email"],
            "phone": order["phone"],
            "now": now,
        },
    )
    return booking_id


async def take_slot_again(conn: Connection, booking_id: str, order: Row, now: datetime) -> str | None:
    """The slot of an appointment that has one: chosen by the customer, or proposed and accepted. None when it has it, or needs
    none; else the words for what is taken. Locks the provider's row, then the slot. What the lost booking still claims of this
    very slot is let go first: it is this slot."""
    service = await (
        await conn.execute(
            "SELECT timing, provider_id FROM services WHERE offering_id = %s", (order["offering_id"],)
        )
    ).fetchone()
    accepted = order["accepted_at"] is not None or order["status"] not in {"pending", "requested"}
    if service is None or order["starts_at"] is None or (service["timing"] == "proposed" and not accepted):
        return None
    await conn.execute(
        "SELECT FROM providers WHERE provider_id = %s FOR NO KEY UPDATE", (service["provider_id"],)
    )
    own = {"offering": order["offering_id"], "starts": order["starts_at"], "now": now}
    await conn.execute(
        """UPDATE claims c SET released_at = %(now)s FROM units u
            WHERE u.unit_id = c.unit_id AND u.kind = 'slot' AND u.offering_id = %(offering)s AND lower(u.during) = %(starts)s
              AND c.released_at IS NULL AND NOT EXISTS (SELECT FROM bookings b WHERE b.booking_id = c.booking_id)""",
        own,
    )
    await conn.execute(
        """UPDATE units u SET taken = 0
            WHERE u.kind = 'slot' AND u.offering_id = %(offering)s AND lower(u.during) = %(starts)s AND u.taken > 0
              AND NOT EXISTS (SELECT FROM claims c WHERE c.unit_id = u.unit_id AND c.released_at IS NULL)""",
        own,
    )
    row = await (
        await conn.execute(
            "SELECT take_slot(%(booking)s, %(offering)s, %(starts)s) AS taken",
            {"booking": booking_id, **own},
        )
    ).fetchone()
    return None if row and row["taken"] else f"{order['starts_at']:%Y-%m-%d %H:%M} UTC"


async def orders_of_provider_without_booking(conn: Connection, provider_id: int) -> list[str]:
    rows = await (
        await conn.execute(
            """SELECT o.order_id FROM services s JOIN orders o ON o.offering_id = s.offering_id
                WHERE s.provider_id = %s AND o.status IN ('pending', 'requested', 'confirmed', 'in_progress', 'completed')
                  AND NOT EXISTS (SELECT FROM bookings b WHERE b.order_id = o.order_id) ORDER BY o.created_at""",
            (provider_id,),
        )
    ).fetchall()
    return [row["order_id"] for row in rows]


async def take_seats_again(conn: Connection, booking_id: str, order_id: str, now: datetime) -> str | None:
    """Claims what the lines say, all or nothing; the label of the first unit that is too full. The lost booking's claims, if they
    are still there, are let go first: their seats are these seats."""
    await conn.execute(
        """SELECT FROM units WHERE unit_id IN (SELECT unit_id FROM order_lines WHERE order_id = %s AND kind = 'unit')
         ORDER BY unit_id FOR NO KEY UPDATE""",
        (order_id,),
    )
    await conn.execute(
        """UPDATE claims c SET released_at = %s FROM order_lines l
            WHERE l.order_id = %s AND l.kind = 'unit' AND l.unit_id = c.unit_id AND c.released_at IS NULL
              AND NOT EXISTS (SELECT FROM bookings b WHERE b.booking_id = c.booking_id)""",
        (now, order_id),
    )
    wanted = await (
        await conn.execute(
            """SELECT u.unit_id, u.label, u.capacity, l.quantity AS guests,
                      CASE u.pricing WHEN 'per_unit' THEN u.capacity ELSE l.quantity END AS seats,
                      coalesce((SELECT sum(c.seats)
                          FROM claims c WHERE c.unit_id = u.unit_id AND c.released_at IS NULL), 0) AS taken
                 FROM order_lines l JOIN units u USING (unit_id) WHERE l.order_id = %s AND l.kind = 'unit'
                     ORDER BY u.unit_id""",
            (order_id,),
        )
    ).fetchall()
    full = next((unit["label"] for unit in wanted if unit["taken"] + unit["seats"] > unit["capacity"]), None)
    if full is not None:
        return str(full)
    for unit in wanted:
        await conn.execute(
            "INSERT INTO claims (booking_id, unit_id, seats, guests) VALUES (%s, %s, %s, %s)",
            (booking_id, unit["unit_id"], unit["seats"], unit["guests"]),
        )
        await conn.execute(
            "UPDATE units SET taken = %s WHERE unit_id = %s", (unit["taken"] + unit["seats"], unit["unit_id"])
        )
    return None


async def count_orders(conn: Connection, order_id: str | None) -> Row:
    """How many live orders there are, and how many of them have their booking."""
    row = await (
        await conn.execute(
            """SELECT count(*) AS orders, count(b.booking_id) AS with_bookings
                 FROM orders o LEFT JOIN bookings b USING (order_id)
                WHERE o.status IN ('pending', 'requested', 'confirmed', 'in_progress', 'completed')
                  AND (%(id)s::text IS NULL OR o.order_id = %(id)s)""",
            {"id": order_id},
        )
    ).fetchone()
    assert row is not None
    return row


async def orders_without_booking(conn: Connection, order_id: str | None) -> list[str]:
    rows = await (
        await conn.execute(
            """SELECT o.order_id FROM orders o
                WHERE o.status IN ('pending', 'requested', 'confirmed', 'in_progress', 'completed')
                  AND NOT EXISTS (SELECT FROM bookings b WHERE b.order_id = o.order_id)
                  AND (%(id)s::text IS NULL OR o.order_id = %(id)s) ORDER BY o.created_at""",
            {"id": order_id},
        )
    ).fetchall()
    return [row["order_id"] for row in rows]


async def order_facts(conn: Connection, order_id: str) -> Row | None:
    """What validate_order_booking compares."""
    return await (
        await conn.execute(
            """SELECT o.order_id, o.status, o.amount, b.booking_id, b.status AS booking_status, b.seats,
                      coalesce((SELECT sum(l.amount) FROM order_lines l WHERE l.order_id = o.order_id), 0)::bigint AS lines,
                      f.kind, o.starts_at, o.accepted_at, s.timing,
                      coalesce((SELECT sum(c.guests) FROM claims c
                                 WHERE c.booking_id = b.booking_id AND c.released_at IS NULL), 0)::integer AS claimed
                 FROM orders o JOIN offerings f USING (offering_id) LEFT JOIN services s USING (offering_id)
            LEFT JOIN bookings b USING (order_id) WHERE o.order_id = %(id)s""",
            {"id": order_id},
        )
    ).fetchone()
