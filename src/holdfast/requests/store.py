"""All the SQL of requests. One function, one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def _one(conn: Connection, query: Any, params: dict[str, Any]) -> Row | None:
    return await (await conn.execute(query, params)).fetchone()


async def _all(conn: Connection, query: Any, params: dict[str, Any]) -> list[Row]:
    return await (await conn.execute(query, params)).fetchall()


async def take_request(conn: Connection, request: Row, now: datetime) -> Row:
    """The SQL function of schema.sql: whole or not at all. Locks the provider when a slot is taken."""
    row = await _one(
        conn, "SELECT take_request(%(request)s, %(now)s) AS answer", {"request": Jsonb(request), "now": now}
    )
    assert row is not None
    answer: Row = row["answer"]
    return answer


async def mark_requested(conn: Connection, order_id: str, now: datetime, respond_by: datetime) -> None:
    """The order waits for the provider's answer."""
    await conn.execute(
        "UPDATE orders SET status = 'requested', requested_at = %(now)s, respond_by = %(by)s WHERE order_id = %(id)s",
        {"id": order_id, "now": now, "by": respond_by},
    )


async def mark_accepted(conn: Connection, order_id: str, now: datetime) -> None:
    await conn.execute(
        "UPDATE orders SET accepted_at = coalesce(accepted_at, %(now)s) WHERE order_id = %(id)s",
        {"id": order_id, "now": now},
    )


async def mark_declined(conn: Connection, order_id: str, reason: str) -> None:
    await conn.execute(
        "UPDATE orders SET status = 'declined', decline_reason = %(why)s WHERE order_id = %(id)s",
        {"id": order_id, "why": reason},
    )


async def mark_moved(
    conn: Connection,
    order_id: str,
    starts_at: datetime,
    ends_at: datetime,
    respond_by: datetime | None,
    refund_at_most: int,
) -> None:
    """Another time was agreed; the deadline of one that waits never lies after it. `refund_at_most`: percent."""
    await conn.execute(
        """WITH moved AS (
               UPDATE orders SET starts_at = %(starts)s, ends_at = %(ends)s, respond_by = coalesce(%(by)s, respond_by),
                                 times_rescheduled = times_rescheduled + 1,
                                 refund_at_most = least(refund_at_most, %(percent)s)
                WHERE order_id = %(id)s)
           UPDATE bookings SET expires_at = coalesce(%(by)s, expires_at) WHERE order_id = %(id)s AND status = 'requested'""",
        {"id": order_id, "starts": starts_at, "ends": ends_at, "by": respond_by, "percent": refund_at_most},
    )


async def restore_request(conn: Connection, order_id: str, starts_at: datetime | None, details: str) -> None:
    """What a rebuilt order agreed to. It ends as long after its beginning as the service lasts now."""
    await conn.execute(
        """UPDATE orders o
              SET starts_at = %(starts)s, ends_at = %(starts)s::timestamptz + make_interval(mins => s.duration_minutes),
                  details = %(details)s
             FROM services s WHERE s.offering_id = o.offering_id AND o.order_id = %(id)s""",
        {"id": order_id, "starts": starts_at, "details": details},
    )


async def take_slot(conn: Connection, booking_id: str, offering_id: int, starts_at: datetime) -> bool:
    """Whether the provider's time is this booking's now. Locks the provider; the order is locked by the caller."""
    row = await _one(
        conn,
        "SELECT take_slot(%(booking)s, %(offering)s, %(starts)s) AS taken",
        {"booking": booking_id, "offering": offering_id, "starts": starts_at},
    )
    return bool(row and row["taken"])


async def slot_is_free(conn: Connection, offering_id: int, starts_at: datetime, ends_at: datetime) -> bool:
    """Whether nothing of the provider's is in the way of the time that was agreed, the service's buffers included. True for as
    long as the provider is locked."""
    row = await _one(
        conn,
        """SELECT NOT EXISTS (
               SELECT FROM units u
                WHERE u.provider_id = s.provider_id AND u.taken > 0
                  AND u.blocked && tstzrange(%(starts)s - make_interval(mins => s.buffer_before_minutes),
                      %(ends)s + make_interval(mins => s.buffer_after_minutes))) AS free
             FROM services s WHERE s.offering_id = %(offering)s""",
        {"offering": offering_id, "starts": starts_at, "ends": ends_at},
    )
    return bool(row and row["free"])


async def offers_slot(
    conn: Connection, offering_id: int, starts_at: datetime, now: datetime, booking_id: str
) -> bool:
    """Whether it is one of the free slots, the booking's own not counted."""
    row = await _one(
        conn,
        """SELECT EXISTS (
               SELECT FROM free_slots(ARRAY[%(offering)s::bigint], %(starts)s,
                                      %(starts)s::timestamptz + interval '1 microsecond', %(now)s, %(booking)s)) AS yes""",
        {"offering": offering_id, "starts": starts_at, "now": now, "booking": booking_id},
    )
    return bool(row and row["yes"])


async def is_taken(conn: Connection, offering_id: int, starts_at: datetime, booking_id: str) -> bool:
    """Whether something else of the provider's is in the way: what tells a taken slot from a time that is not offered."""
    row = await _one(
        conn,
        """SELECT EXISTS (
               SELECT FROM services s JOIN units u ON u.provider_id = s.provider_id
                WHERE s.offering_id = %(offering)s AND u.taken > 0
                  AND u.blocked && tstzrange(%(starts)s - make_interval(mins => s.buffer_before_minutes),
                      %(starts)s + make_interval(mins => s.duration_minutes + s.buffer_after_minutes))
                  AND NOT EXISTS (SELECT FROM claims c WHERE c.unit_id = u.unit_id AND c.booking_id = %(booking)s
                                     AND c.released_at IS NULL)) AS yes""",
        {"offering": offering_id, "starts": starts_at, "booking": booking_id},
    )
    return bool(row and row["yes"])


async def nearest_slots(
    conn: Connection, offering_id: int, around: datetime, now: datetime, booking_id: str | None, limit: int
) -> list[Row]:
    """The free slots that begin nearest to a time, within two weeks before and after it, in the order of their beginning."""
    return await _all(
        conn,
        """SELECT * FROM (
               SELECT * FROM free_slots(ARRAY[%(offering)s::bigint], greatest(%(around)s - interval '14 days', %(now)s),
                                        %(around)s::timestamptz + interval '14 days', %(now)s, %(booking)s)
             ORDER BY greatest(starts_at - %(around)s, %(around)s - starts_at), starts_at LIMIT %(limit)s) AS nearest
         ORDER BY starts_at""",
        {"offering": offering_id, "around": around, "now": now, "booking": booking_id, "limit": limit},
    )


async def lock_provider(conn: Connection, provider_id: int) -> None:
    """The provider's diary: whoever takes or moves a slot holds it."""
    await conn.execute(
        "SELECT FROM providers WHERE provider_id = %(id)s FOR NO KEY UPDATE", {"id": provider_id}
    )


async def service(conn: Connection, offering_id: int) -> Row | None:
    return await _one(conn, "SELECT * FROM services WHERE offering_id = %(id)s", {"id": offering_id})


async def insert_link(conn: Connection, row: Row) -> str:
    """The request's one answer link, new or known."""
    found = await _one(
        conn,
        """WITH made AS (
               INSERT INTO action_links (link_id, tenant_id, purpose, provider_id, order_id, created_at, expires_at)
               VALUES (%(link_id)s, %(tenant_id)s, 'answer_request', %(provider_id)s, %(order_id)s, %(created_at)s,
                       %(expires_at)s)
               ON CONFLICT (order_id, provider_id) WHERE purpose = 'answer_request' DO NOTHING RETURNING link_id)
           SELECT link_id FROM made
     UNION SELECT link_id FROM action_links
            WHERE purpose = 'answer_request' AND order_id = %(order_id)s AND provider_id = %(provider_id)s""",
        row,
    )
    assert found is not None
    return str(found["link_id"])


async def link(conn: Connection, link_id: str) -> Row | None:
    return await _one(conn, "SELECT * FROM action_links WHERE link_id = %(id)s", {"id": link_id})


async def lock_link(conn: Connection, link_id: str) -> Row | None:
    return await _one(conn, "SELECT * FROM action_links WHERE link_id = %(id)s FOR UPDATE", {"id": link_id})


async def use_link(conn: Connection, link_id: str, used_for: str, now: datetime) -> None:
    await conn.execute(
        "UPDATE action_links SET used_at = %(now)s, used_for = %(used_for)s WHERE link_id = %(id)s AND used_at IS NULL",
        {"id": link_id, "used_for": used_for, "now": now},
    )


async def overdue(conn: Connection, now: datetime, limit: int, but: list[str]) -> list[str]:
    """Orders whose provider has not answered in time. Decided on again under the order's lock."""
    rows = await _all(
        conn,
        """SELECT order_id FROM bookings b JOIN orders o USING (order_id)
            WHERE b.status = 'requested' AND b.expires_at <= %(now)s AND o.accepted_at IS NULL
              AND order_id <> ALL (%(but)s::text[])
         ORDER BY b.expires_at LIMIT %(limit)s""",
        {"now": now, "limit": limit, "but": but},
    )
    return [row["order_id"] for row in rows]


async def waiting_without_reminder(conn: Connection, now: datetime, limit: int) -> list[Row]:
    """Requests without an answer whose provider was not reminded yet."""
    return await _all(
        conn,
        """SELECT o.order_id, o.requested_at, o.respond_by
             FROM orders o JOIN bookings b USING (order_id)
            WHERE b.status = 'requested' AND o.accepted_at IS NULL AND o.respond_by > %(now)s
              AND o.respond_by - least((o.respond_by - o.requested_at) / 4, interval '12 hours') <= %(now)s
              AND NOT EXISTS (SELECT FROM messages m WHERE m.booking_id = b.booking_id AND m.kind = 'request_reminder')
         ORDER BY o.respond_by LIMIT %(limit)s""",
        {"now": now, "limit": limit},
    )


async def requests_of_provider(conn: Connection, provider_id: int, limit: int) -> list[Row]:
    """Everything that was asked of a provider, the newest first, with the holds whose card is just being given. Holds that ended
    before are not shown: nobody has authorised anything."""
    return await _requests(conn, {"provider": provider_id, "booking": None, "limit": limit})


async def request_by_booking(conn: Connection, booking_id: str) -> Row | None:
    rows = await _requests(conn, {"provider": None, "booking": booking_id, "limit": 1})
    return rows[0] if rows else None


async def _requests(conn: Connection, params: dict[str, Any]) -> list[Row]:
    return await _all(
        conn,
        """SELECT b.booking_id, b.order_id, b.reference, b.status, b.contact_name, b.contact_email, b.contact_phone, b.created_at,
                  b.confirmed_at, b.ended_at, o.amount, o.currency, o.starts_at, o.ends_at, o.details, o.requested_at,
                  o.respond_by, o.accepted_at, o.decline_reason, o.times_rescheduled, f.offering_id, f.title, f.tenant_id,
                  s.provider_id, s.timing, p.name AS provider_name, p.time_zone,
                  EXISTS (SELECT FROM disputes d WHERE d.order_id = o.order_id AND d.closed_at IS NULL) AS disputed
             FROM bookings b JOIN orders o USING (order_id) JOIN offerings f ON f.offering_id = o.offering_id
             JOIN services s ON s.offering_id = f.offering_id JOIN providers p ON p.provider_id = s.provider_id
            WHERE (%(booking)s::text IS NULL OR b.booking_id = %(booking)s)
              AND (%(provider)s::bigint IS NULL
                   OR (s.provider_id = %(provider)s
                       AND (o.requested_at IS NOT NULL OR o.status NOT IN ('expired', 'cancelled'))))
         ORDER BY b.created_at DESC, b.booking_id DESC LIMIT %(limit)s""",
        params,
    )


async def booking_of_order(conn: Connection, order_id: str) -> str | None:
    row = await _one(conn, "SELECT booking_id FROM bookings WHERE order_id = %(id)s", {"id": order_id})
    return row["booking_id"] if row else None
