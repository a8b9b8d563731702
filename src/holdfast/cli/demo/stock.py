"""What a demo sells, and the keys that open it: put into its database once, read at every start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from holdfast.catalog.actions import load_catalog
from holdfast.catalog.store import public_events
from holdfast.cli.demo.state import DemoState
from holdfast.clock import SystemClock
from holdfast.database.connection import Connection, apply_schema
from holdfast.errors import SettingsWrong
from holdfast.ids import Ids
from holdfast.providers.store import providers_of_tenant, public_providers, services_of_many
from holdfast.tenants.actions import create_key, find_key
from holdfast.tenants.store import tenant_by_slug, tenants

CATALOG = "demo.yaml"
TENANT = "default"
MOST_EVENTS = 100
MOST_PROVIDERS = 100
# The administrator's key opens everything of its tenant; each of the others only its own door.
SCOPES = {
    "admin": ["admin", "bookings", "door", "metrics"],
    "bookings": ["bookings"],
    "provider": ["provider"],
    "door": ["door"],
}


async def demo_stock(folder: Path, state: DemoState, database_url: str) -> dict[str, Any]:
    """Schema, catalogue and keys made sure of; then what is for sale, as `demo --json` says it."""
    await asyncio.to_thread(apply_schema, database_url)
    async with await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row) as conn:
        now = SystemClock().now()
        tenant = await tenant_by_slug(conn, TENANT)
        if tenant is None or not await providers_of_tenant(conn, tenant["tenant_id"]):
            # Once only: its dates are counted from the day it is loaded, and what people booked must not move. A demo of an
            # earlier version, which had no providers, gets them.
            async with conn.transaction():
                await load_catalog(conn, now, demo_catalog())
        async with conn.transaction():
            keys = await _keys(conn, state)
        if keys != state.keys:
            state.keys = keys
            state.write(folder)
        return await _for_sale(conn)


def demo_catalog() -> dict[str, Any]:
    from importlib import resources

    import yaml

    loaded = yaml.safe_load((resources.files("holdfast.catalog") / CATALOG).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)  # it is ours
    return loaded


async def _keys(conn: Connection, state: DemoState) -> dict[str, str]:
    """Those that were printed before, as long as the database knows them. The provider's opens the first provider."""
    tenant = await tenant_by_slug(conn, TENANT)
    if tenant is None:
        raise SettingsWrong(f"The demo's database has no tenant {TENANT}. Begin anew: holdfast demo --fresh")
    providers = await providers_of_tenant(conn, tenant["tenant_id"])
    kept = {}
    for name, scopes in SCOPES.items():
        bound_to = providers[0]["provider_id"] if name == "provider" and providers else None
        clear = state.keys.get(name)
        known = await find_key(conn, clear) if clear else None
        if clear is None or known is None or known.provider_id != bound_to:
            clock = SystemClock()
            clear, _ = await create_key(
                conn, Ids(clock), clock.now(), tenant["tenant_id"], f"demo {name}", scopes, bound_to
            )
        kept[name] = clear
    return kept


async def _for_sale(conn: Connection) -> dict[str, Any]:
    to_come = await public_events(conn, SystemClock().now(), None, MOST_EVENTS)
    return {
        "events": [
            {"id": event["offering_id"], "title": event["title"], "free": event["available"]}
            for event in sorted(to_come, key=lambda event: int(event["offering_id"]))
        ],
        "providers": await _providers(conn),
        "passes": [],
        "classes": [],
        "tenants": [tenant["slug"] for tenant in await tenants(conn)],
    }


async def _providers(conn: Connection) -> list[dict[str, Any]]:
    """Who can be booked, the first of the catalogue first."""
    found = sorted(
        await public_providers(conn, None, MOST_PROVIDERS), key=lambda one: int(one["provider_id"])
    )
    services = await services_of_many(conn, [one["provider_id"] for one in found])
    return [
        {
            "id": one["provider_id"],
            "name": one["name"],
            "offerings": [
                {"id": s["offering_id"], "kind": "appointment", "title": s["title"], "timing": s["timing"]}
                for s in services
                if s["provider_id"] == one["provider_id"]
            ],
        }
        for one in found
    ]
