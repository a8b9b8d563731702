"""Choosing a provider, a service and a time, and asking for it. Whatever goes wrong, the page comes back with everything that
was typed; nothing here needs scripts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.bookings import cancelling, guest
from holdfast.bookings import store as bookings
from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, HoldfastError, NotFound, NotOnSale, SlotTaken, ValidationFailed
from holdfast.ids import booking_token
from holdfast.providers import choosing, forms, store
from holdfast.providers.choosing import Choice
from holdfast.providers.forms import Asked
from holdfast.requests.actions import PlacedRequest, RequestWanted, place_request
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id, tenant_by_slug
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render
from holdfast.web.time_zones import visitors_zone

LARGEST_ID = 2**63 - 1
MOST_PROVIDERS = 200
LONGEST_QUERY = 100
LONGEST_FORM_ID = 40
ENDED = frozenset({"cancelled", "declined", "expired"})

Row = dict[str, Any]
Short = Annotated[str, Query(max_length=LONGEST_QUERY)]

router = APIRouter(include_in_schema=False)


@router.get("/providers")
async def providers_page(
    request: Request, system: TheSystem, tenant: Annotated[str | None, Query(max_length=63)] = None
) -> Response:
    """Everybody who can be booked; with `?tenant=slug` those of one business, in its colour."""

    async def read(conn: Connection) -> tuple[list[Row], list[Row], Row | None]:
        owner = await tenant_by_slug(conn, tenant) if tenant else None
        found = await store.public_providers(conn, tenant, MOST_PROVIDERS)
        offered = await store.services_of_many(conn, [one["provider_id"] for one in found])
        return found, offered, owner

    found, offered, owner = await system.database.read(read)
    listed = [
        {**one, "services": [service for service in offered if service["provider_id"] == one["provider_id"]]}
        for one in found
    ]
    return render(request, "providers/list.html", tenant=owner, providers=listed)


@router.get("/p/{provider_id}")
async def provider_page(request: Request, system: TheSystem, provider_id: int) -> Response:
    """A provider and what can be asked of them."""

    async def read(conn: Connection) -> tuple[Row, list[Row], Row | None]:
        one = await store.provider(conn, provider_id) if 0 < provider_id <= LARGEST_ID else None
        if one is None:
            raise NotFound("There is nobody at this address who could be booked.")
        offered = [one for one in await store.services_of(conn, provider_id) if one["status"] == "on_sale"]
        return one, offered, await tenant_by_id(conn, one["tenant_id"])

    provider, offered, tenant = await system.database.read(read)
    return render(
        request,
        "providers/provider.html",
        tenant=tenant,
        provider=provider,
        services=[choosing.service_words(one) for one in offered] if provider["active"] else [],
    )


@router.get("/p/{provider_id}/{offering_id}")
async def choose_page(
    request: Request,
    system: TheSystem,
    provider_id: int,
    offering_id: int,
    day: Short = "",
    slot: Short = "",
    zone: Short = "",
    again: Annotated[str, Query(alias="from", max_length=guest.LONGEST_TOKEN)] = "",
) -> Response:
    """`day` and `slot` are chosen already when an address says so; `?from=` the secret of an earlier request fills in who asks
    and what was told."""
    service, tenant = await _service(system, provider_id, offering_id)
    before = await _typed_before(system, again, offering_id) if again else {}
    asked = Asked({**before, "slot": slot, "zone": zone})
    hold = await _own_hold(system, request, offering_id)
    choice = await _choice(system, request, service, tenant, asked, day)
    return _form_page(request, system, choice, asked, hold=hold, secret=bool(again))


@router.post("/p/{provider_id}/{offering_id}")
async def ask(request: Request, system: TheSystem, provider_id: int, offering_id: int) -> Response:
    """`show` only looks at another day (without scripts, each day is a button of the form)."""
    service, tenant = await _service(system, provider_id, offering_id)
    async with request.form(max_fields=forms.MOST_FIELDS, max_files=0) as form:
        asked = forms.read_fields(form.multi_items())
    if "show" in asked.raw:
        choice = await _choice(system, request, service, tenant, asked, asked.text("show"))
        return _form_page(request, system, choice, asked)
    zone = visitors_zone(request, service["time_zone"], asked.text("zone"))
    asked = forms.checked(asked, service["timing"], offering_id, zone, service["region"])
    if asked.errors:
        choice = await _choice(system, request, service, tenant, asked, asked.text("day"))
        return _form_page(request, system, choice, asked, status=422)
    return await _place(request, system, service, tenant, asked)


async def _place(request: Request, system: System, service: Row, tenant: Row, asked: Asked) -> Response:
    said, near, status = None, None, 409
    booking_id = forms.booking_id_of_form(system.settings.secret_key, asked)
    try:
        made = await _made_before(system, booking_id) if booking_id else None
        if made is not None and made["status"] not in ENDED:
            return RedirectResponse(_next(system, made["booking_id"], made["status"]), 303)
        wanted = _wanted(service, asked, None if made else booking_id)
        placed = await _placed(request, system, wanted)
        token = booking_token(system.settings.secret_key, placed.booking_id)
        answer = RedirectResponse(_next(system, placed.booking_id, placed.status), 303)
        return _remembering(answer, system, service, asked, token)
    except NotOnSale:
        service, tenant = await _service(system, service["provider_id"], service["offering_id"])
    except Conflict as refused:
        # A second click may come here: then the first has made it.
        made = await _made_before(system, booking_id) if booking_id else None
        if made is not None and made["status"] not in ENDED:
            return RedirectResponse(_next(system, made["booking_id"], made["status"]), 303)
        if not isinstance(refused, SlotTaken):
            raise
        near = refused.extra.get("free", [])
        said = choosing.TAKEN
    except ValidationFailed as refused:
        said = {"kind": "bad", "title": "This could not be asked for", "text": refused.detail}
        status = 422
    except HoldfastError as away:
        if "token" not in away.extra:
            raise
        token = str(away.extra["token"])
        return _remembering(RedirectResponse(f"/b/{token}/card?away=1", 303), system, service, asked, token)
    choice = await _choice(system, request, service, tenant, asked, asked.text("day"), near=near)
    return _form_page(request, system, choice, asked, said=said, status=status)


async def _placed(request: Request, system: System, wanted: RequestWanted) -> PlacedRequest:
    """A time that this browser itself holds by an earlier form is let go first: its form was changed and sent again."""
    try:
        return await place_request(system, wanted)
    except SlotTaken:
        own = await _own_hold(system, request, wanted.offering_id)
        if own is None or own["starts_at"] != wanted.starts_at:
            raise
        let_go = await cancelling.request_cancel(system, own["booking_id"], "customer")
        if let_go.status != "cancelled":
            raise
        return await place_request(system, wanted)


def _wanted(service: Row, asked: Asked, booking_id: str | None) -> RequestWanted:
    phone = asked.text("phone")
    return RequestWanted(
        tenant_id=service["tenant_id"],
        provider_id=service["provider_id"],
        offering_id=service["offering_id"],
        starts_at=asked.starts_at,
        name=asked.text("name"),
        email=normalised_email(asked.text("email")),
        phone=normalised_phone(phone, service["region"]) if phone else None,
        details=asked.text("details"),
        source="page",
        booking_id=booking_id,
    )


def _next(system: System, booking_id: str, status: str) -> str:
    path = f"/b/{booking_token(system.settings.secret_key, booking_id)}"
    return f"{path}/card" if status == "pending" else path


async def _made_before(system: System, booking_id: str) -> Row | None:
    return await system.database.read(lambda conn: bookings.booking(conn, booking_id))


async def _choice(
    system: System,
    request: Request,
    service: Row,
    tenant: Row,
    asked: Asked,
    day: str,
    near: list[Row] | None = None,
) -> Choice:
    zone = visitors_zone(request, service["time_zone"], asked.text("zone"))
    now = system.clock.now()
    return await system.database.read(
        lambda conn: choosing.choice(conn, service, tenant, now, zone, day, asked.text("slot"), near)
    )


def _form_page(
    request: Request,
    system: System,
    choice: Choice,
    asked: Asked,
    *,
    said: Row | None = None,
    hold: Row | None = None,
    status: int = 200,
    secret: bool = False,
) -> Response:
    form_id = asked.text("form") or (hold and hold["form_id"]) or system.ids.new("frm")
    return render(
        request,
        "providers/choose.html",
        status=status,
        secret=secret,
        **choosing.page_context(choice, system.clock.now()),
        typed={name: asked.raw.get(name, "") for name in forms.CONTENT},
        errors=asked.errors,
        said=said,
        own_hold=hold,
        form_id=form_id,
        filled=any(asked.text(name) for name in forms.CONTACT),
        action=f"/p/{choice.service['provider_id']}/{choice.service['offering_id']}",
    )


async def _service(system: System, provider_id: int, offering_id: int) -> tuple[Row, Row]:
    """With its tenant. Raises NotFound; a draft, or another provider's, is not there."""

    async def read(conn: Connection) -> tuple[Row, Row]:
        in_range = 0 < offering_id <= LARGEST_ID
        service = await store.service(conn, offering_id) if in_range else None
        if service is None or service["provider_id"] != provider_id or service["status"] == "draft":
            raise NotFound("There is no such service.")
        tenant = await tenant_by_id(conn, service["tenant_id"])
        assert tenant is not None  # foreign key
        return service, tenant

    return await system.database.read(read)


async def _typed_before(system: System, token: str, offering_id: int) -> dict[str, str]:
    try:
        before = await system.database.read(lambda conn: guest.by_token(conn, token))
    except NotFound:
        return {}
    if before.event["offering_id"] != offering_id or not before.view["appointment"]:
        return {}
    contact = {name: before.view["customer"].get(name) or "" for name in forms.CONTACT}
    return {**contact, "details": before.view["appointment"]["details"]}


def _remembering(answer: Response, system: System, service: Row, asked: Asked, token: str) -> Response:
    """This browser's own request and the form that made it: coming back offers to go on with it, and the same form sent again
    leads to it."""
    answer.set_cookie(
        _cookie(service["offering_id"]),
        f"{token}.{asked.text('form')[:LONGEST_FORM_ID]}",
        max_age=service["hold_minutes"] * 60,
        path=f"/p/{service['provider_id']}/{service['offering_id']}",
        httponly=True,
        samesite="lax",
        secure=system.settings.public_url.startswith("https://"),
    )
    return answer


async def _own_hold(system: System, request: Request, offering_id: int) -> Row | None:
    token, _, form_id = request.cookies.get(_cookie(offering_id), "").partition(".")
    if not 0 < len(token) <= guest.LONGEST_TOKEN:
        return None
    try:
        found = await system.database.read(lambda conn: guest.by_token(conn, token))
    except NotFound:
        return None
    late = found.row["expires_at"] is None or found.row["expires_at"] <= system.clock.now()
    if found.event["offering_id"] != offering_id or found.status != "pending" or late:
        return None
    return {
        "token": token,
        "form_id": form_id,
        "booking_id": found.booking_id,
        "expires_at": found.row["expires_at"],
        "starts_at": found.event["starts_at"],
    }


def _cookie(offering_id: int) -> str:
    return f"holdfast_request_{offering_id}"
