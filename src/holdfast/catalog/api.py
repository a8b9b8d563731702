"""Events over HTTP: what the public sees, and what the staff puts in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic_core import to_json
from starlette.responses import Response

from holdfast.catalog import actions, answers, store, views
from holdfast.catalog.schemas import CatalogDocument, EventIn, EventPatch
from holdfast.database.connection import Connection
from holdfast.errors import Forbidden
from holdfast.system import System
from holdfast.tenants import store as tenants
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key
from holdfast.web.fields import EventIdInPath
from holdfast.web.idempotency import Answer, in_one_transaction
from holdfast.web.live import LiveStreams
from holdfast.web.shared_reads import SharedReads

MOST_LISTED = 200

router = APIRouter(tags=["events"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]


@router.get("/api/events", response_model=answers.Events, responses=problems(422), summary="What is to come")
async def list_events(
    system: TheSystem, tenant: Annotated[str | None, Query(max_length=63)] = None, limit: Limit = 100
) -> Response:
    now = system.clock.now()
    rows = await system.database.read(lambda conn: store.public_events(conn, now, tenant, limit))
    shown = [
        {
            **views.event_json(row),
            "tenant": row["tenant"],
            "available": row["available"],
            "price_from": row["least_price"],
        }
        for row in rows
    ]
    return json_response({"events": shown})


@router.get(
    "/api/events/{event_id}",
    response_model=answers.Event,
    responses=problems(404),
    summary="An event: units with price and plan, menu",
)
async def get_event(event_id: EventIdInPath, system: TheSystem) -> Response:
    return json_response(await system.database.read(lambda conn: views.public_event(conn, event_id)))


@router.get(
    "/api/events/{event_id}/availability",
    response_model=answers.Availability,
    responses=problems(404),
    summary="What is free now",
)
async def get_availability(event_id: EventIdInPath, request: Request, system: TheSystem) -> Response:
    shared: SharedReads = request.app.state.shared_reads
    body = await shared.get(f"availability:{event_id}", lambda: _availability(system, event_id))
    return Response(body, media_type="application/json")


@router.get(
    "/api/events/{event_id}/live",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "`availability` events"},
        **problems(404, 503),
    },
    summary="Availability as it changes (server-sent events)",
)
async def live_availability(event_id: EventIdInPath, request: Request, system: TheSystem) -> Response:
    async def read() -> bytes:
        return await _availability(system, event_id)

    await read()  # an event that is not there is a 404 and no stream
    streams: LiveStreams = request.app.state.live
    return await streams.stream(f"availability:{event_id}", "availability", read)


@router.get(
    "/api/admin/events",
    response_model=answers.StaffEvents,
    responses=problems(401, 403),
    summary="All events of the key's tenant",
)
async def list_staff_events(system: TheSystem, key: AdminKey, limit: Limit = 100) -> Response:
    rows = await system.database.read(lambda conn: store.events_of_tenant(conn, key.tenant_id, limit))
    shown = [{**views.event_json(row), "capacity": row["capacity"], "taken": row["taken"]} for row in rows]
    return json_response({"events": shown})


@router.get(
    "/api/admin/events/{event_id}",
    response_model=answers.StaffEvent,
    responses=problems(401, 403, 404),
    summary="One event with its buffer",
)
async def get_staff_event(event_id: EventIdInPath, system: TheSystem, key: AdminKey) -> Response:
    return json_response(
        await system.database.read(lambda conn: views.staff_event(conn, key.tenant_id, event_id))
    )


@router.post(
    "/api/admin/events",
    status_code=201,
    response_model=answers.StaffEvent,
    responses=problems(401, 403, 409, 422),
    summary="Put an event on sale",
)
async def create_event(wanted: EventIn, request: Request, system: TheSystem, key: AdminKey) -> Response:
    async def work(conn: Connection) -> Answer:
        event_id = await actions.create_event(
            conn, system.clock.now(), key.tenant_id, wanted, hold_minutes=system.settings.hold_minutes
        )
        return Answer(201, await views.staff_event(conn, key.tenant_id, event_id))

    return await in_one_transaction(system, request, key.key_id, work)


@router.patch(
    "/api/admin/events/{event_id}",
    response_model=answers.StaffEvent,
    responses=problems(401, 403, 404, 409, 422),
    summary="Change an event, close its sale, or say that it does not take place",
)
async def change_event(
    event_id: EventIdInPath, patch: EventPatch, system: TheSystem, key: AdminKey
) -> Response:
    async def work(conn: Connection) -> dict[str, Any]:
        await actions.update_event(conn, system.clock.now(), key.tenant_id, event_id, patch)
        return await views.staff_event(conn, key.tenant_id, event_id)

    changed = await system.database.run(work)
    system.signals.tell(f"availability:{event_id}", "work:messages")
    return json_response(changed)


@router.post(
    "/api/admin/catalog",
    response_model=answers.Loaded,
    responses=problems(401, 403, 409, 422),
    summary="Put in a whole catalogue, or bring it up to date",
)
async def load_catalog(wanted: CatalogDocument, system: TheSystem, key: AdminKey) -> Response:
    async def work(conn: Connection) -> actions.LoadReport:
        own = await tenants.tenant_by_id(conn, key.tenant_id)
        if own is None or own["slug"] != wanted.tenant.slug:
            raise Forbidden("This key belongs to another tenant than the catalogue does.")
        return await actions.put_catalog(
            conn, system.clock.now(), wanted, hold_minutes=system.settings.hold_minutes
        )

    report = await system.database.run(work)
    system.signals.tell(*(f"availability:{event_id}" for event_id in report.events))
    return json_response(
        {
            "tenant": report.tenant,
            "events": report.events,
            "created": report.created,
            "updated": report.updated,
            "providers": report.providers,
            "providers_created": report.providers_created,
            "providers_updated": report.providers_updated,
        }
    )


async def _availability(system: System, event_id: int) -> bytes:
    now = system.clock.now()
    return to_json(await system.database.read(lambda conn: views.availability_view(conn, event_id, now)))
