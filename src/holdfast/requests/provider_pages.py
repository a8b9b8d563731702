"""A provider's requests: to answer, coming up, over, declined. Works without scripts; with them (static/requests.js) the list is
live and the time left runs."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic_core import to_json

from holdfast.bookings.cancelling import cancel_by_provider
from holdfast.errors import HoldfastError, Unavailable
from holdfast.requests import answers, attendance, lists
from holdfast.requests.provider_words import EMPTY, LISTS, read_back, shown
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import TheSystem
from holdfast.web.fields import some_lines
from holdfast.web.live import LiveStreams
from holdfast.web.provider_session import SignedIn, signed_in
from holdfast.web.rendering import render

LONGEST_REASON = 500
MOST_SHOWN = 100
SAID = {
    "accepted": (
        "Accepted",
        "The card is charged now. The customer and you are told as soon as it is confirmed.",
    ),
    "confirmed": ("Accepted", "It is confirmed, and the customer is told."),
    "declined": ("Declined", "The customer is told, and was not charged."),
    "cancelled": ("Cancelled", "The customer is told, and gets back all that was paid."),
    "completed": ("Marked", "It took place."),
    "no_show": ("Marked", "Nobody came."),
}
# What a list is told apart by: when one of these changes, the page is drawn again.
MARKED = ("booking_id", "status", "accepted_at", "starts_at", "respond_by", "decline_reason")

Row = dict[str, Any]
Seen = Annotated[str, Form(max_length=40)]

router = APIRouter(include_in_schema=False, prefix="/provider")


@router.get("/requests")
async def requests_page(
    request: Request,
    system: TheSystem,
    which: Annotated[str, Query(alias="list", max_length=20)] = "new",
    said: Annotated[str, Query(max_length=20)] = "",
    part: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """`part=yes`: the list alone, for the page that is open already. Reading it mends orders that lost their booking."""
    here_as = await signed_in(request)
    return await _page(request, system, here_as, which, said=SAID.get(said), part=bool(part))


@router.get("/live")
async def live(request: Request, system: TheSystem) -> Response:
    """Server-sent events `requests`: that the lists have changed, and how many wait for an answer."""
    here_as = await signed_in(request)

    async def read() -> bytes:
        rows = await _rows(system, here_as)
        return to_json({"new": _waiting(rows), "mark": _mark(rows)})

    streams: LiveStreams = request.app.state.live
    return await streams.stream(f"provider:{here_as.provider_id}", "requests", read)


@router.post("/requests/{booking_id}/accept")
async def accept(request: Request, system: TheSystem, booking_id: str, seen: Seen = "") -> Response:
    here_as = await signed_in(request)
    try:
        answered = await answers.accept(
            system, booking_id, here_as.actor, here_as.provider_id, seen_time(seen)
        )
    except HoldfastError as refused:
        return await _refused(request, system, here_as, "new", refused)
    done = "confirmed" if answered.status == "confirmed" else "accepted"
    return RedirectResponse(f"/provider/requests?list=new&said={done}", 303)


@router.post("/requests/{booking_id}/decline")
async def decline(
    request: Request, system: TheSystem, booking_id: str, reason: Annotated[str, Form(max_length=4000)] = ""
) -> Response:
    """With a reason that the customer reads. One that cannot be used stays in its field, with what is wrong with it."""
    here_as = await signed_in(request)
    wrong = reason_problem(reason)
    if wrong:
        typed = {"booking_id": booking_id, "reason": reason, "error": wrong}
        return await _page(request, system, here_as, "new", typed=typed, status=422)
    try:
        await answers.decline(system, booking_id, here_as.actor, reason.strip(), here_as.provider_id)
    except HoldfastError as refused:
        return await _refused(request, system, here_as, "new", refused)
    return RedirectResponse("/provider/requests?list=new&said=declined", 303)


@router.post("/requests/{booking_id}/cancel")
async def cancel(
    request: Request, system: TheSystem, booking_id: str, reason: Annotated[str, Form(max_length=4000)] = ""
) -> Response:
    """Of what was accepted: all of the money goes back."""
    here_as = await signed_in(request)
    wrong = reason_problem(reason)
    if wrong:
        return await _page(request, system, here_as, "upcoming", wrong=wrong, status=422)
    try:
        await cancel_by_provider(system, booking_id, here_as.actor, here_as.provider_id, reason.strip())
    except HoldfastError as refused:
        return await _refused(request, system, here_as, "upcoming", refused)
    return RedirectResponse("/provider/requests?list=upcoming&said=cancelled", 303)


@router.post("/requests/{booking_id}/attendance")
async def mark(
    request: Request,
    system: TheSystem,
    booking_id: str,
    outcome: Annotated[str, Form(max_length=20)] = "",
    which: Annotated[str, Form(alias="list", max_length=20)] = "past",
) -> Response:
    here_as = await signed_in(request)
    try:
        done = await attendance.mark_attendance(
            system, booking_id, outcome, here_as.actor, here_as.provider_id
        )
    except HoldfastError as refused:
        return await _refused(request, system, here_as, which, refused)
    return RedirectResponse(f"/provider/requests?list={_list(which)}&said={done}", 303)


def seen_time(written: str) -> datetime | None:
    """The time that stood on the page when its button was pressed; None when it named none, or what is written is no time."""
    try:
        seen = datetime.fromisoformat(written)
    except ValueError:
        return None
    return seen if seen.tzinfo is not None else None


def reason_problem(reason: str) -> str:
    """What is wrong with a reason as it was typed; empty when it can be sent."""
    if len(reason.strip()) > LONGEST_REASON:
        return f"Please shorten the reason to {LONGEST_REASON} characters; it has {len(reason.strip())}."
    try:
        some_lines(reason)
    except ValueError:
        return "The reason holds characters that cannot be shown."
    return ""


async def _refused(
    request: Request, system: System, here_as: SignedIn, which: str, refused: HoldfastError
) -> Response:
    """A conflict is shown above the list as it stands now; what is not there, or is another's, is its own page."""
    if refused.status == 404 or isinstance(refused, Unavailable):
        raise refused
    return await _page(request, system, here_as, which, wrong=refused.detail, status=refused.status)


async def _rows(system: System, here_as: SignedIn) -> list[Row]:
    """But for holds: nobody has authorised anything yet, so there is nothing to see."""
    told = await lists.requests_of(system, here_as.provider_id)
    return [read_back(one) for one in told if one["status"] != "pending"]


async def _page(
    request: Request,
    system: System,
    here_as: SignedIn,
    which: str,
    *,
    said: tuple[str, str] | None = None,
    wrong: str = "",
    typed: Row | None = None,
    part: bool = False,
    status: int = 200,
) -> Response:
    rows = await _rows(system, here_as)
    tenant = await system.database.read(lambda conn: tenant_by_id(conn, here_as.tenant_id))
    chosen, now = _list(which), system.clock.now()
    listed = _in_order([row for row in rows if row["group"] == chosen], chosen)
    return render(
        request,
        "requests/provider_list.html" if part else "requests/provider_requests.html",
        status=status,
        tenant=tenant,
        here_as=here_as,
        here="/provider/requests",
        chosen=chosen,
        lists=LISTS,
        counts={name: sum(row["group"] == name for row in rows) for name in LISTS},
        waiting=_waiting(rows),
        mark=_mark(rows),
        requests=[shown(row, now) for row in listed[:MOST_SHOWN]],
        left_out=max(0, len(listed) - MOST_SHOWN),
        empty=EMPTY[chosen],
        said=said,
        wrong=wrong,
        typed=typed or {"booking_id": "", "reason": "", "error": ""},
        longest_reason=LONGEST_REASON,
    )


def _list(which: str) -> str:
    return which if which in LISTS else "new"


def _in_order(rows: list[Row], chosen: str) -> list[Row]:
    """What is most urgent first: by deadline, then by time; what is over, the latest first."""
    match chosen:
        case "new":
            return sorted(rows, key=lambda row: row["respond_by"])
        case "upcoming":
            return sorted(
                rows, key=lambda row: (row["starts_at"] is None, row["starts_at"] or row["created_at"])
            )
        case "past":
            return sorted(rows, key=lambda row: row["starts_at"] or row["created_at"], reverse=True)
        case _:
            return sorted(rows, key=lambda row: row["ended_at"] or row["created_at"], reverse=True)


def _waiting(rows: list[Row]) -> int:
    return sum(row["status"] == "requested" and row["accepted_at"] is None for row in rows)


def _mark(rows: list[Row]) -> str:
    told = to_json([[row[name] for name in MARKED] for row in rows])
    return hashlib.sha256(told).hexdigest()[:16]
