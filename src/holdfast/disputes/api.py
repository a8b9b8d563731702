"""Disputes over HTTP: the list, one of them, and its evidence as a download. Only for keys with the scope admin."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from holdfast.disputes import views
from holdfast.system import System
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key

MOST_LISTED = 200
ZIP = "application/zip"

router = APIRouter(tags=["disputes"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]
DisputeId = Annotated[str, Path(max_length=255, description="Stripe's: `du_…` or `dp_…`")]


class Dispute(BaseModel):
    """`status` is Stripe's word for it. Amounts in minor units."""

    model_config = ConfigDict(extra="allow")

    dispute_id: str
    status: str
    reason: str
    amount: int
    currency: str
    evidence_due: datetime | None = Field(description="Stripe takes evidence until then")
    closed_at: datetime | None
    reference: str
    needs_answer: bool
    refunds_blocked: bool


class Disputes(BaseModel):
    disputes: list[Dispute]


class OneDispute(Dispute):
    """With its history and, by the names of Stripe's evidence fields, the texts that can be pasted there."""

    history: list[dict[str, Any]]
    evidence: dict[str, str]


@router.get(
    "/api/admin/disputes",
    response_model=Disputes,
    responses=problems(401, 403, 422),
    summary="Open disputes by their deadline, or closed ones",
)
async def list_disputes(
    system: TheSystem,
    key: AdminKey,
    state: Literal["open", "closed"] = "open",
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = MOST_LISTED,
    after: Annotated[
        str | None, Query(max_length=255, description="Of closed ones: where the page before ended")
    ] = None,
) -> Response:
    now = system.clock.now()
    found = await system.database.read(
        lambda conn: views.listed(conn, key.tenant_id, state, now, limit, after)
    )
    return json_response({"disputes": found})


@router.get(
    "/api/admin/disputes/{dispute_id}",
    response_model=OneDispute,
    responses=problems(401, 403, 404),
    summary="All of a dispute",
)
async def get_dispute(dispute_id: DisputeId, system: TheSystem, key: AdminKey) -> Response:
    now = system.clock.now()
    return json_response(
        await system.database.read(lambda conn: views.one_dispute(conn, key.tenant_id, dispute_id, now))
    )


@router.get(
    "/api/admin/disputes/{dispute_id}/evidence",
    response_class=Response,
    responses={200: {"content": {ZIP: {}}, "description": "A zip"}, **problems(401, 403, 404)},
    summary="The evidence as one download: a page to print, JSON, a text for each of Stripe's fields",
)
async def get_evidence(dispute_id: DisputeId, system: TheSystem, key: AdminKey) -> Response:
    return await download(system, key.tenant_id, dispute_id)


async def download(system: System, tenant_id: int, dispute_id: str) -> Response:
    """The pack as an attachment."""
    name, body = await system.database.read(lambda conn: views.evidence_pack(conn, tenant_id, dispute_id))
    return Response(body, media_type=ZIP, headers={"Content-Disposition": f'attachment; filename="{name}"'})
