"""The page of an event, and its booking form.

With scripts the running total is in view and the form books at once; without, `step=review` shows every line and the total
first. Whatever goes wrong, the page comes back with everything that was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.bookings import actions, cancelling, guest, seating, store, words
from holdfast.bookings.forms import Typed, booking_id_of_form, read_form
from holdfast.catalog import store as catalog
from holdfast.catalog.plan import plan_of
from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError, NotFound, NotOnSale, SoldOut, ValidationFailed
from holdfast.money import formatted
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render

LARGEST_ID = 2**63 - 1
NOTHING = Typed({})
BOOKING_PATH = "/events"
LONGEST_FORM_ID = 40

Row = dict[str, Any]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Evening:
    """An event as its page needs it."""

    event: Row
    tenant: Row
    units: list[Row]
    menu: list[Row]


@router.get("/events/{event_id}")
async def event_page(
    request: Request,
    system: TheSystem,
    event_id: int,
    again: Annotated[str, Query(alias="from", max_length=guest.LONGEST_TOKEN)] = "",
) -> Response:
    """`?from=` the secret of an earlier booking fills everything in."""
    evening = await _evening(system, event_id)
    typed = (
        await system.database.read(lambda conn: _typed_before(conn, again, event_id)) if again else NOTHING
    )
    hold = await _own_hold(system, request, event_id)
    return _form_page(request, system, evening, typed, hold=hold, secret=bool(again))


@router.post("/events/{event_id}/book")
async def book(request: Request, system: TheSystem, event_id: int) -> Response:
    evening = await _evening(system, event_id)
    async with request.form(max_fields=500, max_files=0) as form:
        typed = read_form(form.multi_items())
    if typed.step == "edit":
        return _form_page(request, system, evening, replace(typed, errors={}))
    typed = checked(typed, evening)
    if typed.errors:
        return _form_page(request, system, evening, typed, status=422)
    if typed.step != "book":
        return _review(request, system, evening, typed)
    return await _place(request, system, evening, typed)


async def _place(request: Request, system: System, evening: Evening, typed: Typed) -> Response:
    booking_id = booking_id_of_form(system.settings.secret_key, typed)
    try:
        placed = await actions.continue_booking(system, booking_id) if booking_id else None
        if placed is None or placed.status in cancelling.ENDED:
            # The form of a booking that lapsed or was cancelled makes a new one: its own id is used up.
            fresh = None if placed else booking_id
            placed = await actions.place_booking(system, _hold_request(evening, typed, fresh))
    except SoldOut as refused:
        evening = await _evening(system, evening.event["offering_id"])
        return _form_page(request, system, evening, typed, said=_sold_out(refused), status=409)
    except NotOnSale:
        evening = await _evening(system, evening.event["offering_id"])
        return _form_page(request, system, evening, typed, status=409)
    except ValidationFailed as refused:
        said = {"kind": "bad", "title": "This could not be booked", "text": refused.detail, "free": []}
        return _form_page(request, system, evening, typed, said=said, status=422)
    except HoldfastError as away:
        if "token" not in away.extra:
            raise
        token = str(away.extra["token"])
        return _remembering(RedirectResponse(f"/b/{token}?away=1", 303), system, evening, typed, token)
    answer = RedirectResponse(placed.checkout_url or f"/b/{placed.token}", 303)
    return _remembering(answer, system, evening, typed, placed.token)


def _hold_request(evening: Evening, typed: Typed, booking_id: str | None) -> actions.HoldRequest:
    contact = typed.contact
    phone = contact["phone"]
    return actions.HoldRequest(
        tenant_id=evening.event["tenant_id"],
        offering_id=evening.event["offering_id"],
        units=tuple(actions.UnitSeats(unit_id, seats) for unit_id, seats in sorted(typed.seats.items())),
        menu=tuple(actions.MenuQuantity(item_id, count) for item_id, count in sorted(typed.menu.items())),
        name=contact["name"],
        email=normalised_email(contact["email"]),
        phone=normalised_phone(phone, evening.tenant["region"]) if phone else None,
        source="page",
        with_checkout=True,
        booking_id=booking_id,
    )


def checked(typed: Typed, evening: Evening) -> Typed:
    """With what only the rules of addresses and this event's own list can tell."""
    errors = dict(typed.errors)
    contact = typed.contact
    region = evening.tenant["region"]
    checks: dict[str, Callable[[str], str]] = {
        "email": normalised_email,
        "phone": lambda text: normalised_phone(text, region),
    }
    for name, check in checks.items():
        if contact[name] and name not in errors:
            try:
                check(contact[name])
            except ValidationFailed as wrong:
                errors[name] = wrong.detail
    units = {unit["unit_id"]: unit for unit in evening.units if not unit["buffer"]}
    for unit_id, seats in typed.seats.items():
        if unit_id not in units:
            errors["units"] = "One of the tables is no longer on sale. Please choose again."
        elif seats > units[unit_id]["capacity"]:
            errors[f"seats-{unit_id}"] = (
                f"{units[unit_id]['label']} has room for {units[unit_id]['capacity']}."
            )
    if not set(typed.menu) <= {item["item_id"] for item in evening.menu}:
        errors["units"] = "Something on the menu has changed. Please choose again."
    return replace(typed, errors=errors)


def _form_page(
    request: Request,
    system: System,
    evening: Evening,
    typed: Typed,
    *,
    said: Row | None = None,
    hold: Row | None = None,
    status: int = 200,
    secret: bool = False,
) -> Response:
    event, locale = evening.event, evening.tenant["locale"]
    units = seating.seating(evening.units, typed.seats)
    closed = words.not_on_sale(event, system.clock.now(), locale)
    return render(
        request,
        "bookings/event.html",
        status=status,
        secret=secret,
        tenant=evening.tenant,
        event=_event(event),
        units=units,
        plan=plan_of([unit for unit in evening.units if not unit["buffer"]]),
        menu=seating.courses(evening.menu, typed.menu),
        contact=typed.contact,
        errors=typed.errors,
        said=said,
        own_hold=hold,
        on_sale=closed is None,
        not_on_sale=closed,
        available=sum(unit["choices"] for unit in units.values()),
        held=sum(unit["held"] for unit in units.values()),
        costs=any(unit["price"] for unit in evening.units) or any(item["price"] for item in evening.menu),
        form_id=(hold and hold["form_id"]) or system.ids.new("frm"),
        filled=bool(typed.raw),
        refund_rule=words.refund_rule(event["refund_tiers"], event["starts_at"], event["time_zone"], locale),
    )


def _review(request: Request, system: System, evening: Evening, typed: Typed) -> Response:
    event, locale = evening.event, evening.tenant["locale"]
    units = seating.seating(evening.units, typed.seats)
    gone = [units[unit_id] for unit_id, seats in typed.seats.items() if seats > units[unit_id]["choices"]]
    closed = words.not_on_sale(event, system.clock.now(), locale)
    if gone or closed:
        said = _no_longer_free(gone, units) if gone else None
        return _form_page(request, system, evening, typed, said=said, status=409)
    lines = seating.lines(units, evening.menu, typed.seats, typed.menu)
    total = sum(line["amount"] for line in lines)
    return render(
        request,
        "bookings/review.html",
        tenant=evening.tenant,
        event=_event(event),
        lines=lines,
        total=total,
        action=f"{BOOKING_PATH}/{event['offering_id']}/book",
        go="Book for nothing"
        if total == 0
        else f"Hold these seats and pay {formatted(total, event['currency'], locale)}",
        typed={**{name: value for name, value in typed.raw.items() if name != "step"}, **typed.contact},
        refund_rule=words.refund_rule(event["refund_tiers"], event["starts_at"], event["time_zone"], locale),
    )


def _sold_out(refused: SoldOut) -> Row:
    free = [f"{unit['label']}: {unit['available']} free" for unit in refused.extra.get("free", [])]
    return gone_words(free)


def _no_longer_free(gone: list[Row], units: Mapping[int, Row]) -> Row:
    labels = " and ".join(unit["label"] for unit in gone)
    said = gone_words(
        [f"{unit['label']}: {unit['choices']} free" for unit in units.values() if unit["choices"]]
    )
    return {**said, "text": f"{labels} filled up while you were choosing. {said['text']}"}


def gone_words(free: list[str]) -> Row:
    text = "Still free:" if free else "Every seat is taken just now."
    text = f"Nothing was charged, and the rest of what you chose is kept. {text}"
    return {"kind": "warn", "title": "Somebody was quicker", "text": text, "free": free}


def _remembering(answer: Response, system: System, evening: Evening, typed: Typed, token: str) -> Response:
    """This browser's own hold and the form that made it: coming back to the page offers to go on with it, and the same form
    sent again leads to it instead of holding a second set of seats."""
    event = evening.event
    answer.set_cookie(
        _cookie(event["offering_id"]),
        f"{token}.{typed.raw.get('form', '')[:LONGEST_FORM_ID]}",
        max_age=event["hold_minutes"] * 60,
        path=f"{BOOKING_PATH}/{event['offering_id']}",
        httponly=True,
        samesite="lax",
        secure=system.settings.public_url.startswith("https://"),
    )
    return answer


async def _own_hold(system: System, request: Request, event_id: int) -> Row | None:
    token, _, form_id = request.cookies.get(_cookie(event_id), "").partition(".")
    if not 0 < len(token) <= guest.LONGEST_TOKEN:
        return None
    row = await system.database.read(lambda conn: store.booking_by_token(conn, token))
    now = system.clock.now()
    if (
        row is None
        or row["offering_id"] != event_id
        or row["status"] != "pending"
        or row["expires_at"] <= now
    ):
        return None
    return {"token": token, "form_id": form_id, "expires_at": row["expires_at"]}


def _cookie(event_id: int) -> str:
    return f"holdfast_hold_{event_id}"


async def _typed_before(conn: Connection, token: str, event_id: int) -> Typed:
    try:
        before = await guest.by_token(conn, token)
    except NotFound:
        return NOTHING
    if before.event["offering_id"] != event_id:
        return NOTHING
    contact = {name: before.view["customer"].get(name) or "" for name in ("name", "email", "phone")}
    seats = {int(unit["unit_id"]): int(unit["seats"]) for unit in before.view["units"]}
    menu = {int(item["item_id"]): int(item["quantity"]) for item in before.view["menu"]}
    return Typed(contact, seats, menu)


async def _evening(system: System, event_id: int) -> Evening:
    """Raises NotFound; a draft is nobody's to see."""

    async def read(conn: Connection) -> Evening:
        return await read_evening(conn, event_id)

    return await system.database.read(read)


async def read_evening(conn: Connection, event_id: int) -> Evening:
    event = await catalog.event(conn, event_id) if 0 < event_id <= LARGEST_ID else None
    if event is None or event["status"] == "draft":
        raise NotFound("There is no such event.")
    tenant = await tenant_by_id(conn, event["tenant_id"])
    assert tenant is not None  # foreign key
    menu = [item for item in await catalog.menu_of(conn, event_id) if item["active"]]
    return Evening(event, tenant, await catalog.units_of(conn, event_id), menu)


def _event(event: Row) -> Row:
    return {**event, "event_id": event["offering_id"]}
