"""Events as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.catalog import store
from holdfast.catalog.rules import Row, unit_availability
from holdfast.clock import rfc3339
from holdfast.database.connection import Connection
from holdfast.errors import NotFound

NO_EVENT = "There is no such event."


async def availability_view(conn: Connection, event_id: int, now: datetime) -> dict[str, Any]:
    """The JSON of `GET /api/events/{id}/availability`: one read. Raises NotFound."""
    rows = await store.availability(conn, event_id)
    if not rows:
        raise NotFound(NO_EVENT)
    units = [unit_availability(row) for row in rows if row["unit_id"] is not None]
    return {
        "event_id": event_id,
        **{name: sum(unit[name] for unit in units) for name in ("capacity", "booked", "held", "available")},
        "units": units,
        "as_of": rfc3339(now),
    }


async def public_event(conn: Connection, event_id: int) -> dict[str, Any]:
    """The event, its units with price and plan, its menu. Raises NotFound for drafts too."""
    event = await store.event(conn, event_id)
    if event is None or event["status"] == "draft":
        raise NotFound(NO_EVENT)
    units = [unit for unit in await store.units_of(conn, event_id) if not unit["buffer"]]
    items = [item for item in await store.menu_of(conn, event_id) if item["active"]]
    return {
        **event_json(event),
        "units": [unit_json(unit) for unit in units],
        "menu": [item_json(item) for item in items],
    }


async def staff_event(conn: Connection, tenant_id: int, event_id: int) -> dict[str, Any]:
    """All of it: the buffer and what is off the menu too. Raises NotFound, for another tenant's as well."""
    event = await store.event(conn, event_id)
    if event is None or event["tenant_id"] != tenant_id:
        raise NotFound(NO_EVENT)
    units, items = await store.units_of(conn, event_id), await store.menu_of(conn, event_id)
    return {
        **event_json(event),
        "version": event["version"],
        "units": [{**unit_json(unit), "buffer": unit["buffer"]} for unit in units],
        "menu": [{**item_json(item), "active": item["active"]} for item in items],
    }


def event_json(event: Row) -> dict[str, Any]:
    plain = (
        "title",
        "description",
        "venue",
        "status",
        "time_zone",
        "currency",
        "hold_minutes",
        "refund_tiers",
    )
    times = ("starts_at", "ends_at", "on_sale_from", "on_sale_until")
    return {
        "event_id": event["offering_id"],
        **{name: event[name] for name in plain},
        **{name: rfc3339(event[name]) if event[name] else None for name in times},
    }


def unit_json(unit: Row) -> dict[str, Any]:
    return {
        **unit_availability(unit),
        "kind": unit["kind"],
        "pricing": unit["pricing"],
        "price": unit["price"],
        "plan": unit["plan"],
    }


def item_json(item: Row) -> dict[str, Any]:
    return {name: item[name] for name in ("item_id", "category", "name", "description", "price")}
