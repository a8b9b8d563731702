"""Requests over HTTP: asking, and the provider's list and answers."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from holdfast.bookings import store as bookings
from holdfast.bookings.cancelling import cancel_by_provider
from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.errors import Forbidden, HoldfastError, NotFound, Unauthorized, ValidationFailed
from holdfast.ids import booking_token
from holdfast.payments.settle import settle_booking
from holdfast.providers import store as providers
from holdfast.providers.fields import ProviderIdInPath
from holdfast.providers.rules import read_slot_id
from holdfast.requests import actions, answers, lists, moving
from holdfast.requests import schemas as s
from holdfast.system import System
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, caller_key, require_key
from holdfast.web.idempotency import Answer, resumable

SECRETS = ("token", "booking_url", "client_secret")
NO_PROVIDER = "There is no such provider."
NO_REQUEST = "There is no such request."
NO_BOOKING = "There is no booking that this reference and token open."

router = APIRouter(tags=["requests"])
ProviderKey = Annotated[ApiKey, Depends(require_key("provider"))]


@router.post(
    "/api/create-payment-intent",
    status_code=201,
    response_model=s.PaymentIntentCreated,
    responses=problems(404, 409, 413, 422, 429, 503),
    summary="Ask for a provider's time, and get the intent to authorise the card with",
)
async def create_payment_intent(
    wanted: s.CreatePaymentIntent, request: Request, system: TheSystem
) -> Response:
    starts_at = _time_of(wanted.slot_id, wanted.starts_at, wanted.offering_id)
    provider = await system.database.read(lambda conn: providers.provider(conn, wanted.provider_id))
    if provider is None:
        raise NotFound(NO_PROVIDER)
    customer = wanted.customer
    email = normalised_email(customer.email)
    phone = normalised_phone(customer.phone, provider["region"]) if customer.phone else None

    async def work(booking_id: str, continued: bool) -> Answer:
        if continued:
            again = await actions.continue_request(system, booking_id)
            if again is not None:
                return _placed(system, again)
        asked = actions.RequestWanted(
            offering_id=wanted.offering_id,
            provider_id=wanted.provider_id,
            starts_at=starts_at,
            name=customer.name,
            email=email,
            phone=phone,
            details=wanted.details,
            source="api",
            booking_id=booking_id,
        )
        return _placed(system, await actions.place_request(system, asked))

    return await resumable(system, request, "public", "bkg", work, lambda body: _secrets(system, body))


@router.get(
    "/api/providers/{provider_id}/booking-requests",
    response_model=s.ProvidersRequests,
    responses=problems(401, 403, 404),
    summary="A provider's requests; an order found without its booking gets it first",
)
async def provider_requests(provider_id: ProviderIdInPath, system: TheSystem, key: ProviderKey) -> Response:
    await _refuse_foreign(system, key, provider_id)
    return json_response({"requests": await lists.requests_of(system, provider_id)})


@router.get(
    "/api/celebrity/booking-requests",
    response_model=s.ProvidersRequests,
    responses=problems(401, 403),
    summary="The requests of the key's own provider",
)
async def own_requests(system: TheSystem, key: ProviderKey) -> Response:
    if key.provider_id is None:
        raise Forbidden("This key belongs to no provider; use /api/providers/{id}/booking-requests.")
    return json_response({"requests": await lists.requests_of(system, key.provider_id)})


@router.post(
    "/api/booking-requests/{booking_id}/accept",
    response_model=s.ProvidersRequest,
    responses=problems(401, 403, 404, 409, 422),
    summary="Say yes: the authorised money is captured",
)
async def accept(
    booking_id: str, system: TheSystem, key: ProviderKey, wanted: s.Accept | None = None
) -> Response:
    only = await _of_key(system, key, booking_id)
    await answers.accept(system, booking_id, _actor(key), only, wanted.starts_at if wanted else None)
    return json_response(await lists.request_of(system, booking_id))


@router.post(
    "/api/booking-requests/{booking_id}/decline",
    response_model=s.ProvidersRequest,
    responses=problems(401, 403, 404, 409, 422),
    summary="Say no: the authorisation is let go",
)
async def decline(
    booking_id: str, system: TheSystem, key: ProviderKey, wanted: s.Decline | None = None
) -> Response:
    only = await _of_key(system, key, booking_id)
    await answers.decline(system, booking_id, _actor(key), wanted.reason if wanted else "", only)
    return json_response(await lists.request_of(system, booking_id))


@router.post(
    "/api/booking-requests/{booking_id}/cancel",
    response_model=s.ProvidersRequest,
    responses=problems(401, 403, 404, 409, 422),
    summary="Take an accepted booking back: all of the money is refunded",
)
async def cancel(
    booking_id: str, system: TheSystem, key: ProviderKey, wanted: s.Decline | None = None
) -> Response:
    only = await _of_key(system, key, booking_id)
    await cancel_by_provider(system, booking_id, _actor(key), only, wanted.reason if wanted else "")
    return json_response(await lists.request_of(system, booking_id))


@router.post(
    "/api/bookings/{reference}/reschedule",
    response_model=s.Rescheduled,
    responses=problems(401, 404, 409, 422),
    summary="Move a booking to another free slot (token or key)",
)
async def reschedule(reference: str, wanted: s.Reschedule, request: Request, system: TheSystem) -> Response:
    booking, actor = await _movers_booking(system, request, reference, wanted.token)
    starts_at = _time_of(wanted.slot_id, wanted.starts_at, booking["offering_id"])
    assert starts_at is not None
    await settle_booking(system, booking["booking_id"], "page")
    moved = await moving.reschedule(system, booking["booking_id"], starts_at, actor, preview=wanted.preview)
    return json_response(
        {
            "reference": booking["reference"],
            "preview": wanted.preview,
            "starts_at": moved.starts_at,
            "ends_at": moved.ends_at,
            "moves_left": moved.moves_left,
        }
    )


def _time_of(slot: str | None, starts_at: datetime | None, offering_id: int) -> datetime | None:
    """The time that was asked for; a slot of another service is none of this one's."""
    if slot is None:
        return starts_at
    named, slot_starts = read_slot_id(slot)
    if named != offering_id:
        raise ValidationFailed("This slot belongs to another service.")
    return slot_starts


async def _refuse_foreign(system: System, key: ApiKey, provider_id: int) -> None:
    """A provider's key reads its own provider; a key of the staff, those of its tenant. Another does not exist for it."""
    provider = await system.database.read(lambda conn: providers.provider(conn, provider_id))
    if provider is None or provider["tenant_id"] != key.tenant_id:
        raise NotFound(NO_PROVIDER)
    if key.provider_id not in {None, provider_id} and not key.may("admin"):
        raise NotFound(NO_PROVIDER)


async def _of_key(system: System, key: ApiKey, booking_id: str) -> int | None:
    """Whose request the key may answer: its own provider's, or as staff any of its tenant's. NotFound otherwise."""
    booking = await system.database.read(lambda conn: bookings.booking(conn, booking_id))
    if booking is None or booking["tenant_id"] != key.tenant_id:
        raise NotFound(NO_REQUEST)
    if key.provider_id is None and not key.may("admin"):
        raise Forbidden("This key belongs to no provider.")
    return key.provider_id


def _actor(key: ApiKey) -> str:
    return f"provider:{key.provider_id}" if key.provider_id is not None else key.actor


async def _movers_booking(
    system: System, request: Request, reference: str, token: str | None
) -> tuple[dict[str, Any], str]:
    """The booking and who is acting: the guest by the token, or the staff by a key."""
    token = token or request.query_params.get("token")
    if token:
        found = await system.database.read(
            lambda conn: bookings.find_guest_booking(conn, reference.upper(), token)
        )
        if found is None:
            raise NotFound(NO_BOOKING)
        return found, "customer"
    key = await caller_key(request, system)
    if key is None or not key.may("bookings"):
        raise Unauthorized("This needs the booking's token, or a key with the scope bookings or admin.")
    found = await system.database.read(
        lambda conn: bookings.booking_by_reference(conn, reference, key.tenant_id)
    )
    if found is None:
        raise NotFound("There is no such booking.")
    return found, key.actor


def _placed(system: System, placed: actions.PlacedRequest) -> Answer:
    body = {**asdict(placed), "publishable_key": system.settings.stripe_publishable_key or None}
    secrets = {name: body.pop(name) for name in SECRETS}
    return Answer(201, body, secrets)


async def _secrets(system: System, body: dict[str, Any]) -> dict[str, Any]:
    """What was left out of the remembered answer: derived again, or read from Stripe while the card form is still of use."""
    token = booking_token(system.settings.secret_key, body["booking_id"])
    return {
        "token": token,
        "booking_url": f"{system.settings.public_url}/b/{token}",
        "client_secret": await _client_secret(system, body),
    }


async def _client_secret(system: System, body: dict[str, Any]) -> str | None:
    if body["payment_intent_id"] is None:
        return None
    try:
        return (await actions.card_form(system, body["booking_id"])).client_secret
    except HoldfastError:  # it is over, or Stripe is away: the booking's page goes on with it
        return None
