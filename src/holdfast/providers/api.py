"""Providers over HTTP: the public list, what they offer, their free slots, and their calendar feed.

What changes them, with a key: providers/diary_api.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from holdfast.database.connection import Connection
from holdfast.errors import NotFound, ValidationFailed
from holdfast.ids import feed_token
from holdfast.providers import answers, feed, store, views
from holdfast.providers.actions import NO_PROVIDER, NO_SERVICE
from holdfast.providers.fields import ProviderIdInPath, written_moment
from holdfast.providers.rules import Row, period_shown
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import TheSystem
from holdfast.web.fields import LARGEST_ID

MOST_LISTED = 500
MOST_OF_EACH = 20

router = APIRouter(tags=["providers"])
Moment = Annotated[
    str | None,
    Query(max_length=40, description="RFC 3339, or a date on the provider's clocks"),
]
TenantSlug = Annotated[str | None, Query(max_length=63)]
OfferingId = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


@router.get(
    "/api/providers",
    response_model=answers.Providers,
    responses=problems(422),
    summary="Who can be booked, and for what",
)
async def list_providers(
    system: TheSystem,
    tenant: TenantSlug = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
) -> Response:
    async def read(conn: Connection) -> list[dict[str, Any]]:
        rows = await store.public_providers(conn, tenant, limit)
        services = await store.services_of_many(conn, [row["provider_id"] for row in rows])
        return [
            {
                **views.provider_json(row),
                "services": [
                    views.service_json(one) for one in services if one["provider_id"] == row["provider_id"]
                ],
            }
            for row in rows
        ]

    return json_response({"providers": await system.database.read(read)})


@router.get(
    "/api/providers/{provider_id}",
    response_model=answers.Provider,
    responses=problems(404),
    summary="A provider: services with price and rules, opening hours",
)
async def get_provider(provider_id: ProviderIdInPath, system: TheSystem) -> Response:
    return json_response(await system.database.read(lambda conn: views.public_provider(conn, provider_id)))


@router.get(
    "/api/providers/{provider_id}/slots",
    response_model=answers.Slots,
    responses=problems(404, 422),
    summary="Free slots: of all services with slots, or of one",
)
async def get_slots(
    provider_id: ProviderIdInPath,
    system: TheSystem,
    from_: Annotated[Moment, Query(alias="from")] = None,
    to: Moment = None,
    offering_id: OfferingId = None,
) -> Response:
    now = system.clock.now()

    async def read(conn: Connection) -> dict[str, Any]:
        provider = await store.provider(conn, provider_id)
        if provider is None or not provider["active"]:
            raise NotFound(NO_PROVIDER)
        zone = provider["time_zone"]
        begins, ends = period_shown(
            now, written_moment(from_, "from", zone), written_moment(to, "to", zone, day_ends=True)
        )
        offerings = await _with_slots(conn, provider_id, offering_id)
        slots = await store.free_slots(conn, offerings, begins, ends, now) if offerings else []
        return {"slots": [views.slot_json(slot) for slot in slots], "time_zone": zone}

    return json_response(await system.database.read(read))


async def _with_slots(conn: Connection, provider_id: int, offering_id: int | None) -> list[int]:
    services = [s for s in await store.services_of(conn, provider_id) if s["status"] != "draft"]
    if offering_id is None:
        return [s["offering_id"] for s in services if s["timing"] == "slot"]
    [*found] = [s for s in services if s["offering_id"] == offering_id]
    if not found:
        raise NotFound(NO_SERVICE)
    if found[0]["timing"] != "slot":
        sentence = f"{found[0]['title']} has no slots: " + (
            "propose a time in the request." if found[0]["timing"] == "proposed" else "it has no time."
        )
        raise ValidationFailed(sentence, errors=[{"field": "offering_id", "problem": sentence}])
    return [offering_id]


@router.get(
    "/api/slots",
    response_model=answers.Found,
    responses=problems(422),
    summary="The next free slots of every service, of all providers or of a tenant's",
)
async def search_slots(
    system: TheSystem,
    from_: Annotated[Moment, Query(alias="from")] = None,
    to: Moment = None,
    tenant: TenantSlug = None,
    each: Annotated[int, Query(ge=1, le=MOST_OF_EACH, description="So many of each service")] = 3,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="So many services")] = 200,
) -> Response:
    now = system.clock.now()
    begins, ends = period_shown(
        now, written_moment(from_, "from", "UTC"), written_moment(to, "to", "UTC", day_ends=True)
    )
    rows = await system.database.read(
        lambda conn: store.search_slots(conn, begins, ends, now, tenant, each, limit)
    )
    return json_response({"services": _by_service(rows)})


def _by_service(rows: Sequence[Row]) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        service = found.setdefault(
            row["offering_id"],
            {
                **{name: row[name] for name in answers.FoundService.model_fields if name != "slots"},
                "slots": [],
            },
        )
        service["slots"].append(views.slot_json(row))
    return list(found.values())


@router.get(
    "/api/providers/{provider_id}/calendar.ics",
    response_class=Response,
    responses={
        200: {"content": {"text/calendar": {}}, "description": "The provider's bookings (RFC 5545)"},
        304: {"description": "As it was"},
        **problems(404),
    },
    summary="The calendar feed; its address comes from POST …/calendar-link",
)
async def calendar(
    provider_id: ProviderIdInPath,
    request: Request,
    system: TheSystem,
    token: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    now: datetime = system.clock.now()

    async def read(conn: Connection) -> tuple[Row, list[Row]]:
        provider = await store.provider(conn, provider_id)
        version = provider["feed_version"] if provider else 0
        # Compared for a provider who is not there too: how long it takes says nothing.
        right = feed_token(system.settings.secret_key, provider_id, version)
        if not compare_digest(right.encode(), token.encode()) or provider is None:
            raise NotFound(
                "There is no calendar at this address. If it was made new, ask for its address again."
            )
        return provider, await store.calendar_bookings(conn, provider_id, feed.shown_since(now))

    provider, bookings = await system.database.read(read)
    body = feed.feed_of(provider, bookings, f"{system.settings.public_url}/provider/requests")
    etag = feed.etag_of(body)
    # For the one who has the address, and asked for anew each time: with the ETag that costs next to nothing.
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if etag in known:
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = 'inline; filename="calendar.ics"'
    return Response(body, media_type="text/calendar; charset=utf-8", headers=headers)
