"""Customers for staff: finding one, everything about one, and joining two rows that are one person."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.bookings import words
from holdfast.customers import merging, views
from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError, NotFound
from holdfast.messages.staff_words import FOR_MESSAGES
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import ApiKey, TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

PAGE = 50
LONGEST = 200
SAID = {
    "merged": "They are one customer now. It can be undone below, at any time.",
    "undone": "They are two customers again.",
    "queued": "The message is on its way.",
}

Row = dict[str, Any]
# PostgreSQL's text holds no NUL.
Short = Annotated[str, Query(max_length=LONGEST, pattern=r"^[^\x00]*$")]
CustomerId = Annotated[str, Path(max_length=100)]

router = APIRouter(include_in_schema=False, prefix="/staff/customers")


@router.get("")
async def customers(request: Request, system: TheSystem, query: Short = "", after: Short = "") -> Response:
    """By name, e-mail, telephone or id."""
    staff = await signed_in(request, "admin")

    async def read(conn: Connection) -> tuple[list[Row], Row | None]:
        found = await views.found(conn, staff.tenant_id, query, PAGE + 1, after or None)
        return found, await tenant_by_id(conn, staff.tenant_id)

    found, tenant = await system.database.read(read)
    more = urlencode({"query": query, "after": found[PAGE - 1]["customer_id"]}) if len(found) > PAGE else ""
    return render(
        request,
        "customers/customers.html",
        staff=staff,
        tenant=tenant,
        here="/staff/customers",
        customers=found[:PAGE],
        query=query,
        more=more,
    )


@router.get("/{customer_id}")
async def customer(
    request: Request, system: TheSystem, customer_id: CustomerId, said: Short = ""
) -> Response:
    staff = await signed_in(request, "admin")
    return await _shown(request, system, staff, customer_id, SAID.get(said))


@router.post("/{customer_id}/merge")
async def merge(
    request: Request,
    system: TheSystem,
    customer_id: CustomerId,
    merged_id: Annotated[str, Form(max_length=LONGEST)] = "",
) -> Response:
    staff = await signed_in(request, "admin")
    try:
        await merging.merge(system, staff.tenant_id, customer_id, merged_id.strip(), staff.actor)
    except HoldfastError as refused:
        return await _shown(request, system, staff, customer_id, refused.detail, refused.status)
    return RedirectResponse(f"/staff/customers/{quote(customer_id)}?said=merged", 303)


@router.post("/{customer_id}/merges/{merge_id}/undo")
async def undo(
    request: Request, system: TheSystem, customer_id: CustomerId, merge_id: CustomerId
) -> Response:
    staff = await signed_in(request, "admin")
    try:
        back = await merging.undo(system, staff.tenant_id, merge_id, staff.actor)
    except HoldfastError as refused:
        return await _shown(request, system, staff, customer_id, refused.detail, refused.status)
    return RedirectResponse(f"/staff/customers/{back}?said=undone", 303)


async def _shown(
    request: Request, system: System, staff: ApiKey, customer_id: str, said: str | None, status: int = 200
) -> Response:
    async def read(conn: Connection) -> tuple[Row | None, Row | None]:
        row = await views.one(conn, staff.tenant_id, customer_id)
        return row, await tenant_by_id(conn, staff.tenant_id)

    row, tenant = await system.database.read(read)
    if row is None:
        raise NotFound(merging.NO_SUCH_CUSTOMER)
    if row["merged_into"]:
        return RedirectResponse(f"/staff/customers/{row['merged_into']}", 303)
    return render(
        request,
        "customers/customer.html",
        status=status,
        staff=staff,
        tenant=tenant,
        here="/staff/customers",
        customer=row,
        booking_states=words.STATES,
        said=said,
        refused=status != 200,
        back=f"/staff/customers/{customer_id}",
        **FOR_MESSAGES,
    )
