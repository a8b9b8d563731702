"""Customers over HTTP: who they are, what they booked, what was said; joining two that are one person, and undoing it. Only for
keys with the scope admin."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from holdfast.customers import merging, views
from holdfast.errors import NotFound
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key
from holdfast.web.fields import Line, RequestBody

MOST_LISTED = 200
LONGEST_QUERY = 200
LONGEST_ID = 100

router = APIRouter(tags=["customers"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]
CustomerId = Annotated[str, Path(max_length=LONGEST_ID)]
# PostgreSQL's text holds no NUL.
Text = Annotated[str, Query(max_length=LONGEST_QUERY, pattern=r"^[^\x00]*$")]


class Customer(BaseModel):
    """`phone` is E.164. Counts are of what is under this very customer."""

    model_config = ConfigDict(extra="allow")

    customer_id: str
    name: str
    email: str | None
    phone: str | None
    created_at: datetime


class Customers(BaseModel):
    customers: list[Customer]


class OneCustomer(Customer):
    """`merged_into`: this one was joined to another, and everything is there."""

    merged_into: str | None
    known_also_as: list[Customer] = []
    opted_out: list[dict[str, Any]] = Field(
        [], description="Numbers that want no SMS, since when and by which word"
    )
    bookings: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = Field(
        [], description="Each with its `history`: every status with its time"
    )
    answers: list[dict[str, Any]] = Field([], description="What they answered by SMS")
    perhaps_the_same: list[Customer] = Field([], description="Others with the same number")
    merges: list[dict[str, Any]] = []


class MergeIn(RequestBody):
    merged_id: Annotated[Line, Field(min_length=1, max_length=LONGEST_ID)]


class Merged(BaseModel):
    merge_id: str
    customer_id: str


class Undone(BaseModel):
    customer_id: str = Field(description="Who is back")


@router.get(
    "/api/admin/customers",
    response_model=Customers,
    responses=problems(401, 403, 422),
    summary="Customers by a part of the name or e-mail address, or by telephone number",
)
async def list_customers(
    system: TheSystem,
    key: AdminKey,
    query: Text = "",
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
    after: Annotated[Text, Query(description="Where the page before ended: its last customer_id")] = "",
) -> Response:
    rows = await system.database.read(
        lambda conn: views.found(conn, key.tenant_id, query, limit, after or None)
    )
    return json_response({"customers": rows})


@router.get(
    "/api/admin/customers/{customer_id}",
    response_model=OneCustomer,
    responses=problems(401, 403, 404),
    summary="All of a customer: bookings, messages with every status, answers, merges",
)
async def get_customer(customer_id: CustomerId, system: TheSystem, key: AdminKey) -> Response:
    row = await system.database.read(lambda conn: views.one(conn, key.tenant_id, customer_id))
    if row is None:
        raise NotFound(merging.NO_SUCH_CUSTOMER)
    return json_response({name: value for name, value in row.items() if name != "tenant_id"})


@router.post(
    "/api/admin/customers/{customer_id}/merge",
    status_code=201,
    response_model=Merged,
    responses=problems(401, 403, 404, 409, 422),
    summary="Another customer is this same person: bookings, messages and answers go over",
)
async def merge_customer(
    customer_id: CustomerId, wanted: MergeIn, system: TheSystem, key: AdminKey
) -> Response:
    merge_id = await merging.merge(system, key.tenant_id, customer_id, wanted.merged_id, key.actor)
    return json_response({"merge_id": merge_id, "customer_id": customer_id}, 201)


@router.post(
    "/api/admin/customers/merges/{merge_id}/undo",
    response_model=Undone,
    responses=problems(401, 403, 404, 409),
    summary="Two customers again: what went over comes back",
)
async def undo_merge(
    merge_id: Annotated[str, Path(max_length=LONGEST_ID)], system: TheSystem, key: AdminKey
) -> Response:
    return json_response({"customer_id": await merging.undo(system, key.tenant_id, merge_id, key.actor)})
