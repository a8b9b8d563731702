"""The question over HTTP, for shops with pages of their own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from holdfast.clock import monotonic
from holdfast.errors import RateLimited
from holdfast.lookup import actions, rules
from holdfast.lookup.actions import Question
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import TheSystem
from holdfast.web.fields import Line, RequestBody
from holdfast.web.limits import RateLimiter, client_address

FROM_HERE_TOO_OFTEN = "This was asked very often from where you are. Wait a minute, then ask again."
A_MINUTE = 60

router = APIRouter(tags=["bookings"])


class WhereIsMyBooking(RequestBody):
    """`amount` or `card_last4`: one of them must be there."""

    contact: Annotated[Line, Field(min_length=3, max_length=rules.LONGEST_CONTACT)] = Field(
        description="The e-mail address or telephone number that was booked with"
    )
    amount: Annotated[int, Field(strict=True, ge=1, le=rules.LARGEST_SUM)] | None = Field(
        default=None, description="What was paid, in minor units"
    )
    card_last4: Annotated[Line, Field(max_length=4)] | None = None
    tenant: Annotated[Line, Field(max_length=63)] | None = Field(
        default=None, description="The business's slug; left out: any"
    )


class Said(BaseModel):
    said: str = Field(description="Always the same sentence, whether there is such a booking or not")


def refuse_too_many(request: Request) -> None:
    """RateLimited after ten questions a minute from one address; this machine itself is not counted (web/limits.py)."""
    limiter: RateLimiter = request.app.state.lookup_limiter
    address = client_address(request.scope)
    if address is not None and not limiter.allows(address, monotonic()):
        raise RateLimited(FROM_HERE_TOO_OFTEN, retry_after=A_MINUTE)


@router.post(
    "/api/where-is-my-booking",
    status_code=202,
    response_model=Said,
    responses=problems(404, 422, 429, 503),
    summary="I paid, where is my booking? The answer goes by e-mail to the address on record",
)
async def where_is_my_booking(wanted: WhereIsMyBooking, request: Request, system: TheSystem) -> Response:
    refuse_too_many(request)
    tenant = await actions.tenant_asked(system, wanted.tenant or "")
    question = Question(wanted.contact, amount=wanted.amount, card_last4=wanted.card_last4 or "")
    return json_response({"said": await actions.ask(system, question, tenant)}, 202)
