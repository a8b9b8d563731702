"""A refund for staff: where it is, and when it failed, the two safe ways on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError, NotFound
from holdfast.refunds import failed, store
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import ApiKey, TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

STATES = {
    "owed": ("Owed; Stripe is asked at once", "wait"),
    "asked": ("Stripe is being asked", "wait"),
    "pending": ("On its way", "wait"),
    "succeeded": ("Sent back", "good"),
    "failed": ("Failed", "bad"),
}

RefundId = Annotated[str, Path(max_length=100)]
Row = dict[str, Any]

router = APIRouter(include_in_schema=False, prefix="/staff/refunds")


@router.get("/{refund_id}")
async def refund(request: Request, system: TheSystem, refund_id: RefundId) -> Response:
    return await _shown(request, system, await signed_in(request, "admin"), refund_id)


@router.post("/{refund_id}/again")
async def send_again(request: Request, system: TheSystem, refund_id: RefundId) -> Response:
    staff = await signed_in(request, "admin")
    try:
        again = await failed.send_again(system, staff.tenant_id, refund_id, staff.actor)
    except HoldfastError as refused:
        return await _shown(request, system, staff, refund_id, refused.detail, refused.status)
    return RedirectResponse(f"/staff/refunds/{again['refund_id']}", 303)


@router.post("/{refund_id}/paid-otherwise")
async def paid_otherwise(
    request: Request, system: TheSystem, refund_id: RefundId, note: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    staff = await signed_in(request, "admin")
    try:
        made = await failed.paid_otherwise(system, staff.tenant_id, refund_id, note, staff.actor)
    except HoldfastError as refused:
        return await _shown(request, system, staff, refund_id, refused.detail, refused.status, note)
    return RedirectResponse(f"/staff/refunds/{made['refund_id']}", 303)


async def _shown(
    request: Request,
    system: System,
    staff: ApiKey,
    refund_id: str,
    said: str = "",
    status: int = 200,
    note: str = "",
) -> Response:
    async def read(conn: Connection) -> tuple[Row | None, int, bool, Row | None]:
        found = await store.refund(conn, refund_id)
        if found is None or found["tenant_id"] != staff.tenant_id:
            raise NotFound(failed.NO_SUCH_REFUND)
        left = await store.left_of(conn, found["payment_id"])
        disputed = bool(await store.open_disputes(conn, found["payment_id"]))
        return found, left, disputed, await tenant_by_id(conn, staff.tenant_id)

    found, left, disputed, tenant = await system.database.read(read)
    assert found is not None  # refused above
    return render(
        request,
        "refunds/refund.html",
        status=status,
        staff=staff,
        tenant=tenant,
        here="",
        refund=found,
        state=STATES[found["status"]],
        may_act=found["to_be_seen_to"] and not disputed and found["amount"] <= left,
        disputed=disputed,
        said=said,
        note=note,
    )
