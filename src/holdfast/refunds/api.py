"""Refunds over HTTP: giving money back, and what follows when a refund has failed. Only for keys with the scope admin."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import Response

from holdfast.bookings import store as bookings
from holdfast.errors import NotFound
from holdfast.refunds import failed
from holdfast.refunds.actions import refund_by_staff
from holdfast.system import System
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key
from holdfast.web.fields import Line, RequestBody
from holdfast.web.idempotency import Answer, resumable

LONGEST_REASON = 200
SHOWN = ("refund_id", "order_id", "amount", "currency", "reason", "status")

router = APIRouter(tags=["refunds"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]
RefundId = Annotated[str, Path(max_length=100)]
Row = dict[str, Any]


class RefundBooking(RequestBody):
    amount: Annotated[
        Annotated[int, Field(strict=True, ge=1)] | None,
        Field(description="In minor units; left out: all that is left"),
    ] = None
    reason: Annotated[
        Annotated[Line, StringConstraints(max_length=LONGEST_REASON)] | None,
        Field(description="For the timeline: why it is given back"),
    ] = None


class PaidOtherwise(RequestBody):
    note: Annotated[
        Annotated[Line, StringConstraints(min_length=1, max_length=failed.LONGEST_NOTE)],
        Field(description="How it was paid, without account numbers: `bank transfer`"),
    ]


class Refunding(BaseModel):
    """A refund and where it is: `owed` until Stripe was asked; what becomes of it is among the booking's refunds."""

    refund_id: str
    order_id: str
    amount: int = Field(description="In minor units")
    currency: str
    reason: str
    status: str


async def _refund(
    which: str, request: Request, system: System, key: ApiKey, wanted: RefundBooking | None
) -> Response:
    found = await system.database.read(lambda conn: bookings.booking_by_reference(conn, which, key.tenant_id))
    if found is None:
        raise NotFound("There is no such booking.")
    amount, because = (wanted.amount, wanted.reason or "") if wanted else (None, "")

    async def work(refund_id: str, _continued: bool) -> Answer:
        # The id was committed with the key: a request that was cut off goes on with it, and is one refund.
        refund = await refund_by_staff(
            system, found["booking_id"], amount, key.actor, refund_id=refund_id, because=because
        )
        return Answer(201, _shown(refund))

    return await resumable(system, request, key.key_id, "ref", work, None)


@router.post(
    "/api/admin/bookings/{which}/refunds",
    status_code=201,
    response_model=Refunding,
    responses=problems(401, 403, 404, 409, 422),
    summary="Give back all that is left, or an amount of it",
)
async def refund_booking(
    which: str, request: Request, system: TheSystem, key: AdminKey, wanted: RefundBooking | None = None
) -> Response:
    return await _refund(which, request, system, key, wanted)


@router.post(
    "/api/admin/bookings/{which}/refund",
    status_code=201,
    response_model=Refunding,
    responses=problems(401, 403, 404, 409, 422),
    summary="The same, by its first name",
    deprecated=True,
)
async def refund_booking_by_first_name(
    which: str, request: Request, system: TheSystem, key: AdminKey, wanted: RefundBooking | None = None
) -> Response:
    return await _refund(which, request, system, key, wanted)


@router.post(
    "/api/admin/refunds/{refund_id}/again",
    status_code=201,
    response_model=Refunding,
    responses=problems(401, 403, 404, 409),
    summary="A refund that failed: send it to the card once more",
)
async def send_again(refund_id: RefundId, system: TheSystem, key: AdminKey) -> Response:
    return json_response(_shown(await failed.send_again(system, key.tenant_id, refund_id, key.actor)), 201)


@router.post(
    "/api/admin/refunds/{refund_id}/paid-otherwise",
    status_code=201,
    response_model=Refunding,
    responses=problems(401, 403, 404, 409, 422),
    summary="A refund that failed: it was paid back in another way",
)
async def paid_otherwise(
    refund_id: RefundId, wanted: PaidOtherwise, system: TheSystem, key: AdminKey
) -> Response:
    done = await failed.paid_otherwise(system, key.tenant_id, refund_id, wanted.note, key.actor)
    return json_response(_shown(done), 201)


def _shown(refund: Row) -> Row:
    return {name: refund[name] for name in SHOWN}
