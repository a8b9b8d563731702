"""The SQL of tenants and their keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def tenant_by_slug(conn: Connection, slug: str) -> Row | None:
    return await (await conn.execute("SELECT * FROM tenants WHERE slug = %s", (slug,))).fetchone()


async def tenant_by_id(conn: Connection, tenant_id: int) -> Row | None:
    return await (await conn.execute("SELECT * FROM tenants WHERE tenant_id = %s", (tenant_id,))).fetchone()


async def tenants(conn: Connection) -> list[Row]:
    return await (await conn.execute("SELECT * FROM tenants ORDER BY tenant_id")).fetchall()


async def lock_tenant(conn: Connection, slug: str) -> Row | None:
    found = await conn.execute("SELECT * FROM tenants WHERE slug = %s FOR NO KEY UPDATE", (slug,))
    return await found.fetchone()


async def insert_tenant(conn: Connection, now: datetime, row: Row) -> Row | None:
    """The new tenant, or None when the slug is taken. `row`: slug, name, currency, time_zone, locale, region, accent,
    mail_from, contact_email, sms_countries, sms_daily_cap, quiet_from, quiet_until."""
    made = await conn.execute(
        """INSERT INTO tenants (slug, name, currency, time_zone, locale, region, accent, mail_from, contact_email,
                                sms_countries, sms_daily_cap, quiet_from, quiet_until, created_at)
           VALUES (%(slug)s, %(name)s, %(currency)s, %(time_zone)s, %(locale)s, %(region)s, %(accent)s, %(mail_from)s,
                   %(contact_email)s, %(sms_countries)s::text[], %(sms_daily_cap)s, %(quiet_from)s::time, %(quiet_until)s::time,
                   %(now)s)
           ON CONFLICT (slug) DO NOTHING RETURNING *""",
        {**row, "now": now},
    )
    return await made.fetchone()


async def update_tenant(conn: Connection, tenant_id: int, row: Row) -> None:
    await conn.execute(
        """UPDATE tenants SET name = %(name)s, currency = %(currency)s, time_zone = %(time_zone)s, locale = %(locale)s,
                  region = %(region)s, accent = %(accent)s, mail_from = %(mail_from)s, contact_email = %(contact_email)s,
                  sms_countries = %(sms_countries)s::text[], sms_daily_cap = %(sms_daily_cap)s,
                  quiet_from = %(quiet_from)s::time, quiet_until = %(quiet_until)s::time
            WHERE tenant_id = %(tenant_id)s""",
        {**row, "tenant_id": tenant_id},
    )


async def insert_key(conn: Connection, row: Row) -> None:
    await conn.execute(
        """INSERT INTO api_keys (key_id, tenant_id, name, key_hash, hint, scopes, provider_id, created_at)
           VALUES (%(key_id)s, %(tenant_id)s, %(name)s, %(key_hash)s, %(hint)s, %(scopes)s, %(provider_id)s, %(created_at)s)""",
        row,
    )


async def keys_of(conn: Connection, tenant_id: int) -> list[Row]:
    """Without their hashes."""
    found = await conn.execute(
        """SELECT key_id, name, hint, scopes, provider_id, created_at, revoked_at FROM api_keys
            WHERE tenant_id = %s ORDER BY created_at, key_id""",
        (tenant_id,),
    )
    return await found.fetchall()


async def provider_of(conn: Connection, tenant_id: int, provider_id: int) -> Row | None:
    found = await conn.execute(
        "SELECT * FROM providers WHERE tenant_id = %s AND provider_id = %s", (tenant_id, provider_id)
    )
    return await found.fetchone()


async def end_key(conn: Connection, tenant_id: int, key_id: str, now: datetime) -> bool:
    """False: there is no such live key."""
    ended = await conn.execute(
        "UPDATE api_keys SET revoked_at = %s WHERE tenant_id = %s AND key_id = %s AND revoked_at IS NULL",
        (now, tenant_id, key_id),
    )
    return ended.rowcount == 1
