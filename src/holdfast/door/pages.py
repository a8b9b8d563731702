"""The door's page: type or scan, see at once what it is, see who is still to come.

Works without scripts: a form and its answer. With them (static/door.js) the camera reads codes, what cannot be sent is kept and
sent later, and the list is live. The form's answers come from the same template in both cases.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic_core import to_json

from holdfast.database.connection import Connection
from holdfast.door import actions, entry, rules
from holdfast.door.actions import Guests, Seen
from holdfast.door.entry import Entered
from holdfast.errors import Conflict, Unauthorized
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.live import LiveStreams
from holdfast.web.rendering import render

LONGEST_PASS = 300
UNDONE = Seen(
    rules.Verdict.UNKNOWN, "Taken back", "These guests are on the list of those to come again.", "info"
)
TYPE_A_CODE = Seen(rules.Verdict.UNKNOWN, "No code", "Type a reference, or scan a code.", "info")

Row = dict[str, Any]

router = APIRouter(include_in_schema=False, prefix="/door/{event_id}")


@router.get("")
async def door_page(
    request: Request,
    system: TheSystem,
    event_id: int,
    secret: Annotated[str, Query(alias="pass", max_length=LONGEST_PASS)] = "",
    begun: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """`?pass=` is the secret link: it becomes a cookie, and the address is plain again."""
    if secret:
        await entry.entered(system, event_id, secret)
        answer = RedirectResponse(f"/door/{event_id}?begun=yes", 303)
        entry.begin(answer, system, event_id, secret, entry.over_at(secret))
        return answer
    try:
        here = await _here(request, system, event_id)
    except Unauthorized:
        if begun:  # the browser keeps no cookies: no second round
            raise
        return RedirectResponse(f"/staff/events/{event_id}/door", 303)
    return await _page(request, system, here)


@router.post("")
async def arrive(
    request: Request,
    system: TheSystem,
    event_id: int,
    code: Annotated[str, Form(max_length=rules.LONGEST_CODE)] = "",
    scan: Annotated[str, Form(max_length=rules.LONGEST_SCAN_ID)] = "",
    at: Annotated[str, Form(max_length=40)] = "",
    part: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """`scan` and `at` are the device's id and time of it; `part=yes` answers with the result alone."""
    here = await _here(request, system, event_id)
    seen = TYPE_A_CODE
    if code.strip():
        seen = await actions.arrive(system, here.door, code, scan_id=scan or None, scanned_at=_moment(at))
    return await (_part(request, here, seen) if part else _page(request, system, here, seen))


@router.post("/undo")
async def undo(
    request: Request,
    system: TheSystem,
    event_id: int,
    booking_id: Annotated[str, Form(max_length=60)] = "",
    part: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    here = await _here(request, system, event_id)
    try:
        await actions.undo(system, here.door, booking_id)
        seen = UNDONE
    except Conflict as late:
        seen = Seen(rules.Verdict.ALREADY_USED, "Too late to take back", late.detail, "warn")
    return await (_part(request, here, seen) if part else _page(request, system, here, seen))


@router.get("/list")
async def guest_list(request: Request, system: TheSystem, event_id: int) -> Response:
    here = await _here(request, system, event_id)
    found = await _guests(system, here)
    return render(request, "door/list.html", event=here.event, guests=found)


@router.get("/live")
async def live(request: Request, system: TheSystem, event_id: int) -> Response:
    """Server-sent events `guests`: that the list has changed, and the counts."""
    here = await _here(request, system, event_id)

    async def read() -> bytes:
        found = await _guests(system, here)
        return to_json({"expected": found.expected, "arrived": found.arrived, "inside": len(found.inside)})

    streams: LiveStreams = request.app.state.live
    return await streams.stream(f"door:{event_id}", "guests", read)


async def _here(request: Request, system: System, event_id: int) -> Entered:
    return await entry.entered(system, event_id, request.cookies.get(entry.COOKIE, ""))


async def _guests(system: System, here: Entered) -> Guests:
    return await system.database.read(lambda conn: actions.guests(conn, here.door))


async def _part(request: Request, here: Entered, seen: Seen) -> Response:
    return render(request, "door/result.html", event=here.event, seen=seen, event_id=here.door.event_id)


async def _page(request: Request, system: System, here: Entered, seen: Seen | None = None) -> Response:
    async def read(conn: Connection) -> tuple[Guests, Row | None]:
        return await actions.guests(conn, here.door), await tenant_by_id(conn, here.door.tenant_id)

    found, tenant = await system.database.read(read)
    return render(
        request,
        "door/door.html",
        tenant=tenant,
        event=here.event,
        event_id=here.door.event_id,
        guests=found,
        seen=seen,
        scan=system.ids.new("scn"),
    )


def _moment(text: str) -> datetime | None:
    """The device's time, RFC 3339; anything else counts as none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
