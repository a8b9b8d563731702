"""Tenants and keys over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from holdfast.clock import rfc3339
from holdfast.database.connection import Connection
from holdfast.errors import Forbidden
from holdfast.tenants import actions, store
from holdfast.tenants.schemas import TenantIn
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key
from holdfast.web.fields import CatalogId, Line, RequestBody
from holdfast.web.idempotency import Answer, in_one_transaction

FIRST_TENANT = "default"

router = APIRouter(tags=["tenants"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]


class NewKey(RequestBody):
    name: Annotated[Line, Field(min_length=1, max_length=120)]
    scopes: Annotated[
        list[Literal["admin", "bookings", "provider", "door", "metrics"]], Field(min_length=1, max_length=5)
    ]
    provider_id: CatalogId | None = None


class KeyMade(BaseModel):
    key_id: str
    key: str | None = Field(description="Shown this once; null when the same request is answered again")
    name: str
    hint: str
    scopes: list[str]
    provider_id: int | None


class KeyShown(BaseModel):
    key_id: str
    name: str
    hint: str
    scopes: list[str]
    provider_id: int | None
    created_at: datetime
    revoked_at: datetime | None


class Keys(BaseModel):
    keys: list[KeyShown]


class Tenant(BaseModel):
    tenant_id: int
    slug: str
    name: str
    currency: str
    time_zone: str
    locale: str
    region: str


@router.post(
    "/api/admin/tenants",
    status_code=201,
    response_model=Tenant,
    responses=problems(401, 403, 409, 422),
    summary="A new business on this installation (with a key of the first tenant, `default`)",
)
async def create_tenant(wanted: TenantIn, request: Request, system: TheSystem, key: AdminKey) -> Response:
    async def work(conn: Connection) -> Answer:
        own = await store.tenant_by_id(conn, key.tenant_id)
        if own is None or own["slug"] != FIRST_TENANT:
            raise Forbidden(f"Only a key of the tenant `{FIRST_TENANT}` may add tenants.")
        made = await actions.create_tenant(conn, system.clock.now(), wanted.model_dump())
        return Answer(201, {name: made[name] for name in Tenant.model_fields})

    return await in_one_transaction(system, request, key.key_id, work)


@router.post(
    "/api/admin/keys",
    status_code=201,
    response_model=KeyMade,
    responses=problems(401, 403, 409, 422),
    summary="A new key of the same tenant",
)
async def create_key(wanted: NewKey, request: Request, system: TheSystem, key: AdminKey) -> Response:
    async def work(conn: Connection) -> Answer:
        clear, made = await actions.create_key(
            conn,
            system.ids,
            system.clock.now(),
            key.tenant_id,
            wanted.name,
            wanted.scopes,
            wanted.provider_id,
        )
        return Answer(201, {**_key_json(made), "key": None}, secrets={"key": clear})

    return await in_one_transaction(system, request, key.key_id, work)


@router.get(
    "/api/admin/keys",
    response_model=Keys,
    responses=problems(401, 403),
    summary="The tenant's keys, without the keys",
)
async def list_keys(system: TheSystem, key: AdminKey) -> Response:
    rows = await system.database.read(lambda conn: store.keys_of(conn, key.tenant_id))
    times = ("created_at", "revoked_at")
    return json_response(
        {
            "keys": [
                {**row, **{name: rfc3339(row[name]) if row[name] else None for name in times}} for row in rows
            ]
        }
    )


@router.post(
    "/api/admin/keys/{key_id}/revoke",
    status_code=204,
    response_class=Response,
    responses=problems(401, 403, 404),
    summary="From now on this key opens nothing",
)
async def revoke_key(key_id: str, system: TheSystem, key: AdminKey) -> Response:
    now = system.clock.now()
    await system.database.run(lambda conn: actions.revoke_key(conn, now, key.tenant_id, key_id))
    return Response(status_code=204)


def _key_json(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "hint": key.hint,
        "scopes": list(key.scopes),
        "provider_id": key.provider_id,
    }
