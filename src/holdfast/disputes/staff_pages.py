"""Disputes for staff: which wait for an answer and until when, what can be said, and the evidence as a download."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from holdfast.database.connection import Connection
from holdfast.disputes import views
from holdfast.disputes.api import download
from holdfast.settings import STRIPE_API, Settings
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

PAGE = 50
STATES = {
    "needs_response": "Waits for your answer",
    "warning_needs_response": "The bank asks; answer it",
    "under_review": "Answered; the bank decides",
    "warning_under_review": "Answered; the bank looks at it",
    "won": "Won",
    "lost": "Lost",
    "warning_closed": "Closed without a dispute",
    "prevented": "Prevented",
}

DisputeId = Annotated[str, Path(max_length=255)]
Row = dict[str, Any]

router = APIRouter(include_in_schema=False, prefix="/staff/disputes")


@router.get("")
async def disputes(
    request: Request, system: TheSystem, after: Annotated[str, Query(max_length=255)] = ""
) -> Response:
    """Open ones by deadline, then those that are over, a page at a time."""
    staff = await signed_in(request, "admin")
    now = system.clock.now()

    async def read(conn: Connection) -> tuple[list[Row], list[Row], Row | None]:
        waiting = await views.listed(conn, staff.tenant_id, "open", now)
        closed = await views.listed(conn, staff.tenant_id, "closed", now, PAGE + 1, after or None)
        return waiting, closed, await tenant_by_id(conn, staff.tenant_id)

    waiting, closed, tenant = await system.database.read(read)
    return render(
        request,
        "disputes/disputes.html",
        staff=staff,
        tenant=tenant,
        here="/staff/disputes",
        waiting=waiting,
        closed=closed[:PAGE],
        more=closed[PAGE - 1]["dispute_id"] if len(closed) > PAGE else "",
        states=STATES,
    )


@router.get("/{dispute_id}")
async def dispute(request: Request, system: TheSystem, dispute_id: DisputeId) -> Response:
    staff = await signed_in(request, "admin")
    now = system.clock.now()

    async def read(conn: Connection) -> tuple[Row, Row | None]:
        found = await views.one_dispute(conn, staff.tenant_id, dispute_id, now)
        return found, await tenant_by_id(conn, staff.tenant_id)

    found, tenant = await system.database.read(read)
    return render(
        request,
        "disputes/dispute.html",
        staff=staff,
        tenant=tenant,
        here="/staff/disputes",
        dispute=found,
        states=STATES,
        stripe_page=_stripe_page(system.settings, dispute_id),
    )


@router.get("/{dispute_id}/evidence.zip")
async def evidence_zip(request: Request, system: TheSystem, dispute_id: DisputeId) -> Response:
    staff = await signed_in(request, "admin")
    return await download(system, staff.tenant_id, dispute_id)


def _stripe_page(settings: Settings, dispute_id: str) -> str:
    """Where it is answered; empty where something else stands in for Stripe."""
    if settings.stripe_api_base != STRIPE_API:
        return ""
    return f"https://dashboard.stripe.com/{'' if settings.livemode else 'test/'}disputes/{dispute_id}"
