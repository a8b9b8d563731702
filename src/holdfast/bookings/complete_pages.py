"""The page that the link in an SMS opens, while a guest has still to say what is to be booked: seats, dishes, a name; then pay
or confirm. Shown at `/b/{token}` as long as nothing was said, at `/b/{token}/complete` as long as nothing is paid.

Looking at it changes nothing, whoever looks: programs that show a preview of a link open it too. Whatever goes wrong, the page
comes back with everything that was typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.bookings import completing, guest, order_pages, seating, store, words
from holdfast.bookings.actions import MenuQuantity, UnitSeats
from holdfast.bookings.forms import Typed, read_form
from holdfast.bookings.guest import GuestBooking
from holdfast.bookings.order_pages import Evening
from holdfast.customers.rules import normalised_email
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, SoldOut, Unavailable, ValidationFailed
from holdfast.money import formatted
from holdfast.payments.settle import settle_booking
from holdfast.system import System
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render

# What mail and SMS programs add to a link at the end of a sentence; a token has none of it.
WHOLE_TOKEN = re.compile(r"([\w-]{24})[^\w-]+.{0,20}")
TOKEN_LENGTH = 24
SMS = "sms"

OVER = words.State(
    "Lapsed",
    "info",
    "The time to complete it is over",
    "The seats went back on sale. Nothing was booked and nothing was charged.",
)
ASK_AGAIN = {
    "kind": "info",
    "title": "Would you still like to come?",
    "text": "Book again below while there are seats, or ask whoever had the SMS sent to you to send it once more: "
    "you get a new link.",
}
MEANWHILE = {
    "kind": "info",
    "title": "This booking has moved on meanwhile",
    "text": "Below is how it stands now. Nothing was changed by what you just pressed.",
    "free": [],
}
AWAY = {
    "kind": "warn",
    "title": "The bank cannot be reached just now",
    "text": "Your seats are still held, and all that you chose is below. Nothing was changed and nothing was charged. "
    "Send it again in a minute.",
    "free": [],
}

Row = dict[str, Any]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Choice:
    """What can be chosen: the event as this guest sees it (the seats that they hold count as free), and what they hold."""

    evening: Evening
    held: Mapping[int, int]  # unit → guests
    ordered: Mapping[int, int]  # dish → number


@router.get("/b")
@router.get("/b/")
async def no_token(request: Request) -> Response:
    return broken_link(request, "")


@router.get("/b/{token}/complete")
async def complete_page(request: Request, system: TheSystem, token: str) -> Response:
    """To choose once more, before it is paid."""
    found = await _settled(system, token)
    if not await is_open(system, found):
        return RedirectResponse(found.path, 303)
    return await shown(request, system, found)


@router.post("/b/{token}/complete")
async def complete(request: Request, system: TheSystem, token: str) -> Response:
    found = await _settled(system, token)
    async with request.form(max_fields=500, max_files=0) as form:
        typed = read_form(form.multi_items(), email_needed=False)
    if not await is_open(system, found):
        return RedirectResponse(f"{found.path}?moved=1", 303)
    choice = await _choice(system, found)
    if typed.step == "edit":
        return _form(request, system, found, choice, replace(typed, errors={}))
    typed = order_pages.checked(typed, choice.evening)
    if typed.errors:
        return _form(request, system, found, choice, typed, status=422)
    if typed.step != "book":
        return _review(request, found, choice, typed)
    return await _complete(request, system, found, choice, typed)


async def waits_for_guest(system: System, found: GuestBooking) -> bool:
    """Whether an SMS began it, and nobody has said yet what is to be booked."""
    return "completed_at" not in found.row["metadata"] and await _began_by_sms(system, found)


async def is_open(system: System, found: GuestBooking) -> bool:
    """Whether it can be completed, or changed before it is paid."""
    if found.status != "pending" or found.view["payment_under_way"] or is_over(system, found):
        return False
    return await _began_by_sms(system, found)


def is_over(system: System, found: GuestBooking) -> bool:
    """Whether the time to complete it has run out; its seats may still be about to go back."""
    return guest.seconds_left(found.row["expires_at"], system.clock.now()) == 0


def lapsed(found: GuestBooking) -> GuestBooking:
    """As it is in a moment: what nobody could pay for needs no look at the bank before its seats go back."""
    return replace(found, view={**found.view, "status": "expired"})


async def shown(request: Request, system: System, found: GuestBooking, *, moved: bool = False) -> Response:
    """The form, filled in with what is held and known. `moved`: what was just pressed came too late."""
    choice = await _choice(system, found)
    customer = found.view["customer"]
    contact = {name: customer.get(name) or "" for name in ("name", "email")}
    typed = Typed(contact, choice.held, choice.ordered)
    return _form(request, system, found, choice, typed, said=MEANWHILE if moved else None, fresh=True)


def broken_link(request: Request, token: str) -> Response:
    """Of a link that opens nothing: what may have happened to it, and what to do."""
    whole = WHOLE_TOKEN.fullmatch(token)
    if whole:
        return RedirectResponse(f"/b/{whole[1]}", 303)
    cut_off = len(token) < TOKEN_LENGTH
    return render(request, "bookings/broken_link.html", status=404, secret=True, cut_off=cut_off)


async def _complete(
    request: Request, system: System, found: GuestBooking, choice: Choice, typed: Typed
) -> Response:
    email = typed.contact["email"]
    wanted = completing.Completion(
        name=typed.contact["name"],
        email=normalised_email(email) if email else None,
        units=tuple(UnitSeats(unit_id, seats) for unit_id, seats in sorted(typed.seats.items())),
        menu=tuple(MenuQuantity(item_id, count) for item_id, count in sorted(typed.menu.items())),
    )
    try:
        placed = await completing.complete(system, found.booking_id, wanted)
    except SoldOut:
        choice = await _choice(system, found)
        return _form(request, system, found, choice, typed, said=_quicker(choice), status=409)
    except ValidationFailed as refused:
        said = {"kind": "bad", "title": "This could not be booked", "text": refused.detail, "free": []}
        return _form(request, system, found, choice, typed, said=said, status=422)
    except Conflict:  # it lapsed, or was paid or cancelled in another window
        return RedirectResponse(f"{found.path}?moved=1", 303)
    except Unavailable as away:
        if "token" in away.extra:  # all of it is kept, and only the page to pay at is missing
            return RedirectResponse(f"{found.path}?away=1", 303)
        return _form(request, system, found, choice, typed, said=AWAY, status=503)
    return RedirectResponse(placed.checkout_url or found.path, 303)


def _form(
    request: Request,
    system: System,
    found: GuestBooking,
    choice: Choice,
    typed: Typed,
    *,
    said: Row | None = None,
    status: int = 200,
    fresh: bool = False,
) -> Response:
    event, tenant = choice.evening.event, choice.evening.tenant
    units = seating.seating(choice.evening.units, typed.seats)
    mine = {**choice.held, **typed.seats}
    return render(
        request,
        "bookings/complete.html",
        status=status,
        secret=True,
        tenant=tenant,
        event={**event, "event_id": event["offering_id"]},
        token=found.path.rpartition("/")[2],
        reference=found.view["reference"],
        phone=found.view["customer"].get("phone"),
        expires_at=found.row["expires_at"],
        seconds_left=guest.seconds_left(found.row["expires_at"], system.clock.now()),
        first=[_held(unit, choice) for unit in units.values() if unit["unit_id"] in mine],
        others=[unit for unit in units.values() if unit["unit_id"] not in mine],
        others_open=not typed.seats or bool(said and said["free"]) or "units" in typed.errors,
        menu=seating.courses(choice.evening.menu, typed.menu),
        menu_open=bool(typed.menu) or any(name.startswith("menu-") for name in typed.errors),
        contact=typed.contact,
        errors=typed.errors,
        said=said,
        costs=_costs(choice),
        called_off=event["status"] == "cancelled",
        fresh=fresh,
        refund_rule=words.refund_rule(
            event["refund_tiers"], event["starts_at"], event["time_zone"], tenant["locale"]
        ),
    )


def _held(unit: Row, choice: Choice) -> Row:
    """A unit where this guest has seats says so."""
    mine = choice.held.get(unit["unit_id"], 0)
    more = unit["choices"] - mine
    if not mine:
        return unit
    whole = unit["pricing"] == "per_unit"
    return {
        **unit,
        "left": "Held for you" if whole or more <= 0 else f"{mine} held for you, {more} more free",
    }


def _review(request: Request, found: GuestBooking, choice: Choice, typed: Typed) -> Response:
    event, tenant = choice.evening.event, choice.evening.tenant
    units = seating.seating(choice.evening.units, typed.seats)
    lines = seating.lines(units, choice.evening.menu, typed.seats, typed.menu)
    total = sum(line["amount"] for line in lines)
    return render(
        request,
        "bookings/review.html",
        secret=True,
        tenant=tenant,
        event={**event, "event_id": event["offering_id"]},
        lines=lines,
        total=total,
        action=f"{found.path}/complete",
        go=f"Pay {formatted(total, event['currency'], tenant['locale'])}" if total else "Confirm",
        typed={**{name: value for name, value in typed.raw.items() if name != "step"}, **typed.contact},
        refund_rule=words.refund_rule(
            event["refund_tiers"], event["starts_at"], event["time_zone"], tenant["locale"]
        ),
    )


def _quicker(choice: Choice) -> Row:
    free = [
        f"{unit['label']}: {unit['choices']} free"
        for unit in seating.seating(choice.evening.units, {}).values()
        if unit["choices"]
    ]
    return order_pages.gone_words(free)


def _costs(choice: Choice) -> bool:
    return any(unit["price"] for unit in choice.evening.units) or any(
        item["price"] for item in choice.evening.menu
    )


async def _choice(system: System, found: GuestBooking) -> Choice:
    return await system.database.read(lambda conn: _read_choice(conn, found))


async def _read_choice(conn: Connection, found: GuestBooking) -> Choice:
    evening = await order_pages.read_evening(conn, found.event["offering_id"])
    claims = [
        one
        for one in await store.claims_of_booking(conn, found.booking_id)
        if one["released_at"] is None and not one["buffer"]
    ]
    own = {one["unit_id"]: one["seats"] for one in claims}
    units = [_without(unit, own.get(unit["unit_id"], 0)) for unit in evening.units]
    held = {one["unit_id"]: one["guests"] for one in claims}
    ordered = {int(line["item_id"]): int(line["quantity"]) for line in found.view["menu"] if line["item_id"]}
    return Choice(replace(evening, units=units), held, ordered)


def _without(unit: Row, own: int) -> Row:
    """A unit as it is without the seats that this guest holds there."""
    return {**unit, "taken": unit["taken"] - own, "held": max(unit["held"] - own, 0)}


async def _began_by_sms(system: System, found: GuestBooking) -> bool:
    return await system.database.read(lambda conn: store.source_of(conn, found.row["order_id"])) == SMS


async def _settled(system: System, token: str) -> GuestBooking:
    found = await system.database.read(lambda conn: guest.by_token(conn, token))
    await settle_booking(system, found.booking_id, "page")
    found = await system.database.read(lambda conn: guest.by_token(conn, token))
    if found.view["appointment"]:
        raise NotFound("There is nothing to complete here.")
    return found
