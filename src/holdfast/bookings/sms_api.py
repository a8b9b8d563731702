"""Bookings that begin with an SMS, over HTTP: `initiate` for tills, websites and phone agents; `complete` for the guest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from holdfast.bookings import completing, initiating, store
from holdfast.bookings import schemas as s
from holdfast.bookings import sms_schemas as sms
from holdfast.bookings.actions import MenuQuantity, UnitSeats, booking_url
from holdfast.catalog.owners import EventOwners
from holdfast.catalog.views import NO_EVENT
from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.errors import NotFound
from holdfast.payments.settle import settle_booking
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, require_key
from holdfast.web.idempotency import Answer, resumable

NO_BOOKING = "There is no booking that this reference and token open."

router = APIRouter(tags=["bookings by SMS"])
BookingsKey = Annotated[ApiKey, Depends(require_key("bookings"))]


@router.post(
    "/api/bookings/initiate",
    status_code=201,
    response_model=sms.BookingInitiated,
    responses={
        202: {"model": sms.BookingInitiated, "description": "Kept; the SMS leaves when it can"},
        **problems(401, 403, 404, 409, 422, 429),
    },
    summary="Hold seats for a mobile number, and send it the link that completes the booking",
)
async def initiate(
    wanted: sms.InitiateBooking, request: Request, system: TheSystem, key: BookingsKey
) -> Response:
    owners: EventOwners = request.app.state.event_owners
    owner = await owners.of(system, wanted.event_id)
    if owner.tenant_id != key.tenant_id:
        raise NotFound(NO_EVENT)
    phone = normalised_phone(wanted.mobile_number, owner.region)

    async def work(_subject: str, _continued: bool) -> Answer:
        # Said again it is the same booking: the number and the event tell which.
        done = await initiating.initiate(
            system,
            initiating.InitiateWanted(
                tenant_id=key.tenant_id,
                event_id=wanted.event_id,
                phone=phone,
                seats=wanted.seats,
                key_id=key.key_id,
                actor=key.actor,
            ),
        )
        body = asdict(done)
        secrets = {name: body.pop(name) for name in ("token", "booking_url")}
        return Answer(201 if done.sms_sent else 202, body, secrets)

    async def reveal(body: dict[str, Any]) -> dict[str, Any]:
        url = booking_url(system, body["pending_booking_id"])
        return {"token": url.rpartition("/")[2], "booking_url": url}

    return await resumable(system, request, key.key_id, "bkg", work, reveal)


@router.post(
    "/api/bookings/{reference}/complete",
    response_model=s.BookingPlaced,
    responses=problems(404, 409, 422, 429, 503),
    summary="Choose places and dishes for a booking that an SMS began, and get the page to pay at",
)
async def complete(
    reference: str, wanted: sms.CompleteBooking, request: Request, system: TheSystem
) -> Response:
    token = wanted.token or request.query_params.get("token") or ""
    booking = await system.database.read(
        lambda conn: store.find_guest_booking(conn, reference.upper(), token)
    )
    if booking is None:
        raise NotFound(NO_BOOKING)
    email = normalised_email(wanted.customer.email) if wanted.customer.email else None
    await settle_booking(system, booking["booking_id"], "page")
    placed = await completing.complete(
        system,
        booking["booking_id"],
        completing.Completion(
            name=wanted.customer.name,
            email=email,
            units=tuple(UnitSeats(one.unit_id, one.seats) for one in wanted.units),
            seats=wanted.seats,
            menu=tuple(MenuQuantity(one.item_id, one.quantity) for one in wanted.menu),
        ),
    )
    return json_response(asdict(placed))
