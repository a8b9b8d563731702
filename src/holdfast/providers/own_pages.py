"""A provider's own hours: the week, what differs from it, single slots, what is free next, and the calendar's link."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError, ValidationFailed
from holdfast.providers import actions, own_forms, store
from holdfast.providers.own_forms import Typed
from holdfast.providers.rules import DAY_NAMES
from holdfast.providers.schemas import ExceptionIn, SlotIn
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.provider_session import LARGEST_ID, SignedIn, signed_in
from holdfast.web.rendering import render

FREE_SHOWN = 8  # of each service
LOOKED_AHEAD = timedelta(days=92)
SAID = {
    "hours": "These are your hours from now on. What is booked stays booked.",
    "exception": "It is written down.",
    "slot": "The slot is added. It is offered as soon as it is in the list of what is free.",
    "removed": "It is taken away; your week's hours hold again.",
    "link": "The old link is dead. Put the new one into your calendar.",
}
WEEK, EXCEPTION, SLOT = "week", "exception", "slot"

Row = dict[str, Any]

router = APIRouter(include_in_schema=False, prefix="/provider/hours")


@router.get("")
async def hours_page(
    request: Request,
    system: TheSystem,
    said: Annotated[str, Query(max_length=20)] = "",
    exception: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
) -> Response:
    """`exception`: the one that was just added, so that what is booked within it can be shown."""
    here_as = await signed_in(request)
    return await _page(request, system, here_as, said=SAID.get(said, ""), added=exception)


@router.post("/week")
async def save_week(request: Request, system: TheSystem) -> Response:
    """All of it at once: what is left empty is closed."""
    here_as = await signed_in(request)
    typed = own_forms.read_fields((await request.form()).multi_items())
    week = own_forms.week(typed)
    if typed.errors:
        return await _page(request, system, here_as, form=WEEK, typed=typed)
    await system.database.run(lambda conn: actions.replace_hours(conn, here_as.provider_id, week))
    return _back(system, here_as, "hours")


@router.post("/exceptions")
async def add_exception(request: Request, system: TheSystem) -> Response:
    here_as = await signed_in(request)
    typed = own_forms.read_fields((await request.form()).multi_items())
    found = own_forms.exception(typed, here_as.provider["time_zone"])
    if found is None:
        return await _page(request, system, here_as, form=EXCEPTION, typed=typed)
    wanted = ExceptionIn.model_validate({**found, **_written(found, "starts_at", "ends_at")})
    now, provider_id = system.clock.now(), here_as.provider_id
    try:
        made = await system.database.run(lambda conn: actions.add_exception(conn, now, provider_id, wanted))
    except ValidationFailed as refused:
        typed.errors["until-day"] = refused.detail
        return await _page(request, system, here_as, form=EXCEPTION, typed=typed)
    return _back(system, here_as, "exception", made["exception_id"])


@router.post("/exceptions/{exception_id}/remove")
async def remove_exception(request: Request, system: TheSystem, exception_id: int) -> Response:
    here_as = await signed_in(request)
    number = exception_id if 0 < exception_id <= LARGEST_ID else 0
    await system.database.run(lambda conn: actions.remove_exception(conn, here_as.provider_id, number))
    return _back(system, here_as, "removed")


@router.post("/slots")
async def add_slot(request: Request, system: TheSystem) -> Response:
    here_as = await signed_in(request)
    typed = own_forms.read_fields((await request.form()).multi_items())
    services = await system.database.read(lambda conn: store.services_of(conn, here_as.provider_id))
    found = own_forms.single_slot(typed, _with_slots(services), here_as.provider["time_zone"])
    if found is None:
        return await _page(request, system, here_as, form=SLOT, typed=typed)
    wanted = SlotIn.model_validate({**found, **_written(found, "starts_at")})
    now, provider_id = system.clock.now(), here_as.provider_id
    try:
        await system.database.run(lambda conn: actions.add_slot(conn, now, provider_id, wanted))
    except HoldfastError as refused:
        typed.errors["time"] = refused.detail
        return await _page(request, system, here_as, form=SLOT, typed=typed)
    return _back(system, here_as, "slot")


@router.post("/calendar-link")
async def new_calendar_link(request: Request, system: TheSystem) -> Response:
    here_as = await signed_in(request)
    await system.database.run(lambda conn: actions.new_feed_address(system, conn, here_as.provider))
    return RedirectResponse("/provider/hours?said=link#calendar-link", 303)


async def _page(
    request: Request,
    system: System,
    here_as: SignedIn,
    *,
    said: str = "",
    added: int = 0,
    form: str = "",
    typed: Typed | None = None,
) -> Response:
    """`form` is the one that `typed` was typed into, with what is wrong with it."""
    now = system.clock.now()

    async def read(conn: Connection) -> Row:
        return await _facts(conn, here_as.provider_id, here_as.tenant_id, now, added)

    facts = await system.database.read(read)
    sent = typed or Typed()
    week = sent.values if form == WEEK else own_forms.values_of_hours(facts.pop("hours"))
    facts.pop("hours", None)
    zone = here_as.provider["time_zone"]
    return render(
        request,
        "providers/own_hours.html",
        status=422 if sent.errors else 200,
        here_as=here_as,
        here="/provider/hours",
        said=said,
        errors=sent.errors,
        form=form,
        typed=sent.values if form in {EXCEPTION, SLOT} else {},
        days=[(name, own_forms.spans_of(week, number)) for number, name in enumerate(DAY_NAMES, 1)],
        ask_which=form == SLOT and own_forms.comes_twice(sent, zone),
        time_zone=zone,
        feed_address=actions.feed_address(system, here_as.provider),
        **facts,
    )


async def _facts(conn: Connection, provider_id: int, tenant_id: int, now: datetime, added: int) -> Row:
    services = _with_slots(await store.services_of(conn, provider_id))
    ids = [one["offering_id"] for one in services]
    free = await store.free_slots(conn, ids, now, now + LOOKED_AHEAD, now) if ids else []
    exceptions = await store.exceptions_of(conn, provider_id, now)
    new = next((one for one in exceptions if one["exception_id"] == added and one["kind"] == "closed"), None)
    inside = await store.bookings_within(conn, provider_id, new["starts_at"], new["ends_at"]) if new else []
    return {
        "tenant": await tenant_by_id(conn, tenant_id),
        "hours": await store.hours_of(conn, provider_id),
        "exceptions": exceptions,
        "inside": inside,
        "services": services,
        "free": {
            one["offering_id"]: [slot for slot in free if slot["offering_id"] == one["offering_id"]][
                :FREE_SHOWN
            ]
            for one in services
        },
    }


def _with_slots(services: list[Row]) -> list[Row]:
    return [one for one in services if one["timing"] == "slot"]


def _written(found: Row, *names: str) -> dict[str, str]:
    """Moments as requests write them."""
    return {name: found[name].isoformat() for name in names}


def _back(system: System, here_as: SignedIn, said: str, exception_id: int = 0) -> Response:
    system.signals.tell(f"provider:{here_as.provider_id}")
    more = f"&exception={exception_id}" if exception_id else ""
    return RedirectResponse(f"/provider/hours?said={said}{more}", 303)
