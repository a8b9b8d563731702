"""A provider's own side over HTTP, with a key: of the tenant's administrators, or of the provider.

A key with the scope `provider` opens its own provider and no other: another is not found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from holdfast.database.connection import Connection
from holdfast.errors import NotFound
from holdfast.providers import actions, answers, store, views
from holdfast.providers.actions import NO_PROVIDER
from holdfast.providers.fields import ExceptionIdInPath, OfferingIdInPath, ProviderIdInPath
from holdfast.providers.rules import Row
from holdfast.providers.schemas import (
    ExceptionIn,
    ProviderIn,
    ProviderPatch,
    ServiceIn,
    ServicePatch,
    SlotIn,
    WeekIn,
)
from holdfast.system import System
from holdfast.tenants.schemas import Part
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ADMIN, ApiKey, TheSystem, require_key
from holdfast.web.idempotency import Answer, in_one_transaction

router = APIRouter(tags=["providers"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]
DiaryKey = Annotated[ApiKey, Depends(require_key("admin", "provider"))]
REFUSALS = problems(401, 403, 404, 409, 422)


class CalendarLinkWanted(Part):
    rotate: Annotated[bool, Field(description="True: the old address is dead from now on")] = False


async def provider_of_caller(conn: Connection, key: ApiKey, provider_id: int) -> Row:
    """Raises NotFound: another tenant's, another provider's, and any when the key has the scope but no provider."""
    if ADMIN in key.scopes:
        return await actions.own_provider(conn, provider_id, key.tenant_id)
    if key.provider_id is None:
        raise NotFound(NO_PROVIDER)
    return await actions.own_provider(conn, provider_id, key.tenant_id, key.provider_id)


# ─── providers and services ─────────────────────────────────────────────────────────────────────────────────────────────


@router.get(
    "/api/admin/providers",
    response_model=answers.StaffProviders,
    responses=problems(401, 403),
    summary="All providers of the key's tenant",
)
async def list_staff_providers(system: TheSystem, key: AdminKey) -> Response:
    rows = await system.database.read(lambda conn: store.providers_of_tenant(conn, key.tenant_id))
    return json_response({"providers": [views.staff_provider_json(row) for row in rows]})


@router.get(
    "/api/admin/providers/{provider_id}",
    response_model=answers.StaffProvider,
    responses=problems(401, 403, 404),
    summary="One provider: how to reach them, drafts too",
)
async def get_staff_provider(provider_id: ProviderIdInPath, system: TheSystem, key: DiaryKey) -> Response:
    async def read(conn: Connection) -> dict[str, Any]:
        return await views.staff_provider(conn, await provider_of_caller(conn, key, provider_id))

    return json_response(await system.database.read(read))


@router.post(
    "/api/admin/providers",
    status_code=201,
    response_model=answers.StaffProvider,
    responses=problems(401, 403, 409, 422),
    summary="A new provider",
)
async def create_provider(wanted: ProviderIn, request: Request, system: TheSystem, key: AdminKey) -> Response:
    async def work(conn: Connection) -> Answer:
        provider_id = await actions.create_provider(conn, system.clock.now(), key.tenant_id, wanted)
        return Answer(201, await _shown(conn, provider_id))

    return await in_one_transaction(system, request, key.key_id, work)


@router.patch(
    "/api/admin/providers/{provider_id}",
    response_model=answers.StaffProvider,
    responses=REFUSALS,
    summary="Change a provider, or take no more bookings of theirs",
)
async def change_provider(
    provider_id: ProviderIdInPath, patch: ProviderPatch, system: TheSystem, key: DiaryKey
) -> Response:
    async def work(conn: Connection) -> dict[str, Any]:
        await provider_of_caller(conn, key, provider_id)
        await actions.update_provider(conn, provider_id, patch)
        return await _shown(conn, provider_id)

    return json_response(await system.database.run(work))


@router.post(
    "/api/admin/providers/{provider_id}/services",
    status_code=201,
    response_model=answers.StaffService,
    responses=REFUSALS,
    summary="A new service: duration, price, hold, refund rules of its own",
)
async def create_service(
    provider_id: ProviderIdInPath, wanted: ServiceIn, request: Request, system: TheSystem, key: DiaryKey
) -> Response:
    async def work(conn: Connection, provider: Row) -> Answer:
        offering_id = await actions.create_service(
            conn, system.clock.now(), provider, wanted, hold_minutes=system.settings.hold_minutes
        )
        return Answer(201, await _service_shown(conn, offering_id))

    return await _create(system, request, key, provider_id, work)


@router.patch(
    "/api/admin/providers/{provider_id}/services/{offering_id}",
    response_model=answers.StaffService,
    responses=REFUSALS,
    summary="Change a service; what is booked keeps its price, time and refund rules",
)
async def change_service(
    provider_id: ProviderIdInPath,
    offering_id: OfferingIdInPath,
    patch: ServicePatch,
    system: TheSystem,
    key: DiaryKey,
) -> Response:
    async def work(conn: Connection) -> dict[str, Any]:
        await provider_of_caller(conn, key, provider_id)
        await actions.update_service(conn, provider_id, offering_id, patch)
        return await _service_shown(conn, offering_id)

    return json_response(await system.database.run(work))


# ─── hours ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get(
    "/api/providers/{provider_id}/hours",
    response_model=answers.Week,
    responses=problems(401, 403, 404),
    summary="Weekly hours, and the exceptions that are not over",
)
async def get_hours(provider_id: ProviderIdInPath, system: TheSystem, key: DiaryKey) -> Response:
    async def read(conn: Connection) -> dict[str, Any]:
        return await _week(system, conn, await provider_of_caller(conn, key, provider_id))

    return json_response(await system.database.read(read))


@router.put(
    "/api/providers/{provider_id}/hours",
    response_model=answers.Week,
    responses=REFUSALS,
    summary="The whole week's hours: what is not named is closed",
)
async def put_hours(
    provider_id: ProviderIdInPath, wanted: WeekIn, system: TheSystem, key: DiaryKey
) -> Response:
    async def work(conn: Connection) -> dict[str, Any]:
        provider = await provider_of_caller(conn, key, provider_id)
        await actions.replace_hours(conn, provider_id, wanted.week)
        return await _week(system, conn, provider)

    return json_response(await system.database.run(work))


@router.post(
    "/api/providers/{provider_id}/exceptions",
    status_code=201,
    response_model=answers.ExceptionMade,
    responses=REFUSALS,
    summary="Closed for a while, or open besides; says what is booked within",
)
async def add_exception(
    provider_id: ProviderIdInPath, wanted: ExceptionIn, request: Request, system: TheSystem, key: DiaryKey
) -> Response:
    async def work(conn: Connection, _provider: Row) -> Answer:
        made = await actions.add_exception(conn, system.clock.now(), provider_id, wanted)
        return Answer(201, _made(made))

    return await _create(system, request, key, provider_id, work)


@router.post(
    "/api/providers/{provider_id}/slots",
    status_code=201,
    response_model=answers.ExceptionMade,
    responses=REFUSALS,
    summary="A single slot outside of the week's hours",
)
async def add_slot(
    provider_id: ProviderIdInPath, wanted: SlotIn, request: Request, system: TheSystem, key: DiaryKey
) -> Response:
    async def work(conn: Connection, _provider: Row) -> Answer:
        made = await actions.add_slot(conn, system.clock.now(), provider_id, wanted)
        return Answer(201, _made(made))

    return await _create(system, request, key, provider_id, work)


@router.delete(
    "/api/providers/{provider_id}/exceptions/{exception_id}",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404),
    summary="The week's hours count again",
)
async def remove_exception(
    provider_id: ProviderIdInPath, exception_id: ExceptionIdInPath, system: TheSystem, key: DiaryKey
) -> Response:
    async def work(conn: Connection) -> None:
        await provider_of_caller(conn, key, provider_id)
        await actions.remove_exception(conn, provider_id, exception_id)

    await system.database.run(work)
    return Response(status_code=204)


@router.post(
    "/api/providers/{provider_id}/calendar-link",
    status_code=201,
    response_model=answers.CalendarLink,
    responses=REFUSALS,
    summary="The calendar feed's address, or a new one",
)
async def calendar_link(
    provider_id: ProviderIdInPath,
    wanted: CalendarLinkWanted,
    request: Request,
    system: TheSystem,
    key: DiaryKey,
) -> Response:
    async def work(conn: Connection, provider: Row) -> Answer:
        if wanted.rotate:
            url = await actions.new_feed_address(system, conn, provider)
        else:
            url = actions.feed_address(system, provider)
        return Answer(201, {"url": None}, secrets={"url": url})

    return await _create(system, request, key, provider_id, work)


async def _create(
    system: System,
    request: Request,
    key: ApiKey,
    provider_id: int,
    work: Callable[[Connection, Row], Awaitable[Answer]],
) -> Response:
    async def of_own_provider(conn: Connection) -> Answer:
        return await work(conn, await provider_of_caller(conn, key, provider_id))

    return await in_one_transaction(system, request, key.key_id, of_own_provider)


async def _shown(conn: Connection, provider_id: int) -> dict[str, Any]:
    provider = await store.provider(conn, provider_id)
    assert provider is not None  # written in this transaction
    return await views.staff_provider(conn, provider)


async def _service_shown(conn: Connection, offering_id: int) -> dict[str, Any]:
    service = await store.service(conn, offering_id)
    assert service is not None  # written in this transaction
    return views.staff_service_json(service)


async def _week(system: System, conn: Connection, provider: Row) -> dict[str, Any]:
    exceptions = await store.exceptions_of(conn, provider["provider_id"], system.clock.now())
    return {
        "hours": await store.hours_of(conn, provider["provider_id"]),
        "exceptions": [views.exception_json(one) for one in exceptions],
        "time_zone": provider["time_zone"],
    }


def _made(made: Row) -> dict[str, Any]:
    return {**views.exception_json(made), "bookings": views.closed_over_json(made["bookings"])}
