"""What staff see first: the events, and the way to their lists."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from holdfast.catalog import store
from holdfast.database.connection import Connection
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

MOST_EVENTS = 200
STILL_TODAY = timedelta(hours=18)  # an evening that has begun stays in view until the next morning

router = APIRouter(include_in_schema=False, prefix="/staff")


@router.get("/today")
async def today(request: Request, system: TheSystem) -> Response:
    staff = await signed_in(request, "door")
    since = system.clock.now() - STILL_TODAY

    async def read(conn: Connection) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        events = await store.events_of_tenant(conn, staff.tenant_id, MOST_EVENTS)
        return events, await tenant_by_id(conn, staff.tenant_id)

    events, tenant = await system.database.read(read)
    coming = sorted(
        (event for event in events if event["starts_at"] >= since), key=lambda event: event["starts_at"]
    )
    return render(
        request, "catalog/staff_home.html", staff=staff, tenant=tenant, events=coming, here="/staff"
    )
