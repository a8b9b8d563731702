"""A provider's diary as a list: the week's or the month's bookings, and what is still free."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from holdfast.database.connection import Connection
from holdfast.providers import store as providers
from holdfast.requests import diary, lists
from holdfast.requests.provider_words import read_back, shown
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.provider_session import signed_in
from holdfast.web.rendering import LOCALE, render

OVER = frozenset({"declined", "cancelled", "expired"})
HELD = ("Held while the customer pays", "wait")

Row = dict[str, Any]

router = APIRouter(include_in_schema=False, prefix="/provider")


@router.get("/calendar")
async def calendar_page(
    request: Request,
    system: TheSystem,
    view: Annotated[str, Query(max_length=10)] = "week",
    day: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    here_as = await signed_in(request)
    rows = [read_back(one) for one in await lists.requests_of(system, here_as.provider_id)]
    now, zone = system.clock.now(), here_as.provider["time_zone"]

    async def read(conn: Connection) -> tuple[Row | None, list[Row], list[Row], diary.Period]:
        tenant = await tenant_by_id(conn, here_as.tenant_id)
        period = diary.period(view, day, now, zone, tenant["locale"] if tenant else LOCALE)
        starts, ends = diary.span(period, zone)
        taken = await providers.bookings_within(conn, here_as.provider_id, starts, ends)
        services = await providers.services_of(conn, here_as.provider_id)
        titles = {one["offering_id"]: one["title"] for one in services if one["timing"] == "slot"}
        free = await providers.free_slots(conn, list(titles), starts, ends, now) if titles else []
        return tenant, taken, [{**slot, "title": titles[slot["offering_id"]]} for slot in free], period

    tenant, taken, free, period = await system.database.read(read)
    booked = [
        {**shown(row, now), "name": row["customer"]["name"]}
        for row in rows
        if row["starts_at"] is not None and row["status"] not in OVER | {"pending"}
    ]
    booked += [{**row, "badge": HELD} for row in taken if row["status"] == "pending"]
    listed = diary.days(period, booked, free, now, zone, tenant["locale"] if tenant else LOCALE)
    return render(
        request,
        "requests/provider_calendar.html",
        tenant=tenant,
        here_as=here_as,
        here="/provider/calendar",
        period=period,
        views=diary.VIEWS,
        days=listed,
        time_zone=zone,
    )
