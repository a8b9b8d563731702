"""The SQL of what is sold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def event(conn: Connection, event_id: int) -> Row | None:
    found = await conn.execute(
        "SELECT * FROM offerings WHERE offering_id = %s AND kind = 'event'", (event_id,)
    )
    return await found.fetchone()


async def lock_event(conn: Connection, event_id: int) -> Row | None:
    found = await conn.execute(
        "SELECT * FROM offerings WHERE offering_id = %s AND kind = 'event' FOR NO KEY UPDATE", (event_id,)
    )
    return await found.fetchone()


async def event_by_title(conn: Connection, tenant_id: int, title: str, starts_at: datetime) -> Row | None:
    found = await conn.execute(
        """SELECT * FROM offerings WHERE tenant_id = %s AND kind = 'event' AND title = %s AND starts_at = %s
         ORDER BY offering_id LIMIT 1 FOR NO KEY UPDATE""",
        (tenant_id, title, starts_at),
    )
    return await found.fetchone()


async def is_taken_by_another_kind(conn: Connection, offering_id: int) -> bool:
    found = await conn.execute(
        "SELECT FROM offerings WHERE offering_id = %s AND kind <> 'event'", (offering_id,)
    )
    return await found.fetchone() is not None


async def owner_of_event(conn: Connection, event_id: int) -> Row | None:
    """Whose it is, and how telephone numbers are read there. Drafts are nobody's to see."""
    found = await conn.execute(
        """SELECT tenant_id, region FROM offerings JOIN tenants USING (tenant_id)
            WHERE offering_id = %s AND kind = 'event' AND offerings.status <> 'draft'""",
        (event_id,),
    )
    return await found.fetchone()


async def units_of(conn: Connection, event_id: int) -> list[Row]:
    """All of them, with the seats that are held and not yet paid, the organiser's buffer included."""
    found = await conn.execute(UNITS, (event_id, event_id))
    return await found.fetchall()


async def menu_of(conn: Connection, event_id: int) -> list[Row]:
    found = await conn.execute(
        "SELECT * FROM menu_items WHERE offering_id = %s ORDER BY category, position, item_id", (event_id,)
    )
    return await found.fetchall()


UNITS = """
    SELECT u.*, coalesce(h.held, 0)::integer AS held
      FROM units u
      LEFT JOIN (SELECT c.unit_id, sum(c.seats) AS held
                   FROM bookings b JOIN claims c USING (booking_id)
                  WHERE b.offering_id = %s AND b.status IN ('pending', 'requested') AND c.released_at IS NULL
               GROUP BY c.unit_id) h USING (unit_id)
     WHERE u.offering_id = %s
  ORDER BY u.position, u.unit_id"""


async def availability(conn: Connection, event_id: int) -> list[Row]:
    """One row a unit that the public may book; no row when there is no such event, one with unit_id null when it has no
    unit. Reads the holds by their index, so that a year of bookings costs nothing."""
    found = await conn.execute(
        """SELECT u.unit_id, u.label, u.capacity, u.taken, coalesce(h.held, 0)::integer AS held
             FROM offerings o
             LEFT JOIN units u ON u.offering_id = o.offering_id AND NOT u.buffer
             LEFT JOIN (SELECT c.unit_id, sum(c.seats) AS held
                          FROM bookings b JOIN claims c USING (booking_id)
                         WHERE b.offering_id = %(event)s AND b.status IN ('pending', 'requested') AND c.released_at IS NULL
                      GROUP BY c.unit_id) h ON h.unit_id = u.unit_id
            WHERE o.offering_id = %(event)s AND o.kind = 'event' AND o.status <> 'draft'
         ORDER BY u.position, u.unit_id""",
        {"event": event_id},
    )
    return await found.fetchall()


async def public_events(conn: Connection, now: datetime, tenant: str | None, limit: int) -> list[Row]:
    """What is to come, the next first, with what is free."""
    found = await conn.execute(
        """SELECT o.*, t.slug AS tenant, s.available, s.least_price
             FROM offerings o JOIN tenants t USING (tenant_id),
                  LATERAL (SELECT coalesce(sum(capacity - taken), 0)::integer AS available, min(price) AS least_price
                             FROM units WHERE units.offering_id = o.offering_id AND NOT buffer) s
            WHERE o.kind = 'event' AND o.status IN ('on_sale', 'closed') AND o.starts_at > %(now)s
              AND (%(tenant)s::text IS NULL OR t.slug = %(tenant)s)
         ORDER BY o.starts_at, o.offering_id LIMIT %(limit)s""",
        {"now": now, "tenant": tenant, "limit": limit},
    )
    return await found.fetchall()


async def events_of_tenant(conn: Connection, tenant_id: int, limit: int) -> list[Row]:
    """All of a tenant's, drafts and past ones too, the latest first, with the sums of their seats."""
    found = await conn.execute(
        """SELECT o.*, s.capacity, s.taken
             FROM offerings o,
                  LATERAL (SELECT coalesce(sum(capacity), 0)::integer AS capacity, coalesce(sum(taken), 0)::integer AS taken
                             FROM units WHERE units.offering_id = o.offering_id AND NOT buffer) s
            WHERE o.tenant_id = %s AND o.kind = 'event'
         ORDER BY o.starts_at DESC, o.offering_id LIMIT %s""",
        (tenant_id, limit),
    )
    return await found.fetchall()


async def has_orders(conn: Connection, event_id: int) -> bool:
    found = await conn.execute("SELECT FROM orders WHERE offering_id = %s LIMIT 1", (event_id,))
    return await found.fetchone() is not None


async def insert_event(conn: Connection, row: Row) -> int:
    """With `offering_id` null the next number is given."""
    made = await conn.execute(
        """INSERT INTO offerings (offering_id, tenant_id, kind, title, description, venue, status, starts_at, ends_at, time_zone,
                                  currency, on_sale_from, on_sale_until, hold_minutes, refund_tiers, created_at)
           VALUES (coalesce(%(offering_id)s::bigint, nextval(pg_get_serial_sequence('offerings', 'offering_id'))), %(tenant_id)s,
                   'event', %(title)s, %(description)s, %(venue)s, %(status)s, %(starts_at)s, %(ends_at)s, %(time_zone)s,
                   %(currency)s, %(on_sale_from)s, %(on_sale_until)s, %(hold_minutes)s, %(refund_tiers)s, %(now)s)
        RETURNING offering_id""",
        {**row, "refund_tiers": Jsonb(row["refund_tiers"])},
    )
    made_row = await made.fetchone()
    assert made_row is not None  # INSERT … RETURNING
    return int(made_row["offering_id"])


async def number_events_after(conn: Connection, offering_id: int) -> None:
    """An id that somebody chose is not given to another event later."""
    await conn.execute(
        """SELECT setval(pg_get_serial_sequence('offerings', 'offering_id'),
                         greatest(%s::bigint, (SELECT last_value FROM offerings_offering_id_seq)))""",
        (offering_id,),
    )


async def update_event(conn: Connection, event_id: int, row: Row) -> None:
    await conn.execute(
        """UPDATE offerings SET title = %(title)s, description = %(description)s, venue = %(venue)s, status = %(status)s,
                  starts_at = %(starts_at)s, ends_at = %(ends_at)s, time_zone = %(time_zone)s, currency = %(currency)s,
                  on_sale_from = %(on_sale_from)s, on_sale_until = %(on_sale_until)s, hold_minutes = %(hold_minutes)s,
                  refund_tiers = %(refund_tiers)s, version = %(version)s
            WHERE offering_id = %(offering_id)s""",
        {**row, "refund_tiers": Jsonb(row["refund_tiers"]), "offering_id": event_id},
    )


async def lock_units(conn: Connection, event_id: int) -> list[Row]:
    """In id order, as everywhere."""
    found = await conn.execute(
        "SELECT * FROM units WHERE offering_id = %s ORDER BY unit_id FOR NO KEY UPDATE", (event_id,)
    )
    return await found.fetchall()


async def insert_units(conn: Connection, tenant_id: int, event_id: int, rows: Sequence[Row]) -> None:
    await conn.cursor().executemany(
        """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, pricing, price, buffer, plan, position)
           VALUES (%(tenant_id)s, %(offering_id)s, %(kind)s, %(label)s, %(capacity)s, %(pricing)s, %(price)s, %(buffer)s,
                   %(plan)s, %(position)s)""",
        [
            {**row, "plan": Jsonb(row["plan"]), "tenant_id": tenant_id, "offering_id": event_id}
            for row in rows
        ],
    )


async def update_units(conn: Connection, rows: Sequence[Row]) -> None:
    await conn.cursor().executemany(
        """UPDATE units SET kind = %(kind)s, capacity = %(capacity)s, pricing = %(pricing)s, price = %(price)s,
                  buffer = %(buffer)s, plan = %(plan)s, position = %(position)s
            WHERE unit_id = %(unit_id)s""",
        [{**row, "plan": Jsonb(row["plan"])} for row in rows],
    )


async def upsert_menu(conn: Connection, tenant_id: int, event_id: int, rows: Sequence[Row]) -> None:
    await conn.cursor().executemany(
        """INSERT INTO menu_items (tenant_id, offering_id, category, name, description, price, active, position)
           VALUES (%(tenant_id)s, %(offering_id)s, %(category)s, %(name)s, %(description)s, %(price)s, %(active)s, %(position)s)
           ON CONFLICT (offering_id, name) DO UPDATE
              SET category = excluded.category, description = excluded.description, price = excluded.price,
                  active = excluded.active, position = excluded.position""",
        [{**row, "tenant_id": tenant_id, "offering_id": event_id} for row in rows],
    )
