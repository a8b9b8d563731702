"""All the SQL of orders' state, bookings and claims. One function, one statement."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection
from holdfast.ids import sha256

Row = dict[str, Any]


async def _one(conn: Connection, query: Any, params: dict[str, Any]) -> Row | None:
    return await (await conn.execute(query, params)).fetchone()


async def _all(conn: Connection, query: Any, params: dict[str, Any]) -> list[Row]:
    return await (await conn.execute(query, params)).fetchall()


async def take_hold(conn: Connection, request: dict[str, Any], now: datetime) -> Row:
    """The SQL function of schema.sql: one round trip, whole or not at all."""
    row = await _one(
        conn, "SELECT take_hold(%(request)s, %(now)s) AS answer", {"request": Jsonb(request), "now": now}
    )
    assert row is not None
    answer: Row = row["answer"]
    return answer


async def change_hold(conn: Connection, request: dict[str, Any], now: datetime) -> Row:
    """The SQL function of schema.sql: other seats and dishes for a hold, whole or not at all. The order is locked."""
    row = await _one(
        conn, "SELECT change_hold(%(request)s, %(now)s) AS answer", {"request": Jsonb(request), "now": now}
    )
    assert row is not None
    answer: Row = row["answer"]
    return answer


async def lock_number(conn: Connection, tenant_id: int, offering_id: int, phone: str) -> None:
    """Until the transaction ends nobody else begins a booking of this event for this number: calls that come twice at once wait
    for each other."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{tenant_id}:{offering_id}:{phone}",)
    )


async def pending_of_phone(
    conn: Connection, tenant_id: int, offering_id: int, phone: str, now: datetime
) -> Row | None:
    """The booking that an SMS began for this number and event, and that still waits, with its last SMS."""
    return await _one(
        conn,
        """SELECT b.booking_id, b.order_id, b.reference, b.expires_at, m.message_id AS last_message_id, m.created_at AS last_at,
                  m.status AS last_status,
                  (SELECT count(*) FROM messages c WHERE c.booking_id = b.booking_id AND c.kind = 'booking_started') AS times
             FROM bookings b JOIN orders o USING (order_id)
        LEFT JOIN LATERAL (SELECT * FROM messages s WHERE s.booking_id = b.booking_id AND s.kind = 'booking_started'
                         ORDER BY s.created_at DESC, s.message_id DESC LIMIT 1) m ON true
            WHERE b.tenant_id = %(tenant)s AND b.offering_id = %(offering)s AND b.contact_phone = %(phone)s AND o.source = 'sms'
              AND b.status = 'pending' AND b.expires_at > %(now)s AND o.cancel_requested_at IS NULL
         ORDER BY b.created_at DESC LIMIT 1""",
        {"tenant": tenant_id, "offering": offering_id, "phone": phone, "now": now},
    )


async def move_order(conn: Connection, order_id: str, to: str, *, stuck_reason: str | None = None) -> None:
    """The order's next status; the booking's follows by foreign key. PostgreSQL refuses unknown steps."""
    await conn.execute(
        "UPDATE orders SET status = %(to)s, stuck_reason = %(why)s WHERE order_id = %(id)s",
        {"id": order_id, "to": to, "why": stuck_reason},
    )


async def mark_confirmed(conn: Connection, booking_id: str, now: datetime) -> None:
    await conn.execute(
        "UPDATE bookings SET confirmed_at = coalesce(confirmed_at, %(now)s), ended_at = NULL WHERE booking_id = %(id)s",
        {"id": booking_id, "now": now},
    )


async def mark_ended(conn: Connection, booking_id: str, now: datetime) -> None:
    await conn.execute(
        "UPDATE bookings SET ended_at = %(now)s WHERE booking_id = %(id)s", {"id": booking_id, "now": now}
    )


async def mark_cancel_requested(conn: Connection, order_id: str, now: datetime) -> None:
    await conn.execute(
        "UPDATE orders SET cancel_requested_at = coalesce(cancel_requested_at, %(now)s) WHERE order_id = %(id)s",
        {"id": order_id, "now": now},
    )


async def extend_hold(conn: Connection, booking_id: str, expires_at: datetime) -> None:
    await conn.execute(
        "UPDATE bookings SET expires_at = %(at)s WHERE booking_id = %(id)s",
        {"id": booking_id, "at": expires_at},
    )


async def release_claims(conn: Connection, booking_id: str, now: datetime) -> int:
    """Seats freed. Locks the units in id order."""
    row = await _one(conn, "SELECT release_claims(%(id)s, %(now)s) AS freed", {"id": booking_id, "now": now})
    return int(row["freed"]) if row else 0


async def retake_claims(conn: Connection, booking_id: str) -> bool:
    """Whether all the seats that the booking once had were free, and now are its own again."""
    row = await _one(conn, "SELECT retake_claims(%(id)s) AS taken", {"id": booking_id})
    return bool(row and row["taken"])


async def claims_of_booking(conn: Connection, booking_id: str) -> list[Row]:
    return await _all(
        conn,
        """SELECT c.*, u.label, u.capacity, u.taken, u.buffer FROM claims c JOIN units u USING (unit_id)
            WHERE booking_id = %(id)s ORDER BY unit_id""",
        {"id": booking_id},
    )


async def lock_free_units(conn: Connection, offering_id: int, *, buffer: bool) -> list[Row]:
    """The units of an offering with their free seats, locked in id order until the transaction ends."""
    return await _all(
        conn,
        """SELECT unit_id, label, capacity, capacity - taken AS free, pricing, price FROM units
            WHERE offering_id = %(id)s AND buffer = %(buffer)s ORDER BY unit_id FOR NO KEY UPDATE""",
        {"id": offering_id, "buffer": buffer},
    )


async def take_seats(conn: Connection, unit_id: int, seats: int) -> bool:
    """The one conditional update: False when they are not free."""
    cursor = await conn.execute(
        "UPDATE units SET taken = taken + %(seats)s WHERE unit_id = %(id)s AND taken + %(seats)s <= capacity",
        {"id": unit_id, "seats": seats},
    )
    return cursor.rowcount == 1


async def insert_claim(
    conn: Connection, booking_id: str, unit_id: int, seats: int, guests: int, released_at: datetime | None
) -> None:
    """Takes up again a claim that the booking had let go."""
    await conn.execute(
        """INSERT INTO claims (booking_id, unit_id, seats, guests, released_at)
           VALUES (%(booking)s, %(unit)s, %(seats)s, %(guests)s, %(released)s)
           ON CONFLICT (booking_id, unit_id)
           DO UPDATE SET seats = excluded.seats, guests = excluded.guests, released_at = excluded.released_at""",
        {"booking": booking_id, "unit": unit_id, "seats": seats, "guests": guests, "released": released_at},
    )


async def insert_order(conn: Connection, row: Row) -> None:
    await conn.execute(
        """INSERT INTO orders (order_id, tenant_id, offering_id, customer_id, status, amount, currency, source,
            offering_version,
                               refund_tiers, created_at)
           SELECT %(order_id)s, tenant_id, offering_id, %(customer_id)s, %(status)s, %(amount)s, %(currency)s,
               %(source)s, version,
                  refund_tiers, %(created_at)s
             FROM offerings WHERE offering_id = %(offering_id)s""",
        row,
    )


async def insert_order_line(conn: Connection, row: Row) -> None:
    await conn.execute(
        """INSERT INTO order_lines (order_id, line_no, kind, unit_id, item_id, label, quantity, unit_amount, amount)
           VALUES (%(order_id)s, %(line_no)s, %(kind)s, %(unit_id)s, %(item_id)s, %(label)s, %(quantity)s,
               %(unit_amount)s, %(amount)s)""",
        row,
    )


async def insert_booking(conn: Connection, row: Row) -> None:
    await conn.execute(
        """INSERT INTO bookings (booking_id, order_id, status, tenant_id, offering_id, reference, token_hash, contact_name,
                                 contact_email, contact_phone, seats, metadata, created_at, expires_at, hold_limit,
                                     confirmed_at)
           SELECT %(booking_id)s, order_id, status, tenant_id, offering_id, %(reference)s, %(token_hash)s, %(name)s,
               %(email)s,
                  %(phone)s, %(seats)s, %(metadata)s, %(created_at)s, %(expires_at)s, %(expires_at)s, %(confirmed_at)s
             FROM orders WHERE order_id = %(order_id)s""",
        {"confirmed_at": None, **row, "metadata": Jsonb(row["metadata"])},
    )


async def upsert_customer(conn: Connection, row: Row) -> str:
    """The tenant's customer with this e-mail address, or with this number where there is none; new or known."""
    found = await _one(
        conn,
        "SELECT customer_of(%(tenant_id)s, %(customer_id)s, %(name)s, %(email)s, %(phone)s, %(created_at)s) AS customer_id",
        row,
    )
    assert found is not None
    return str(found["customer_id"])


async def tell(
    conn: Connection, tenant_id: int, order_id: str, now: datetime, actor: str, what: str, **detail: Any
) -> None:
    """One line of the order's timeline."""
    await conn.execute(
        """INSERT INTO timeline (tenant_id, order_id, at, actor, what, detail)
           VALUES (%(tenant)s, %(order)s, %(at)s, %(actor)s, %(what)s, %(detail)s)""",
        {
            "tenant": tenant_id,
            "order": order_id,
            "at": now,
            "actor": actor,
            "what": what,
            "detail": Jsonb(detail),
        },
    )


async def offering(conn: Connection, offering_id: int) -> Row | None:
    """Of whatever kind: an event or a provider's service."""
    return await _one(conn, "SELECT * FROM offerings WHERE offering_id = %(id)s", {"id": offering_id})


async def booking(conn: Connection, booking_id: str) -> Row | None:
    return await _one(conn, "SELECT * FROM bookings WHERE booking_id = %(id)s", {"id": booking_id})


async def source_of(conn: Connection, order_id: str) -> str | None:
    """Where an order came from: page, api or sms."""
    row = await _one(conn, "SELECT source FROM orders WHERE order_id = %(id)s", {"id": order_id})
    return str(row["source"]) if row else None


async def booking_by_token(conn: Connection, token: str) -> Row | None:
    """By the hash of the secret: an index lookup of a hash tells nothing about the secret by its time."""
    return await _one(conn, "SELECT * FROM bookings WHERE token_hash = %(hash)s", {"hash": sha256(token)})


async def booking_by_reference(conn: Connection, reference: str, tenant_id: int | None = None) -> Row | None:
    """By reference or booking id."""
    return await _one(
        conn,
        """SELECT * FROM bookings
            WHERE (reference = %(reference)s OR booking_id = %(reference)s)
              AND (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s)
         ORDER BY created_at LIMIT 1""",
        {"reference": reference, "tenant": tenant_id},
    )


async def find_guest_booking(conn: Connection, reference: str, token: str) -> Row | None:
    """The booking that both the reference and the secret name; None unless both fit, in a time that tells nothing."""
    found = await booking_by_token(conn, token)
    named = found["reference"] if found else ""
    fits = hmac.compare_digest(named.encode(), reference.encode()[:64])
    return found if found and fits else None


async def units_by_name(conn: Connection, offering_id: int, names: list[str]) -> list[Row]:
    """Units named by id or label, as a foreign system may name them."""
    return await _all(
        conn,
        """SELECT unit_id, label, capacity, capacity - taken AS free, pricing, price FROM units
            WHERE offering_id = %(id)s AND (unit_id::text = ANY (%(names)s) OR lower(label) = ANY (%(lowered)s))
                ORDER BY unit_id""",
        {"id": offering_id, "names": names, "lowered": [name.lower() for name in names]},
    )


async def menu_by_name(conn: Connection, offering_id: int, names: list[str]) -> list[Row]:
    return await _all(
        conn,
        """SELECT item_id, name, price, category FROM menu_items
            WHERE offering_id = %(id)s AND (item_id::text = ANY (%(names)s) OR lower(name) = ANY (%(lowered)s))
                ORDER BY item_id""",
        {"id": offering_id, "names": names, "lowered": [name.lower() for name in names]},
    )


async def free_units(conn: Connection, offering_id: int) -> list[Row]:
    """What is still free, for the answer `sold_out`."""
    return await _all(
        conn,
        """SELECT unit_id, label, capacity - taken AS available FROM units
            WHERE offering_id = %(id)s AND NOT buffer AND taken < capacity ORDER BY position, unit_id""",
        {"id": offering_id},
    )


async def lock_units(conn: Connection, offering_id: int) -> int:
    """Locks an offering's units in id order: no hold or release can come between what follows. Says how many."""
    cursor = await conn.execute(
        "SELECT FROM units WHERE offering_id = %(id)s ORDER BY unit_id FOR NO KEY UPDATE", {"id": offering_id}
    )
    return cursor.rowcount


async def correct_counts(conn: Connection, offering_id: int) -> list[Row]:
    """Sets `taken` to the sum of the live claims wherever it differs; says what it was and is. A statement of its own after
    lock_units, because it must see what was committed while that one waited. More claims than capacity is left to the law."""
    return await _all(
        conn,
        """WITH counted AS (
               SELECT u.unit_id, u.taken AS before, coalesce(sum(c.seats), 0)::integer AS after
                 FROM units u LEFT JOIN claims c ON c.unit_id = u.unit_id AND c.released_at IS NULL
                WHERE u.offering_id = %(id)s
             GROUP BY u.unit_id, u.taken)
           UPDATE units u SET taken = counted.after FROM counted
            WHERE u.unit_id = counted.unit_id AND counted.before <> counted.after AND counted.after <= u.capacity
        RETURNING u.unit_id, u.label, counted.before, counted.after""",
        {"id": offering_id},
    )


async def event_is_of_tenant(conn: Connection, event_id: int, tenant_id: int) -> bool:
    row = await _one(
        conn,
        "SELECT 1 AS yes FROM offerings WHERE offering_id = %(id)s AND tenant_id = %(tenant)s AND kind = 'event'",
        {"id": event_id, "tenant": tenant_id},
    )
    return row is not None


async def offerings_with_units(conn: Connection, tenant_id: int | None) -> list[int]:
    rows = await _all(
        conn,
        """SELECT DISTINCT offering_id FROM units WHERE %(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s
            ORDER BY offering_id""",
        {"tenant": tenant_id},
    )
    return [row["offering_id"] for row in rows]


async def placed(conn: Connection, booking_id: str) -> Row | None:
    """A booking with what its payment page needs."""
    return await _one(
        conn,
        """SELECT b.order_id, b.booking_id, o.customer_id, b.reference, b.status, o.amount, o.currency, b.expires_at,
                  a.session_id AS checkout_session_id, a.checkout_url
             FROM bookings b JOIN orders o USING (order_id)
        LEFT JOIN attempts a ON a.order_id = b.order_id AND a.status IN ('planned', 'open')
            WHERE b.booking_id = %(id)s""",
        {"id": booking_id},
    )


async def set_late(conn: Connection, booking_id: str, minutes: int) -> bool:
    """How much later its guests come; False when that was known."""
    done = await conn.execute(
        """UPDATE bookings SET metadata = metadata || jsonb_build_object('late_minutes', %(minutes)s::integer)
            WHERE booking_id = %(id)s AND coalesce((metadata->>'late_minutes')::integer, 0) <> %(minutes)s""",
        {"id": booking_id, "minutes": minutes},
    )
    return done.rowcount == 1
