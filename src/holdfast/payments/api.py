"""Money over HTTP: Stripe's webhooks, recovery, replay."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from holdfast.bookings.store import booking_by_reference
from holdfast.errors import NotFound
from holdfast.inbox import actions as inbox
from holdfast.inbox.receive import Receiver
from holdfast.payments import recover as recovery
from holdfast.payments.resolve import resolve_stuck
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key
from holdfast.web.fields import Line, Moment, RequestBody
from holdfast.web.openapi import WEBHOOK_PATHS

FIRST_TIME = b'{"received":true,"duplicate":false}'
AGAIN = b'{"received":true,"duplicate":true}'

router = APIRouter(tags=["payments"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]


async def receive_webhook(request: Request) -> Response:
    """Plain ASGI, for speed: raw bytes in, stored, a fixed answer out. Nothing is parsed before its signature is checked."""
    receiver: Receiver = request.app.state.receiver
    received = await receiver.receive(await request.body(), request.headers.get("stripe-signature"))
    return Response(AGAIN if received.duplicate else FIRST_TIME, media_type="application/json")


for path in WEBHOOK_PATHS:
    router.add_route(path, receive_webhook, methods=["POST"])


class Recover(RequestBody):
    session_id: Annotated[
        Line,
        Field(alias="sessionId", pattern=r"^(cs|pi)_[A-Za-z0-9_]{1,250}$", description="`cs_…` or `pi_…`"),
    ]


class Recovered(BaseModel):
    result: Literal["recovered", "already_confirmed", "refunded", "unexplained"]
    booking_id: str | None
    reference: str | None
    repairs: list[str]


class Replay(RequestBody):
    """Some events by their ids, or all that failed, or all since a time."""

    event_ids: Annotated[list[Annotated[Line, Field(max_length=255)]], Field(max_length=1000)] = []
    failed: Annotated[bool, Field(strict=True)] = False
    since: Moment | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Replay:
        if not (self.event_ids or self.failed or self.since):
            raise ValueError("Say which: event_ids, failed or since")
        return self


class Resolve(RequestBody):
    decision: Annotated[
        Literal["accept", "refund"],
        Field(description="accept: what was paid is what was agreed; refund: cancel and give all of it back"),
    ]


class Resolved(BaseModel):
    reference: str
    status: Literal["confirmed", "cancelled"]


class Replayed(BaseModel):
    replayed: int
    event_ids: list[str]


@router.post(
    "/api/admin/recover-booking",
    response_model=Recovered,
    responses=problems(401, 403, 404, 409, 422, 503),
    summary="A payment without its booking: look at Stripe and put it right",
)
async def recover_booking(wanted: Recover, system: TheSystem, key: AdminKey) -> Response:
    found = await recovery.recover(system, wanted.session_id, key.actor, key.tenant_id)
    return json_response(
        {
            "result": found.result,
            "booking_id": found.booking_id,
            "reference": found.reference,
            "repairs": found.repairs,
        }
    )


@router.post(
    "/api/admin/webhook-events/replay",
    response_model=Replayed,
    responses=problems(401, 403, 404, 422),
    summary="Webhook events again: by id, those that failed, or all since a time",
)
async def replay_events(wanted: Replay, system: TheSystem, key: AdminKey) -> Response:
    due = await inbox.replay(
        system, event_ids=wanted.event_ids or None, failed=wanted.failed, since=wanted.since
    )
    if wanted.event_ids and not due:
        raise NotFound("None of these events was ever received.")
    return json_response({"replayed": len(due), "event_ids": due})


@router.post(
    "/api/admin/bookings/{which}/resolve",
    response_model=Resolved,
    responses=problems(401, 403, 404, 409, 422),
    summary="Decide what becomes of a booking that is stuck",
)
async def resolve_booking(which: str, wanted: Resolve, system: TheSystem, key: AdminKey) -> Response:
    booking = await system.database.read(lambda conn: booking_by_reference(conn, which, key.tenant_id))
    if booking is None:
        raise NotFound("There is no such booking.")
    status = await resolve_stuck(system, booking["booking_id"], wanted.decision, key.actor)
    return json_response({"reference": booking["reference"], "status": status})
