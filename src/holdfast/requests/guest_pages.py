"""A customer's own pages of a request, behind the secret link: the card form, and moving to another time.

The card never meets us: Stripe's script draws its fields in frames of its own. Only the card form's page lets that script in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.bookings import guest
from holdfast.bookings import pages as booking_pages
from holdfast.bookings.guest import GuestBooking
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, Expired, SlotTaken, Unavailable, ValidationFailed
from holdfast.payments.intents import CardForm
from holdfast.providers import choosing, forms
from holdfast.providers import store as providers
from holdfast.providers.choosing import Choice
from holdfast.providers.forms import Asked
from holdfast.requests.actions import card_form
from holdfast.requests.moving import reschedule
from holdfast.settings import STRIPE_API, Settings
from holdfast.system import System
from holdfast.web.dependencies import TheSystem
from holdfast.web.rendering import render
from holdfast.web.security import content_security_policy, origin_of

STRIPE_SCRIPT = "https://js.stripe.com/v3/"
# docs.stripe.com/security/guide#content-security-policy
STRIPE_SCRIPTS = "https://js.stripe.com https://*.js.stripe.com"
STRIPE_FRAMES = f"{STRIPE_SCRIPTS} https://hooks.stripe.com"
STRIPE_CALLS = "https://api.stripe.com"
NO_CARD_NEEDED = frozenset({"requires_capture", "processing", "succeeded"})
AWAY: dict[str, str] = {
    "kind": "warn",
    "title": "The card form cannot be reached just now",
    "text": "Your request is kept, and nothing has been charged. Load this page again in a moment.",
}
NOT_AUTHORISED: dict[str, str] = {
    "kind": "warn",
    "title": "Your card is not authorised yet",
    "text": "The bank did not say yes, so nothing was charged. Your request is still kept: use the same card or another one.",
}
NO_KEY: dict[str, str] = {
    "kind": "warn",
    "title": "Cards cannot be taken here yet",
    "text": "Whoever runs this site has still to set it up (STRIPE_PUBLISHABLE_KEY). Nothing was charged.",
}

router = APIRouter(include_in_schema=False)


@router.get("/b/{token}/card")
async def card_page(
    request: Request,
    system: TheSystem,
    token: str,
    again: booking_pages.Short = "",
    away: booking_pages.Short = "",
) -> Response:
    """The card form of a request that waits for its card; whatever else it is, its own page tells. Loading it again or coming
    back to it changes nothing: the intent stays the same."""
    found, _ = await booking_pages.settled(system, token)
    left = guest.seconds_left(found.row["expires_at"], system.clock.now())
    if not found.view["appointment"] or found.status != "pending" or not left:
        return RedirectResponse(found.path, 303)
    try:
        form = await card_form(system, found.booking_id)
    except Unavailable:
        return _card_page(request, system, found, None, AWAY, 503)
    except (Expired, Conflict):
        return RedirectResponse(f"{found.path}?moved=1", 303)
    if form.status in NO_CARD_NEEDED:
        return RedirectResponse(f"{found.path}?card=1", 303)
    if not form.publishable_key:
        return _card_page(request, system, found, None, NO_KEY)
    return _card_page(request, system, found, form, NOT_AUTHORISED if again else None)


def _card_page(
    request: Request,
    system: System,
    found: GuestBooking,
    form: CardForm | None,
    said: dict[str, str] | None,
    status: int = 200,
) -> Response:
    zone = booking_pages.visitors(request, found)
    context = guest.page_context(found, system.clock.now(), waiting=False, zone=zone)
    back = f"{system.settings.public_url}{found.path}?card=1"
    answer = render(
        request,
        "requests/guest_card.html",
        status=status,
        secret=True,
        **context,
        said=said,
        form=form,
        back=back,
        script=script_address(system.settings),
        without_script=_hosted_form(system.settings, form, back) if form else None,
    )
    answer.headers["Content-Security-Policy"] = card_security(system.settings)
    # Apple Pay and Google Pay are asked for from Stripe's frame; a bank's page may open a window that has to find its way back.
    answer.headers["Permissions-Policy"] = f'payment=(self "{origin_of(script_address(system.settings))}")'
    answer.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    return answer


def script_address(settings: Settings) -> str:
    """Stripe.js must come from Stripe itself (docs.stripe.com/js/including); what stands in for Stripe serves its own."""
    return STRIPE_SCRIPT if settings.stripe_api_base == STRIPE_API else f"{settings.stripe_api_base}/v3/"


def card_security(settings: Settings) -> str:
    """The policy of every page, and on top of it what Stripe's script needs, for this page alone."""
    real = settings.stripe_api_base == STRIPE_API
    there = origin_of(settings.stripe_api_base)
    opened = {
        "script-src": STRIPE_SCRIPTS if real else there,
        "connect-src": STRIPE_CALLS if real else there,
        "frame-src": STRIPE_FRAMES if real else there,
    }
    policy = [part.strip() for part in content_security_policy(settings).split(";")]
    known = {part.partition(" ")[0] for part in policy}
    widened = [
        f"{part} {opened[name]}" if (name := part.partition(" ")[0]) in opened else part for part in policy
    ]
    return "; ".join([*widened, *(f"{name} {hosts}" for name, hosts in opened.items() if name not in known)])


def _hosted_form(settings: Settings, form: CardForm, back: str) -> str | None:
    """The sandbox has a page of its own for an intent; Stripe has none."""
    if settings.stripe_api_base == STRIPE_API:
        return None
    query = urlencode({"client_secret": form.client_secret, "return_url": back})
    return f"{settings.stripe_api_base}/pay/{form.payment_intent_id}?{query}"


@router.get("/b/{token}/reschedule")
async def reschedule_page(
    request: Request,
    system: TheSystem,
    token: str,
    day: booking_pages.Short = "",
    slot: booking_pages.Short = "",
    zone: booking_pages.Short = "",
) -> Response:
    found, _ = await booking_pages.settled(system, token)
    return await _moving_page(request, system, found, Asked({"slot": slot, "zone": zone}), day)


@router.post("/b/{token}/reschedule")
async def move(request: Request, system: TheSystem, token: str) -> Response:
    """`show` only looks at another day. A second click finds the booking at its new time already."""
    found, _ = await booking_pages.settled(system, token)
    appointment = found.view["appointment"]
    if not appointment:
        return RedirectResponse(found.path, 303)
    async with request.form(max_fields=forms.MOST_FIELDS, max_files=0) as form:
        asked = forms.read_fields(form.multi_items())
    if "show" in asked.raw:
        return await _moving_page(request, system, found, asked, asked.text("show"))
    zone = booking_pages.visitors(request, found, asked.text("zone"))
    asked = forms.with_time(asked, appointment["timing"], found.event["offering_id"], zone)
    if asked.errors or asked.starts_at is None:
        return await _moving_page(request, system, found, asked, asked.text("day"), status=422)
    if asked.starts_at == appointment["starts_at"]:
        return RedirectResponse(found.path, 303)
    try:
        await reschedule(system, found.booking_id, asked.starts_at, "customer")
    except SlotTaken as taken:
        near = taken.extra.get("free", [])
        return await _moving_page(
            request, system, found, asked, "", near=near, said=choosing.TAKEN, status=409
        )
    except ValidationFailed as refused:
        name = "slot" if appointment["timing"] == "slot" else "date"
        asked = replace(asked, errors={name: refused.detail})
        return await _moving_page(request, system, found, asked, asked.text("day"), status=422)
    except Conflict:
        return RedirectResponse(f"{found.path}?moved=1", 303)
    return RedirectResponse(found.path, 303)


async def _moving_page(
    request: Request,
    system: System,
    found: GuestBooking,
    asked: Asked,
    day: str,
    *,
    near: list[dict[str, Any]] | None = None,
    said: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    """Refused by the rules: the page says so, and has no form."""
    if not found.view["appointment"]:
        return RedirectResponse(found.path, 303)
    now, zone = system.clock.now(), booking_pages.visitors(request, found, asked.text("zone"))

    async def read(conn: Connection) -> Choice:
        service = await providers.service(conn, found.event["offering_id"])
        assert service is not None  # foreign key
        return await choosing.choice(
            conn, service, found.tenant, now, zone, day, asked.text("slot"), near, found.booking_id
        )

    choice = await system.database.read(read)
    context = guest.page_context(found, now, waiting=False, zone=zone)
    return render(
        request,
        "requests/guest_reschedule.html",
        status=status,
        secret=True,
        **{
            **context,
            **choosing.page_context(choice, now),
        },
        typed={name: asked.raw.get(name, "") for name in forms.CONTENT},
        errors=asked.errors,
        said=said,
    )
