"""The programme: what is on, for guests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from holdfast.catalog import store
from holdfast.database.connection import Connection
from holdfast.providers import store as providers
from holdfast.tenants.store import tenant_by_slug
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import LOCALE, render

MOST_EVENTS = 200
FEW_SEATS = 10

router = APIRouter(include_in_schema=False)


@router.get("/")
async def programme(
    request: Request, system: TheSystem, tenant: Annotated[str | None, Query(max_length=63)] = None
) -> HTMLResponse:
    """Every event to come; with `?tenant=slug` those of one business, in its colour."""
    now = system.clock.now()

    async def read(conn: Connection) -> tuple[list[dict[str, Any]], dict[str, Any] | None, bool]:
        owner = await tenant_by_slug(conn, tenant) if tenant else None
        somebody = await providers.public_providers(conn, tenant, 1)
        return await store.public_events(conn, now, tenant, MOST_EVENTS), owner, bool(somebody)

    events, owner, has_providers = await system.database.read(read)
    locale = owner["locale"] if owner else LOCALE
    return render(
        request,
        "catalog/events.html",
        tenant=owner,
        events=[_shown(event, locale) for event in events],
        has_providers=has_providers,
    )


def _shown(event: Mapping[str, Any], locale: str) -> dict[str, Any]:
    words, kind = _state(event)
    starts = event["starts_at"].astimezone(ZoneInfo(event["time_zone"]))
    return {
        **event,
        "event_id": event["offering_id"],
        "state_words": words,
        "state_kind": kind,
        "price_from": event["least_price"],
        "day_number": starts.day,
        "month": format_date(starts, "MMM", locale=locale),
    }


def _state(event: Mapping[str, Any]) -> tuple[str, str]:
    if event["status"] != "on_sale":
        return "Booking is closed", "info"
    if event["available"] == 0:
        return "Sold out", "info"
    if event["available"] <= FEW_SEATS:
        return f"{event['available']} {'seat' if event['available'] == 1 else 'seats'} left", "warn"
    return "Seats free", "good"
