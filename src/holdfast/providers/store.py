"""The SQL of providers, their services, their hours and their free slots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb
from psycopg.types.range import Range

from holdfast.database.connection import Connection
from holdfast.providers.rules import OpeningHours, clock_text

Row = dict[str, Any]

NEAR = timedelta(days=7)  # where the nearest free slots are looked for first
MOST_HORIZON = timedelta(days=731)

PROVIDER = """SELECT p.*, t.slug AS tenant, t.name AS tenant_name, t.region, t.currency AS tenant_currency
                FROM providers p JOIN tenants t USING (tenant_id)"""
# A service with what its offering and its provider say: what a request of it needs to know.
SERVICE = """SELECT s.*, f.title, f.description, f.venue, f.status, f.currency, f.hold_minutes, f.refund_tiers, f.version,
                    f.on_sale_from, f.on_sale_until, p.name AS provider_name, p.email AS provider_email,
                    p.phone AS provider_phone, p.time_zone, p.active, t.slug AS tenant, t.region
               FROM services s JOIN offerings f USING (offering_id) JOIN providers p ON p.provider_id = s.provider_id
               JOIN tenants t ON t.tenant_id = s.tenant_id"""


# ─── providers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def provider(conn: Connection, provider_id: int) -> Row | None:
    """With its tenant's slug, name, region and currency."""
    return await (await conn.execute(f"{PROVIDER} WHERE p.provider_id = %s", (provider_id,))).fetchone()


async def provider_of_key(conn: Connection, key_id: str) -> Row | None:
    """The provider for whom a key speaks; None for a key that is bound to nobody."""
    found = await conn.execute(
        f"{PROVIDER} JOIN api_keys k ON k.provider_id = p.provider_id WHERE k.key_id = %s", (key_id,)
    )
    return await found.fetchone()


async def provider_by_name(conn: Connection, tenant_id: int, name: str) -> Row | None:
    found = await conn.execute(
        "SELECT * FROM providers WHERE tenant_id = %s AND name = %s ORDER BY provider_id LIMIT 1",
        (tenant_id, name),
    )
    return await found.fetchone()


async def lock_provider(conn: Connection, provider_id: int) -> Row | None:
    """The lock of the provider's diary: whoever takes or moves a slot holds it."""
    found = await conn.execute(
        "SELECT * FROM providers WHERE provider_id = %s FOR NO KEY UPDATE", (provider_id,)
    )
    return await found.fetchone()


async def public_providers(conn: Connection, tenant: str | None, limit: int) -> list[Row]:
    """Those who can be booked: active, with something on sale. By name."""
    found = await conn.execute(
        f"""{PROVIDER} WHERE p.active AND (%(tenant)s::text IS NULL OR t.slug = %(tenant)s)
               AND EXISTS (SELECT FROM offerings f WHERE f.provider_id = p.provider_id AND f.kind = 'appointment'
                              AND f.status = 'on_sale')
          ORDER BY p.name, p.provider_id LIMIT %(limit)s""",
        {"tenant": tenant, "limit": limit},
    )
    return await found.fetchall()


async def providers_of_tenant(conn: Connection, tenant_id: int) -> list[Row]:
    found = await conn.execute(f"{PROVIDER} WHERE p.tenant_id = %s ORDER BY p.provider_id", (tenant_id,))
    return await found.fetchall()


async def insert_provider(conn: Connection, now: datetime, tenant_id: int, row: Row) -> int:
    """With `provider_id` null the next number is given."""
    made = await conn.execute(
        """INSERT INTO providers (provider_id, tenant_id, name, email, phone, about, time_zone, active, created_at)
           VALUES (coalesce(%(provider_id)s::bigint, nextval(pg_get_serial_sequence('providers', 'provider_id'))), %(tenant_id)s,
                   %(name)s, %(email)s, %(phone)s, %(about)s, %(time_zone)s, %(active)s, %(now)s) RETURNING provider_id""",
        {**row, "tenant_id": tenant_id, "now": now},
    )
    made_row = await made.fetchone()
    assert made_row is not None  # INSERT … RETURNING
    return int(made_row["provider_id"])


async def number_providers_after(conn: Connection, provider_id: int) -> None:
    """An id that somebody chose is not given to another provider later."""
    await conn.execute(
        """SELECT setval(pg_get_serial_sequence('providers', 'provider_id'),
                         greatest(%s::bigint, (SELECT last_value FROM providers_provider_id_seq)))""",
        (provider_id,),
    )


async def update_provider(conn: Connection, provider_id: int, row: Row) -> None:
    """The time zone of what the provider offers is the provider's."""
    await conn.execute(
        """WITH changed AS (UPDATE offerings SET time_zone = %(time_zone)s
                             WHERE provider_id = %(provider_id)s AND time_zone <> %(time_zone)s)
           UPDATE providers SET name = %(name)s, email = %(email)s, phone = %(phone)s, about = %(about)s,
                  time_zone = %(time_zone)s, active = %(active)s
            WHERE provider_id = %(provider_id)s""",
        {**row, "provider_id": provider_id},
    )


async def raise_feed_version(conn: Connection, provider_id: int) -> int:
    """The calendar feed's old address is dead from now on."""
    raised = await conn.execute(
        "UPDATE providers SET feed_version = feed_version + 1 WHERE provider_id = %s RETURNING feed_version",
        (provider_id,),
    )
    row = await raised.fetchone()
    assert row is not None  # the caller holds it
    return int(row["feed_version"])


# ─── services ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def service(conn: Connection, offering_id: int) -> Row | None:
    """The service, its offering and its provider (`provider_name`, `provider_email`, `provider_phone`, `time_zone`, `active`)."""
    return await (await conn.execute(f"{SERVICE} WHERE s.offering_id = %s", (offering_id,))).fetchone()


async def services_of(conn: Connection, provider_id: int) -> list[Row]:
    """All of a provider's, drafts too."""
    found = await conn.execute(f"{SERVICE} WHERE s.provider_id = %s ORDER BY s.offering_id", (provider_id,))
    return await found.fetchall()


async def services_of_many(conn: Connection, provider_ids: Sequence[int]) -> list[Row]:
    """What is on sale of these providers."""
    found = await conn.execute(
        f"{SERVICE} WHERE s.provider_id = ANY (%s) AND f.status = 'on_sale' ORDER BY s.provider_id, s.offering_id",
        (list(provider_ids),),
    )
    return await found.fetchall()


async def lock_service(conn: Connection, offering_id: int) -> Row | None:
    found = await conn.execute(
        f"{SERVICE} WHERE s.offering_id = %s FOR NO KEY UPDATE OF f, s", (offering_id,)
    )
    return await found.fetchone()


async def service_by_title(conn: Connection, provider_id: int, title: str) -> Row | None:
    found = await conn.execute(
        f"{SERVICE} WHERE s.provider_id = %s AND f.title = %s ORDER BY s.offering_id LIMIT 1 FOR NO KEY UPDATE OF f, s",
        (provider_id, title),
    )
    return await found.fetchone()


async def is_no_service(conn: Connection, offering_id: int) -> bool:
    """Whether the number belongs to something else that is sold."""
    found = await conn.execute(
        "SELECT FROM offerings WHERE offering_id = %s AND kind <> 'appointment'", (offering_id,)
    )
    return await found.fetchone() is not None


async def insert_service(conn: Connection, now: datetime, row: Row) -> int:
    """The offering and its service; with `offering_id` null the next number is given."""
    made = await conn.execute(
        """WITH offered AS (
               INSERT INTO offerings (offering_id, tenant_id, kind, title, description, venue, status, time_zone, currency,
                                      on_sale_from, on_sale_until, hold_minutes, refund_tiers, provider_id, created_at)
               VALUES (coalesce(%(offering_id)s::bigint, nextval(pg_get_serial_sequence('offerings', 'offering_id'))),
                       %(tenant_id)s, 'appointment', %(title)s, %(description)s, %(venue)s, %(status)s, %(time_zone)s,
                       %(currency)s, %(on_sale_from)s, %(on_sale_until)s, %(hold_minutes)s, %(refund_tiers)s,
                       %(provider_id)s, %(now)s)
            RETURNING offering_id)
           INSERT INTO services (offering_id, tenant_id, provider_id, price, timing, duration_minutes, step_minutes,
                                 buffer_before_minutes, buffer_after_minutes, lead_minutes, horizon_days, respond_minutes,
                                 reschedule_minutes, most_reschedules, details_label)
           SELECT offering_id, %(tenant_id)s, %(provider_id)s, %(price)s, %(timing)s, %(duration_minutes)s, %(step_minutes)s,
                  %(buffer_before_minutes)s, %(buffer_after_minutes)s, %(lead_minutes)s, %(horizon_days)s,
                  %(respond_minutes)s, %(reschedule_minutes)s, %(most_reschedules)s, %(details_label)s
             FROM offered RETURNING offering_id""",
        {**row, "refund_tiers": Jsonb(row["refund_tiers"]), "now": now},
    )
    made_row = await made.fetchone()
    assert made_row is not None  # INSERT … RETURNING
    return int(made_row["offering_id"])


async def number_offerings_after(conn: Connection, offering_id: int) -> None:
    """An id that somebody chose is not given to another offering later."""
    await conn.execute(
        """SELECT setval(pg_get_serial_sequence('offerings', 'offering_id'),
                         greatest(%s::bigint, (SELECT last_value FROM offerings_offering_id_seq)))""",
        (offering_id,),
    )


async def update_service(conn: Connection, offering_id: int, row: Row) -> None:
    await conn.execute(
        """WITH offered AS (
               UPDATE offerings SET title = %(title)s, description = %(description)s, venue = %(venue)s, status = %(status)s,
                      time_zone = %(time_zone)s, currency = %(currency)s, on_sale_from = %(on_sale_from)s,
                      on_sale_until = %(on_sale_until)s, hold_minutes = %(hold_minutes)s, refund_tiers = %(refund_tiers)s
                WHERE offering_id = %(offering_id)s)
           UPDATE services SET price = %(price)s, timing = %(timing)s, duration_minutes = %(duration_minutes)s,
                  step_minutes = %(step_minutes)s, buffer_before_minutes = %(buffer_before_minutes)s,
                  buffer_after_minutes = %(buffer_after_minutes)s, lead_minutes = %(lead_minutes)s,
                  horizon_days = %(horizon_days)s, respond_minutes = %(respond_minutes)s,
                  reschedule_minutes = %(reschedule_minutes)s, most_reschedules = %(most_reschedules)s,
                  details_label = %(details_label)s
            WHERE offering_id = %(offering_id)s""",
        {**row, "refund_tiers": Jsonb(row["refund_tiers"]), "offering_id": offering_id},
    )


async def has_live_orders(conn: Connection, offering_id: int) -> bool:
    found = await conn.execute(
        """SELECT FROM orders WHERE offering_id = %s
              AND status IN ('pending', 'requested', 'confirmed', 'in_progress', 'stuck') LIMIT 1""",
        (offering_id,),
    )
    return await found.fetchone() is not None


# ─── hours ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def hours_of(conn: Connection, provider_id: int) -> list[Row]:
    """Weekly hours, `opens` and `closes` as text: "09:00", "24:00" (which no time of Python's can be)."""
    found = await conn.execute(
        """SELECT weekday, left(opens::text, 5) AS opens, left(closes::text, 5) AS closes FROM opening_hours
            WHERE provider_id = %s ORDER BY weekday, opening_hours.opens""",
        (provider_id,),
    )
    return await found.fetchall()


async def replace_hours(
    conn: Connection, tenant_id: int, provider_id: int, hours: Sequence[OpeningHours]
) -> None:
    await conn.execute("DELETE FROM opening_hours WHERE provider_id = %s", (provider_id,))
    await conn.cursor().executemany(
        """INSERT INTO opening_hours (tenant_id, provider_id, weekday, opens, closes)
           VALUES (%s, %s, %s, %s::text::time, %s::text::time)""",
        [(tenant_id, provider_id, h.weekday, clock_text(h.opens), clock_text(h.closes)) for h in hours],
    )


async def exceptions_of(conn: Connection, provider_id: int, since: datetime | None = None) -> list[Row]:
    """What differs from the week, the earliest first: `kind`, `starts_at`, `ends_at`, `note`. `since`: what is over by then is
    left out."""
    found = await conn.execute(
        """SELECT exception_id, kind, lower(during) AS starts_at, upper(during) AS ends_at, note FROM opening_exceptions
            WHERE provider_id = %(provider_id)s AND (%(since)s::timestamptz IS NULL OR upper(during) > %(since)s)
         ORDER BY lower(during), exception_id""",
        {"provider_id": provider_id, "since": since},
    )
    return await found.fetchall()


async def insert_exception(conn: Connection, now: datetime, row: Row) -> int:
    """`row`: tenant_id, provider_id, kind, starts_at, ends_at, note. One that is there already keeps its number and gets the
    new note."""
    made = await conn.execute(
        """INSERT INTO opening_exceptions (tenant_id, provider_id, kind, during, note, created_at)
           VALUES (%(tenant_id)s, %(provider_id)s, %(kind)s, %(during)s, %(note)s, %(now)s)
           ON CONFLICT (provider_id, kind, during) DO UPDATE SET note = excluded.note RETURNING exception_id""",
        {**row, "during": Range(row["starts_at"], row["ends_at"]), "now": now},
    )
    made_row = await made.fetchone()
    assert made_row is not None  # INSERT … RETURNING
    return int(made_row["exception_id"])


async def delete_exception(conn: Connection, provider_id: int, exception_id: int) -> bool:
    """False: the provider has no such exception."""
    gone = await conn.execute(
        "DELETE FROM opening_exceptions WHERE provider_id = %s AND exception_id = %s",
        (provider_id, exception_id),
    )
    return gone.rowcount == 1


async def bookings_within(
    conn: Connection, provider_id: int, starts_at: datetime, ends_at: datetime
) -> list[Row]:
    """Live bookings whose time overlaps this one, the earliest first."""
    found = await conn.execute(
        """SELECT b.booking_id, b.reference, b.status, b.contact_name AS name, o.starts_at, o.ends_at, f.title
             FROM units u JOIN claims c ON c.unit_id = u.unit_id AND c.released_at IS NULL
             JOIN bookings b USING (booking_id) JOIN orders o USING (order_id) JOIN offerings f ON f.offering_id = o.offering_id
            WHERE u.provider_id = %s AND u.taken > 0 AND u.during && tstzrange(%s, %s)
         ORDER BY o.starts_at, b.booking_id""",
        (provider_id, starts_at, ends_at),
    )
    return await found.fetchall()


# ─── free slots ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def free_slots(
    conn: Connection,
    offering_ids: Sequence[int],
    from_: datetime,
    until: datetime,
    now: datetime,
    but_booking: str | None = None,
) -> list[Row]:
    """`offering_id`, `starts_at`, `ends_at` of the free slots that begin in [from_, until), the earliest first. `but_booking`:
    a booking about to be moved, whose own slot does not count."""
    found = await conn.execute(
        "SELECT * FROM free_slots(%s, %s, %s, %s, %s) ORDER BY starts_at, offering_id",
        (list(offering_ids), from_, until, now, but_booking),
    )
    return await found.fetchall()


async def nearest_free(
    conn: Connection, offering_id: int, around: datetime, now: datetime, limit: int = 5
) -> list[Row]:
    """The free slots nearest to a time, the earliest first: within a week of it, else wherever there are any."""
    rows: list[Row] = []
    for from_, until in ((around - NEAR, around + NEAR), (now, now + MOST_HORIZON)):
        found = await conn.execute(
            """SELECT * FROM (SELECT * FROM free_slots(ARRAY[%(offering)s::bigint], %(from)s, %(until)s, %(now)s)
                            ORDER BY abs(extract(epoch FROM starts_at - %(around)s)), starts_at LIMIT %(limit)s) AS nearest
             ORDER BY starts_at""",
            {
                "offering": offering_id,
                "from": from_,
                "until": until,
                "now": now,
                "around": around,
                "limit": limit,
            },
        )
        rows = await found.fetchall()
        if len(rows) >= limit:
            break
    return rows


async def search_slots(
    conn: Connection,
    from_: datetime,
    until: datetime,
    now: datetime,
    tenant: str | None,
    each: int,
    limit: int,
) -> list[Row]:
    """The first `each` free slots of each of `limit` services, in the order of names: one row a slot, with its service's title,
    price and provider."""
    found = await conn.execute(
        """WITH wanted AS (
               SELECT s.offering_id, s.provider_id, s.price, f.title, f.currency, p.name, p.time_zone
                 FROM services s JOIN offerings f USING (offering_id) JOIN providers p ON p.provider_id = s.provider_id
                 JOIN tenants t ON t.tenant_id = s.tenant_id
                WHERE s.timing = 'slot' AND f.status = 'on_sale' AND p.active
                  AND (%(tenant)s::text IS NULL OR t.slug = %(tenant)s)
             ORDER BY p.name, p.provider_id, f.title, s.offering_id LIMIT %(limit)s)
           SELECT w.*, n.starts_at, n.ends_at
             FROM next_free_slots((SELECT array_agg(offering_id) FROM wanted), %(from)s, %(until)s, %(now)s, %(each)s) n
             JOIN wanted w USING (offering_id)
         ORDER BY w.name, w.provider_id, w.title, w.offering_id, n.starts_at""",
        {"from": from_, "until": until, "now": now, "tenant": tenant, "each": each, "limit": limit},
    )
    return await found.fetchall()


# ─── the calendar feed ──────────────────────────────────────────────────────────────────────────────────────────────────


async def calendar_bookings(conn: Connection, provider_id: int, since: datetime) -> list[Row]:
    """Bookings that a calendar shows or has shown: those with a time, from when the card was authorised on."""
    found = await conn.execute(
        """SELECT b.booking_id, b.reference, b.status, b.contact_name AS name, o.starts_at, o.ends_at, o.times_rescheduled,
                  f.title, f.venue, o.accepted_at,
                  greatest(o.requested_at, o.accepted_at, b.confirmed_at, b.ended_at,
                           (SELECT max(at) FROM timeline WHERE order_id = o.order_id AND what = 'rescheduled')) AS changed_at
             FROM services s JOIN orders o USING (offering_id) JOIN bookings b USING (order_id)
             JOIN offerings f ON f.offering_id = o.offering_id
            WHERE s.provider_id = %s AND o.starts_at IS NOT NULL AND o.ends_at > %s AND o.status <> 'pending'
              AND (o.requested_at IS NOT NULL OR b.confirmed_at IS NOT NULL)
         ORDER BY o.starts_at, b.booking_id""",
        (provider_id, since),
    )
    return await found.fetchall()
