"""The two ways to a door: with one's own key, and by a link that an administrator makes for a phone."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.database.connection import Connection
from holdfast.door import entry
from holdfast.messages.qr import qr_png
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import ApiKey, TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

Row = dict[str, Any]

router = APIRouter(include_in_schema=False, prefix="/staff/events/{event_id}")


@router.get("/door")
async def to_the_door(request: Request, system: TheSystem, event_id: int) -> Response:
    """The staff's cookie is not sent to the door's addresses: there begins a session of its own, for this evening."""
    staff = await signed_in(request, "door")
    await _evening(system, staff, event_id)
    until = system.clock.now() + entry.SHIFT
    answer = RedirectResponse(f"/door/{event_id}?begun=yes", 303)
    entry.begin(answer, system, event_id, _sealed(system, staff, event_id, entry.BY_KEY, until), until)
    return answer


@router.post("/door-link")
async def door_link(request: Request, system: TheSystem, event_id: int) -> Response:
    """Shown once, and stored nowhere: whoever has it can mark arrivals of this evening until the morning after."""
    staff = await signed_in(request, "admin")
    event, tenant = await _evening(system, staff, event_id)
    until = entry.link_lasts_until(system.clock.now(), event["starts_at"])
    secret = _sealed(system, staff, event_id, entry.BY_LINK, until)
    link = f"{system.settings.public_url}/door/{event_id}?pass={quote(secret)}"
    return render(
        request,
        "door/link.html",
        secret=True,
        staff=staff,
        tenant=tenant,
        here="",
        event=event,
        link=link,
        qr="data:image/png;base64," + base64.b64encode(qr_png(link)).decode(),
        until=until,
    )


def _sealed(system: System, staff: ApiKey, event_id: int, how: str, until: datetime) -> str:
    return entry.sealed(system.settings.secret_key, event_id, staff.key_id, how, until)


async def _evening(system: System, staff: ApiKey, event_id: int) -> tuple[Row, Row | None]:
    async def read(conn: Connection) -> tuple[Row, Row | None]:
        event = await entry.event_of(conn, staff.tenant_id, event_id)
        return event, await tenant_by_id(conn, staff.tenant_id)

    return await system.database.read(read)
