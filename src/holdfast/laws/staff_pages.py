"""The promise board: every law in its own words, and whether it is kept."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.database.connection import Connection
from holdfast.laws.check import check_all, promises
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

# Paid, and nothing to show for it: the reason why Holdfast exists, so its count stands first and large.
FIRST_OF_ALL = "paid_has_booking"

Row = dict[str, Any]

router = APIRouter(include_in_schema=False, prefix="/staff/promises")


@router.get("")
async def board(request: Request, system: TheSystem) -> Response:
    staff = await signed_in(request, "admin")

    async def read(conn: Connection) -> tuple[list[Row], Row | None]:
        return await promises(conn), await tenant_by_id(conn, staff.tenant_id)

    found, tenant = await system.database.read(read)
    return render(
        request,
        "laws/promises.html",
        staff=staff,
        tenant=tenant,
        here="/staff/promises",
        promises=sorted(found, key=lambda promise: not promise["violations"]),
        first=next((promise for promise in found if promise["law"] == FIRST_OF_ALL), None),
        broken=sum(1 for promise in found if promise["violations"]),
        unknown=sum(1 for promise in found if promise["violations"] is None),
    )


@router.post("/check")
async def check_now(request: Request, system: TheSystem) -> Response:
    """Asks every law now. Reads only; nothing is repaired from here."""
    await signed_in(request, "admin")
    await check_all(system)
    return RedirectResponse("/staff/promises", 303)
