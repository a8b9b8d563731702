"""A guest's own pages, behind the secret link `/b/{token}`: one page for the whole life of a booking.

Every load settles it first (rule 1), so that what is shown is what Stripe says now. Whatever can change something is a POST
from here; the page is never kept by a cache and its address is told to nobody.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.bookings import actions, cancelling, complete_pages, guest, lateness, order_pages
from holdfast.bookings.guest import GuestBooking
from holdfast.bookings.words import State
from holdfast.errors import Conflict, Expired, HoldfastError, NotFound, Unavailable
from holdfast.messages.calendar import CALENDAR_TYPE, ics_of
from holdfast.messages.qr import qr_svg
from holdfast.payments.intents import card_form
from holdfast.payments.settle import look_at, settle_booking
from holdfast.system import System
from holdfast.web.dependencies import TheSystem
from holdfast.web.problems import prefers_html
from holdfast.web.rendering import render
from holdfast.web.time_zones import visitors_zone

LONGEST_QUERY = 200
# States of a PaymentIntent in which a card has still to be given (docs.stripe.com/payments/paymentintents/lifecycle).
NEEDS_A_CARD = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
CANCELLABLE = frozenset({"pending", "requested", "confirmed"})
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex, nofollow"}
PAYMENT_PAGE_AWAY = {
    "kind": "warn",
    "title": "Your seats are held",
    "text": "The payment page cannot be reached just now; we keep trying. Press Pay in a moment: nothing has been charged.",
}
NOT_PAID = {
    "kind": "info",
    "title": "Nothing has been paid",
    "text": "Your seats are still held, and nothing you chose is lost.",
}
CANNOT_BE_CHANGED = {
    "kind": "info",
    "title": "This booking has moved on meanwhile",
    "text": "Below is how it stands now. Nothing was changed by what you just pressed.",
}
REFUND_HAS_CHANGED = {
    "kind": "warn",
    "title": "The amount has changed",
    "text": "Time has passed since you opened this page, so what comes back is different now. Please look again.",
}

Short = Annotated[str, Query(max_length=LONGEST_QUERY)]

router = APIRouter(include_in_schema=False)
router.include_router(order_pages.router)
router.include_router(complete_pages.router)
router.include_router(lateness.router)


@router.get("/b/{token}")
async def booking_page(
    request: Request,
    system: TheSystem,
    token: str,
    paid: Short = "",
    back: Short = "",
    away: Short = "",
    moved: Short = "",
    card: Short = "",
) -> Response:
    """`paid` is where Stripe leads after paying, `back` where it leads without, `card` where a card form does; none of them is
    believed (F27)."""
    try:
        found, known = await settled(system, token)
    except NotFound:
        if not prefers_html(request):
            raise
        return complete_pages.broken_link(request, token)
    if card and found.status == "pending" and found.view["appointment"]:
        if await card_is_still_needed(system, found):
            return RedirectResponse(f"{found.path}/card?again=1", 303)
        found = await read(system, token)
    under_way = bool(found.view["payment_under_way"])
    returned = bool(paid) or bool(card)
    waiting = found.status == "pending" and (returned or under_way or (bool(back) and not known))
    if found.status in {"pending", "expired"} and await complete_pages.waits_for_guest(system, found):
        if found.status == "pending" and not complete_pages.is_over(system, found):
            return await complete_pages.shown(request, system, found, moved=bool(moved))
        return shown(
            request,
            system,
            complete_pages.lapsed(found),
            waiting=False,
            said=complete_pages.ASK_AGAIN,
            state=complete_pages.OVER,
        )
    said = None
    if found.status == "pending" and not waiting:
        said = PAYMENT_PAGE_AWAY if away else NOT_PAID if back else None
    elif moved:
        said = CANNOT_BE_CHANGED
    return shown(request, system, found, waiting=waiting, session=paid, said=said)


@router.post("/b/{token}/pay")
async def pay(request: Request, system: TheSystem, token: str) -> Response:
    """To where it can be paid: the open payment page, or a new one when that is over."""
    found = await read(system, token)
    if found.view["appointment"]:
        return RedirectResponse(f"{found.path}/card", 303)
    if found.status == "pending" and await complete_pages.waits_for_guest(system, found):
        return RedirectResponse(found.path, 303)
    try:
        return RedirectResponse(await actions.open_checkout(system, found.booking_id), 303)
    except Unavailable:
        return shown(
            request, system, await read(system, token), waiting=False, said=PAYMENT_PAGE_AWAY, status=503
        )
    except (Expired, Conflict):
        return RedirectResponse(f"{found.path}?moved=1", 303)


@router.post("/b/{token}/change")
async def change(system: TheSystem, token: str) -> Response:
    """Lets the held seats go and opens the event again with everything filled in. What was paid meanwhile stays paid."""
    found, _ = await settled(system, token)
    if await complete_pages.is_open(system, found):
        return RedirectResponse(f"{found.path}/complete", 303)
    if found.status == "pending":
        try:
            await cancelling.request_cancel(system, found.booking_id, "customer")
        except Conflict:
            return RedirectResponse(f"{found.path}?moved=1", 303)
        found = await read(system, token)
    if found.status not in {"pending", "cancelled", "expired"}:
        return RedirectResponse(f"{found.path}?moved=1", 303)
    return RedirectResponse(f"{ordering_path(found)}?from={found.token}", 303)


@router.get("/b/{token}/cancel")
async def cancel_preview(request: Request, system: TheSystem, token: str) -> Response:
    found, _ = await settled(system, token)
    return await preview(request, system, found)


@router.post("/b/{token}/cancel")
async def cancel(
    request: Request, system: TheSystem, token: str, agreed: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """`agreed` is the refund that the guest saw: another one is shown first."""
    found, _ = await settled(system, token)
    if found.status in CANCELLABLE:
        offered = await cancelling.refund_preview(system, found.booking_id)
        if agreed != str(offered.amount):
            return await preview(request, system, found, said=REFUND_HAS_CHANGED, status=409)
        try:
            await cancelling.request_cancel(system, found.booking_id, "customer")
        except Conflict:
            return RedirectResponse(f"{found.path}?moved=1", 303)
        return RedirectResponse(found.path, 303)
    return RedirectResponse(f"{found.path}?moved=1", 303)


@router.get("/b/{token}/qr.svg")
async def qr_code(system: TheSystem, token: str) -> Response:
    """The secret link itself, to be scanned at the door. Only of a booking that is good for entering."""
    found = await read(system, token)
    if found.status not in {"confirmed", "in_progress"}:
        raise NotFound("There is a code only for a confirmed booking.")
    svg = qr_svg(link(system, found))
    if "xmlns=" not in svg:
        svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return Response(svg, media_type="image/svg+xml", headers=PRIVATE)


@router.get("/b/{token}/calendar.ics")
async def calendar_file(system: TheSystem, token: str) -> Response:
    found = await read(system, token)
    if found.event["starts_at"] is None:
        raise NotFound("This booking has no time to put into a calendar.")
    facts = {
        **found.event,
        "tenant_name": found.tenant["name"],
        "contact_email": found.tenant["contact_email"],
    }
    cancelled = found.status in {"cancelled", "expired", "declined"}
    body = ics_of(found.row, facts, link(system, found), now=system.clock.now(), cancelled=cancelled)
    name = f'attachment; filename="{found.view["reference"]}.ics"'
    return Response(body, media_type=CALENDAR_TYPE, headers={**PRIVATE, "Content-Disposition": name})


async def settled(system: System, token: str) -> tuple[GuestBooking, bool]:
    """The booking after Stripe was asked, and whether Stripe answered."""
    found = await read(system, token)
    answer = await settle_booking(system, found.booking_id, "page")
    return await read(system, token), answer != "unknown"


async def read(system: System, token: str) -> GuestBooking:
    return await system.database.read(lambda conn: guest.by_token(conn, token))


async def preview(
    request: Request,
    system: System,
    found: GuestBooking,
    *,
    said: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    if found.status not in CANCELLABLE:
        return RedirectResponse(found.path, 303)
    context = guest.page_context(found, system.clock.now(), waiting=False, zone=visitors(request, found))
    offered = await cancelling.refund_preview(system, found.booking_id)
    page: Response = render(
        request, "bookings/cancel.html", status=status, secret=True, **context, preview=offered, said=said
    )
    return page


def shown(
    request: Request,
    system: System,
    found: GuestBooking,
    *,
    waiting: bool,
    session: str = "",
    said: dict[str, Any] | None = None,
    state: State | None = None,
    status: int = 200,
) -> Response:
    zone = visitors(request, found)
    context = guest.page_context(found, system.clock.now(), waiting=waiting, session=session, zone=zone)
    context |= lateness.late_context(found, system.clock.now())
    template = "bookings/appointment.html" if found.view["appointment"] else "bookings/booking.html"
    if state is not None:
        context["state"] = state
    return render(request, template, status=status, secret=True, **context, said=said)


async def card_is_still_needed(system: System, found: GuestBooking) -> bool:
    """After the card form: whether Stripe itself says that no card is authorised yet. Unknown is not no: then the page waits."""
    try:
        attempt_id = await system.database.run(
            lambda conn: actions.attempt_to_pay(system, conn, found.booking_id)
        )
        form = await card_form(system, attempt_id)
        if form.status in NEEDS_A_CARD:
            return True
        # It was asked about less than two seconds ago, before the card was authorised: it is asked about once more.
        await look_at(system, attempt_id, "page")
    except HoldfastError:
        return False
    return False


def visitors(request: Request, found: GuestBooking, chosen: str = "") -> str:
    """The clock to show times on. An evening's times are those of its place; an appointment's those of the customer."""
    zone = str(found.event["time_zone"])
    return visitors_zone(request, zone, chosen) if found.view["appointment"] else zone


def ordering_path(found: GuestBooking) -> str:
    """Where a booking like this one is made."""
    offering_id = found.event["offering_id"]
    if found.view["appointment"]:
        return f"/p/{found.view['appointment']['provider']['provider_id']}/{offering_id}"
    return f"/events/{offering_id}"


def link(system: System, found: GuestBooking) -> str:
    return f"{system.settings.public_url}{found.path}"
