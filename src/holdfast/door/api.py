"""The door over HTTP, for scanners of one's own (scope door)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import Response

from holdfast.database.connection import Connection
from holdfast.door import actions, entry, rules
from holdfast.system import System
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key
from holdfast.web.fields import EventIdInPath, Line, Moment, RequestBody

router = APIRouter(tags=["door"])
DoorKey = Annotated[ApiKey, Depends(require_key("door"))]


class Scan(RequestBody):
    """Safe to send again: with the same `scan_id` the first answer comes again."""

    code: Annotated[Line, Field(min_length=1, max_length=rules.LONGEST_CODE)] = Field(
        description="What the QR code holds, or the reference as it was typed"
    )
    scan_id: Annotated[Line, Field(min_length=1, max_length=rules.LONGEST_SCAN_ID)] | None = Field(
        default=None, description="The device's own id of this scan"
    )
    scanned_at: Moment | None = Field(default=None, description="When it was kept without a network")


class SeenAtTheDoor(BaseModel):
    result: rules.Verdict
    title: str
    text: str
    arrived_at: str | None = Field(description="Since when they are inside")
    booking: dict[str, Any] | None = Field(
        description="name, guests, tables, lines; of another evening only which"
    )


class GuestList(BaseModel):
    event_id: int
    expected: int = Field(description="Guests, not bookings")
    arrived: int
    waiting: list[dict[str, Any]]
    inside: list[dict[str, Any]]


@router.post(
    "/api/door/{event_id}/arrivals",
    response_model=SeenAtTheDoor,
    responses=problems(401, 403, 404, 422),
    summary="A code at the door: what it is, and the arrival is marked when it is valid",
)
async def arrive(event_id: EventIdInPath, scan: Scan, system: TheSystem, key: DoorKey) -> Response:
    door = await _door(system, key, event_id)
    seen = await actions.arrive(system, door, scan.code, scan_id=scan.scan_id, scanned_at=scan.scanned_at)
    return json_response(asdict(seen))


@router.get(
    "/api/door/{event_id}/arrivals",
    response_model=GuestList,
    responses=problems(401, 403, 404),
    summary="Who is still to come, and who is inside",
)
async def guest_list(event_id: EventIdInPath, system: TheSystem, key: DoorKey) -> Response:
    door = await _door(system, key, event_id)
    found = await system.database.read(lambda conn: actions.guests(conn, door))
    return json_response({"event_id": event_id, **asdict(found)})


@router.post(
    "/api/door/{event_id}/arrivals/{booking_id}/undo",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404, 409),
    summary="Take an arrival back, within ten minutes",
)
async def undo(event_id: EventIdInPath, booking_id: str, system: TheSystem, key: DoorKey) -> Response:
    await actions.undo(system, await _door(system, key, event_id), booking_id)
    return Response(status_code=204)


async def _door(system: System, key: ApiKey, event_id: int) -> actions.Door:
    async def read(conn: Connection) -> actions.Door:
        await entry.event_of(conn, key.tenant_id, event_id)
        return entry.door_of(key, event_id)

    return await system.database.read(read)
