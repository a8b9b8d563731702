"""All the SQL of arrivals. One function, one statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.database.connection import Connection
from holdfast.door.rules import Code
from holdfast.ids import sha256

Row = dict[str, Any]


async def _all(conn: Connection, query: Any, params: Mapping[str, Any]) -> list[Row]:
    return await (await conn.execute(query, params)).fetchall()


async def booking_of_code(conn: Connection, tenant_id: int, code: Code) -> Row | None:
    """The tenant's booking that the code names, with its evening; whatever its status."""
    rows = await _all(
        conn,
        """SELECT b.booking_id, b.order_id, b.tenant_id, b.offering_id, b.status, b.reference, b.contact_name, b.seats,
                  f.title, coalesce(o.starts_at, f.starts_at) AS starts_at, f.time_zone
             FROM bookings b JOIN orders o USING (order_id) JOIN offerings f ON f.offering_id = b.offering_id
            WHERE b.tenant_id = %(tenant)s AND (b.token_hash = %(hash)s OR b.reference = %(reference)s)""",
        {
            "tenant": tenant_id,
            "hash": sha256(code.token) if code.token else None,
            "reference": code.reference,
        },
    )
    return rows[0] if rows else None


async def arrival(conn: Connection, booking_id: str) -> Row | None:
    rows = await _all(conn, "SELECT * FROM arrivals WHERE booking_id = %(id)s", {"id": booking_id})
    return rows[0] if rows else None


async def insert_arrival(conn: Connection, row: Row) -> None:
    """Under the order's lock, after `arrival` has found none."""
    await conn.execute(
        """INSERT INTO arrivals (booking_id, tenant_id, at, recorded_at, actor, scan_id)
           VALUES (%(booking_id)s, %(tenant_id)s, %(at)s, %(recorded_at)s, %(actor)s, %(scan_id)s)""",
        row,
    )


async def delete_arrival(conn: Connection, booking_id: str) -> None:
    await conn.execute("DELETE FROM arrivals WHERE booking_id = %(id)s", {"id": booking_id})


async def order_of_booking(conn: Connection, tenant_id: int, offering_id: int, booking_id: str) -> str | None:
    rows = await _all(
        conn,
        """SELECT order_id FROM bookings
            WHERE booking_id = %(id)s AND tenant_id = %(tenant)s AND offering_id = %(offering)s""",
        {"id": booking_id, "tenant": tenant_id, "offering": offering_id},
    )
    return rows[0]["order_id"] if rows else None


async def guests(conn: Connection, tenant_id: int, offering_id: int) -> list[Row]:
    """Everybody who comes or has come, with tables, by name. Those who came and were cancelled since are not listed."""
    return await _all(
        conn,
        """SELECT b.booking_id, b.reference, b.contact_name AS name, b.seats AS guests, a.at AS arrived_at, a.actor,
                  coalesce((b.metadata->>'late_minutes')::integer, 0) AS late_minutes,
                  coalesce((SELECT string_agg(u.label, ', ' ORDER BY u.position, u.unit_id)
                              FROM claims c JOIN units u USING (unit_id)
                             WHERE c.booking_id = b.booking_id AND c.released_at IS NULL), '') AS tables
             FROM bookings b LEFT JOIN arrivals a USING (booking_id)
            WHERE b.tenant_id = %(tenant)s AND b.offering_id = %(offering)s
              AND b.status IN ('confirmed', 'in_progress', 'completed', 'no_show')
         ORDER BY lower(b.contact_name), b.reference""",
        {"tenant": tenant_id, "offering": offering_id},
    )
