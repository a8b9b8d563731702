"""Bookings over HTTP: placing, looking, cancelling; the staff's view and the kitchen's list."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic_core import to_json
from starlette.responses import Response

from holdfast.bookings import actions, cancelling, store, views
from holdfast.bookings import schemas as s
from holdfast.catalog import store as catalog
from holdfast.catalog.owners import EventOwners
from holdfast.catalog.views import NO_EVENT
from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.database.connection import Connection
from holdfast.errors import NotFound, Unauthorized
from holdfast.ids import booking_token
from holdfast.payments.settle import settle_booking
from holdfast.system import System
from holdfast.web.answers import json_response, problems
from holdfast.web.dependencies import ApiKey, TheSystem, caller_key, require_key
from holdfast.web.fields import EventIdInPath
from holdfast.web.idempotency import Answer, resumable
from holdfast.web.live import LiveStreams

NO_BOOKING = "There is no booking that this reference and token open."
NO_STAFF_BOOKING = "There is no such booking."
MOST_LISTED = 200

router = APIRouter(tags=["bookings"])
AdminKey = Annotated[ApiKey, Depends(require_key("admin"))]
BookingsKey = Annotated[ApiKey, Depends(require_key("bookings"))]
DoorKey = Annotated[ApiKey, Depends(require_key("door", "bookings"))]
TokenInQuery = Annotated[str, Query(max_length=200, description="The booking's secret")]


@router.post(
    "/api/events/{event_id}/bookings",
    status_code=201,
    response_model=s.BookingPlaced,
    responses=problems(404, 409, 413, 422, 429, 503),
    summary="Hold seats and get the page to pay at",
)
async def place_booking(
    event_id: EventIdInPath, wanted: s.PlaceBooking, request: Request, system: TheSystem
) -> Response:
    owners: EventOwners = request.app.state.event_owners
    owner = await owners.of(system, event_id)
    customer = wanted.customer
    email = normalised_email(customer.email)
    phone = normalised_phone(customer.phone, owner.region) if customer.phone else None

    async def work(booking_id: str, continued: bool) -> Answer:
        if continued:
            again = await actions.continue_booking(system, booking_id, with_checkout=wanted.checkout)
            if again is not None:
                return _placed(again)
        hold = actions.HoldRequest(
            tenant_id=owner.tenant_id,
            offering_id=event_id,
            units=tuple(actions.UnitSeats(unit.unit_id, unit.seats) for unit in wanted.units),
            menu=tuple(actions.MenuQuantity(item.item_id, item.quantity) for item in wanted.menu),
            name=customer.name,
            email=email,
            phone=phone,
            source="api",
            with_checkout=wanted.checkout,
            booking_id=booking_id,
        )
        return _placed(await actions.place_booking(system, hold))

    return await resumable(system, request, "public", "bkg", work, lambda body: _secrets(system, body))


@router.get(
    "/api/bookings/{reference}",
    response_model=s.BookingShown,
    responses=problems(404),
    summary="A guest's own booking; reading it settles it",
)
async def get_booking(reference: str, system: TheSystem, token: TokenInQuery = "") -> Response:
    booking = await _guests_booking(system, reference, token)
    await settle_booking(system, booking["booking_id"], "page")
    return json_response(
        await system.database.read(lambda conn: views.guest_view(conn, booking["booking_id"]))
    )


@router.get(
    "/api/bookings/{reference}/live",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "`booking` events"},
        **problems(404, 503),
    },
    summary="A booking's state as it changes (server-sent events)",
)
async def live_booking(
    reference: str, request: Request, system: TheSystem, token: TokenInQuery = ""
) -> Response:
    booking_id = (await _guests_booking(system, reference, token))["booking_id"]

    async def read() -> bytes:
        view = await system.database.read(lambda conn: views.guest_view(conn, booking_id))
        sent = [message["status"] for message in view["messages"] if message["kind"] == "booking_confirmed"]
        return to_json(
            {
                "status": view["status"],
                "message_status": sent[0] if sent else None,
                "expires_at": view.get("expires_at"),
            }
        )

    streams: LiveStreams = request.app.state.live
    return await streams.stream(f"booking:{booking_id}", "booking", read)


@router.post(
    "/api/bookings/{reference}/cancel",
    response_model=s.Cancelled,
    responses=problems(401, 404, 409, 422),
    summary="Cancel, or with `preview` see what would go back (token or key)",
)
async def cancel_booking(
    reference: str,
    request: Request,
    system: TheSystem,
    wanted: s.CancelBooking | None = None,
    token: TokenInQuery = "",
) -> Response:
    wanted = wanted or s.CancelBooking()
    booking, actor = await _cancellers_booking(system, request, reference, wanted.token or token)
    head = {"reference": booking["reference"], "preview": wanted.preview}
    if wanted.preview:
        preview = await cancelling.refund_preview(system, booking["booking_id"])
        return json_response({**head, "status": booking["status"], "refund": asdict(preview)})
    done = await cancelling.request_cancel(system, booking["booking_id"], actor)
    refund = {"amount": done.refund_amount, "currency": done.currency, "why": done.why}
    return json_response({**head, "status": done.status, "refund": refund})


@router.get(
    "/api/admin/bookings",
    response_model=s.StaffBookings,
    responses=problems(401, 403, 422),
    summary="Search bookings: name, e-mail, phone, reference, `cs_…`, `pi_…`, last four digits",
)
async def search_bookings(
    system: TheSystem,
    key: BookingsKey,
    query: Annotated[str, Query(max_length=200)] = "",
    status: Annotated[str | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
    after: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    found = await system.database.read(
        lambda conn: views.search_bookings(conn, key.tenant_id, query, status, limit, after)
    )
    return json_response({"bookings": found})


@router.get(
    "/api/admin/bookings/{which}",
    response_model=s.StaffBooking,
    responses=problems(401, 403, 404),
    summary="All of a booking, by its id or reference",
)
async def get_staff_booking(which: str, system: TheSystem, key: BookingsKey) -> Response:
    booking = await _staffs_booking(system, key, which)
    await settle_booking(system, booking["booking_id"], "operator")
    view = await system.database.read(
        lambda conn: views.staff_view(conn, key.tenant_id, booking["booking_id"])
    )
    return json_response(view)


@router.get(
    "/api/admin/events/{event_id}/kitchen",
    response_model=s.Kitchen,
    responses=problems(401, 403, 404),
    summary="What the kitchen cooks: by table, and in sum",
)
async def kitchen(event_id: EventIdInPath, system: TheSystem, key: DoorKey) -> Response:
    async def read(conn: Connection) -> dict[str, Any]:
        event = await catalog.event(conn, event_id)
        if event is None or event["tenant_id"] != key.tenant_id:
            raise NotFound(NO_EVENT)
        return await views.kitchen_list(conn, key.tenant_id, event_id)

    return json_response(await system.database.read(read))


@router.post(
    "/api/admin/sync-all-availability",
    response_model=s.Synced,
    responses=problems(401, 403),
    summary="Set every count of taken seats right, and say by how much it was wrong",
)
async def sync_all_availability(system: TheSystem, key: AdminKey) -> Response:
    return json_response(asdict(await actions.sync_all_availability(system, key.tenant_id)))


async def _guests_booking(system: System, reference: str, token: str) -> dict[str, Any]:
    found = await system.database.read(lambda conn: store.find_guest_booking(conn, reference.upper(), token))
    if found is None:
        raise NotFound(NO_BOOKING)
    return found


async def _staffs_booking(system: System, key: ApiKey, which: str) -> dict[str, Any]:
    """Of the key's own tenant; another's does not exist for it."""
    found = await system.database.read(lambda conn: store.booking_by_reference(conn, which, key.tenant_id))
    if found is None:
        raise NotFound(NO_STAFF_BOOKING)
    return found


async def _cancellers_booking(
    system: System, request: Request, reference: str, token: str
) -> tuple[dict[str, Any], str]:
    """The booking and who is acting: the guest by the token, or the staff by a key."""
    if token:
        return await _guests_booking(system, reference, token), "customer"
    key = await caller_key(request, system)
    if key is None or not key.may("bookings"):
        raise Unauthorized("This needs the booking's token, or a key with the scope bookings or admin.")
    return await _staffs_booking(system, key, reference), key.actor


def _placed(placed: actions.Placed) -> Answer:
    body = asdict(placed)
    secrets = {name: body.pop(name) for name in ("token", "booking_url")}
    return Answer(201, body, secrets)


async def _secrets(system: System, body: dict[str, Any]) -> dict[str, Any]:
    """What was left out of the remembered answer is derived again."""
    token = booking_token(system.settings.secret_key, body["booking_id"])
    return {"token": token, "booking_url": f"{system.settings.public_url}/b/{token}"}
