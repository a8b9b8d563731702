"""Bookings for staff: finding one, all of it with its money row by row, and the kitchen's list."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from holdfast.bookings import appointment_words, cancelling, store, views, words
from holdfast.bookings.rules import TRANSITIONS
from holdfast.catalog.store import event as event_by_id
from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError, NotFound, ValidationFailed
from holdfast.messages import record_store, records
from holdfast.messages.by_hand import send_again as send_message_again
from holdfast.messages.record_store import Wanted
from holdfast.messages.staff_words import FOR_MESSAGES
from holdfast.money import formatted, to_minor
from holdfast.payments.resolve import resolve_stuck
from holdfast.payments.settle import settle_booking
from holdfast.refunds.actions import refund_by_staff
from holdfast.system import System
from holdfast.tenants.store import tenant_by_id
from holdfast.web.dependencies import ApiKey, TheSystem
from holdfast.web.rendering import render
from holdfast.web.staff_session import signed_in

PAGE = 50
LONGEST_QUERY = 200
LARGEST_ID = 2**63 - 1
LONGEST_REASON = 200
MOST_MESSAGES = 200
REFUND_ID = r"^(ref_[0-9a-z]{26})?$"
SAID = {
    "settled": "Stripe was asked. What it says is below.",
    "unknown": "Stripe does not answer just now. Nothing was changed; the worker goes on asking.",
    "cancelled": "The booking is cancelled and its seats are free.",
    "asked": "The cancellation waits until Stripe has said that nothing is being paid.",
    "confirmed": "Accepted as it was paid; the booking is confirmed.",
    "given-back": "All of the money goes back and the booking is cancelled.",
    "sent-again": "The message is on its way once more.",
    "other-channel": "The message is on its way by the other channel.",
    "read": "The answer is marked as read.",
    "refunded": "The refund is ordered; the worker sends it to Stripe at once.",
}

Row = dict[str, Any]
Short = Annotated[str, Query(max_length=LONGEST_QUERY)]

router = APIRouter(include_in_schema=False, prefix="/staff")


@router.get("/bookings")
async def bookings(
    request: Request, system: TheSystem, query: Short = "", status: Short = "", after: Short = ""
) -> Response:
    """By name, e-mail, telephone, reference, `cs_`, `pi_`, or the last four digits of the card."""
    staff = await signed_in(request, "admin")
    chosen = status if status in TRANSITIONS else None

    async def read(conn: Connection) -> tuple[list[Row], Row | None]:
        found = await views.search_bookings(conn, staff.tenant_id, query, chosen, PAGE + 1, after or None)
        return found, await tenant_by_id(conn, staff.tenant_id)

    found, tenant = await system.database.read(read)
    more = (
        urlencode({"query": query, "status": status, "after": found[PAGE - 1]["booking_id"]})
        if len(found) > PAGE
        else ""
    )
    return render(
        request,
        "bookings/staff_bookings.html",
        staff=staff,
        tenant=tenant,
        here="/staff/bookings",
        bookings=found[:PAGE],
        states=words.STATES,
        asked={"query": query, "status": status},
        more=more,
    )


@router.get("/bookings/{which}")
async def booking(request: Request, system: TheSystem, which: str, said: Short = "") -> Response:
    staff = await signed_in(request, "admin")
    return await _shown(request, system, staff, which, SAID.get(said))


@router.post("/bookings/{which}/settle")
async def settle(request: Request, system: TheSystem, which: str) -> Response:
    """Asks Stripe now, by the one door (rule 1)."""
    staff = await signed_in(request, "admin")
    row = await _row(system, staff, which)
    return _back(row, await settle_booking(system, row["booking_id"], "operator"))


@router.post("/bookings/{which}/cancel")
async def cancel(request: Request, system: TheSystem, which: str) -> Response:
    """With the refund that its tiers give, as for the guest; any further refund is its own step."""
    staff = await signed_in(request, "admin")
    row = await _row(system, staff, which)
    try:
        done = await cancelling.request_cancel(system, row["booking_id"], staff.actor)
    except HoldfastError as refused:
        return await _shown(request, system, staff, which, refused.detail, refused.status)
    return _back(row, "asked" if done.status == "pending" else "cancelled")


@router.post("/bookings/{which}/refund")
async def refund(
    request: Request,
    system: TheSystem,
    which: str,
    amount: Annotated[str, Form(max_length=20)] = "",
    reason: Annotated[str, Form(max_length=LONGEST_REASON)] = "",
    refund_id: Annotated[str, Form(pattern=REFUND_ID)] = "",
) -> Response:
    """In major units as people write them; empty: all that is left. The form brings the id of its refund: pressed twice, it is
    one refund."""
    staff = await signed_in(request, "admin")
    row = await _row(system, staff, which)
    view = await system.database.read(lambda conn: views.staff_view(conn, staff.tenant_id, row["booking_id"]))
    assert view is not None  # _row found it
    try:
        await refund_by_staff(
            system,
            row["booking_id"],
            _amount(amount, view["currency"]),
            staff.actor,
            refund_id=refund_id or None,
            because=" ".join(reason.split()),
        )
    except HoldfastError as refused:
        return await _shown(request, system, staff, which, refused.detail, refused.status)
    return _back(row, "refunded")


@router.post("/bookings/{which}/resolve")
async def resolve(
    request: Request, system: TheSystem, which: str, decision: Annotated[Literal["accept", "refund"], Form()]
) -> Response:
    """What a person decides about one that is stuck."""
    staff = await signed_in(request, "admin")
    row = await _row(system, staff, which)
    try:
        status = await resolve_stuck(system, row["booking_id"], decision, staff.actor)
    except HoldfastError as refused:
        return await _shown(request, system, staff, which, refused.detail, refused.status)
    return _back(row, "confirmed" if status == "confirmed" else "given-back")


@router.post("/bookings/{which}/messages/{message_id}/again")
async def send_again(request: Request, system: TheSystem, which: str, message_id: str) -> Response:
    staff = await signed_in(request, "admin")
    row = await _row(system, staff, which)
    now = system.clock.now()
    try:
        await system.database.run(lambda conn: send_message_again(conn, system.ids, now, staff, message_id))
    except HoldfastError as refused:
        return await _shown(request, system, staff, which, refused.detail, refused.status)
    system.signals.tell("work:messages")
    return _back(row, "sent-again")


@router.get("/events/{event_id}/kitchen")
async def kitchen(request: Request, system: TheSystem, event_id: int) -> Response:
    staff = await signed_in(request, "door")

    async def read(conn: Connection) -> tuple[Row, Row | None, Row]:
        event = await event_by_id(conn, event_id) if 0 < event_id <= LARGEST_ID else None
        if event is None or event["tenant_id"] != staff.tenant_id:
            raise NotFound("There is no such event.")
        listed = await views.kitchen_list(conn, staff.tenant_id, event_id)
        return event, await tenant_by_id(conn, staff.tenant_id), listed

    event, tenant, listed = await system.database.read(read)
    return render(
        request,
        "bookings/kitchen.html",
        staff=staff,
        tenant=tenant,
        here="",
        event=event,
        listed=listed,
        as_of=system.clock.now(),
    )


async def _shown(
    request: Request, system: System, staff: ApiKey, which: str, said: str | None, status: int = 200
) -> Response:
    row = await _row(system, staff, which)

    async def read(conn: Connection) -> tuple[Row | None, Row | None, list[Row], list[Row]]:
        tenant_id, booking_id = staff.tenant_id, row["booking_id"]
        return (
            await views.staff_view(conn, tenant_id, booking_id),
            await tenant_by_id(conn, tenant_id),
            await records.listed(conn, tenant_id, Wanted(booking_id=booking_id), MOST_MESSAGES),
            await record_store.answers(conn, tenant_id, limit=MOST_MESSAGES, booking_id=booking_id),
        )

    view, tenant, messages, answers = await system.database.read(read)
    assert view is not None  # _row found it
    assert tenant is not None
    offered = (
        await cancelling.refund_preview(system, row["booking_id"])
        if view["status"] in {"pending", "confirmed"}
        else None
    )
    return render(
        request,
        "bookings/staff_booking.html",
        status=status,
        staff=staff,
        tenant=tenant,
        here="/staff/bookings",
        booking=view,
        state=words.STATES[view["status"]],
        money=_money(view, tenant["locale"]),
        left=_left(view),
        form_id=system.ids.new("ref"),
        offered=offered,
        story=words.staffs_story(
            view["timeline"],
            view["currency"],
            tenant["locale"],
            appointment_words.TIMELINE if view["appointment"] else words.TIMELINE,
        ),
        messages=messages,
        answers=answers,
        back=f"/staff/bookings/{row['booking_id']}",
        said=said,
        refused=status != 200,
        **FOR_MESSAGES,
    )


async def _row(system: System, staff: ApiKey, which: str) -> Row:
    """Of the key's own tenant; another's does not exist for it."""
    found = await system.database.read(lambda conn: store.booking_by_reference(conn, which, staff.tenant_id))
    if found is None:
        raise NotFound("There is no such booking.")
    return found


def _back(row: Row, said: str) -> Response:
    return RedirectResponse(f"/staff/bookings/{row['booking_id']}?said={said}", 303)


def _money(view: Row, locale: str) -> list[Row]:
    """Everything that moved, in the order in which it did, numbered."""
    accepted = (view["appointment"] or {}).get("accepted_at")
    paid = [
        {
            "at": views.paid_at(one["charged_at"], accepted) or one["recorded_at"],
            "what": "Payment" if one["purpose"] == "order" else "Payment, to be returned",
            "amount": formatted(one["captured"], one["currency"], locale),
            "state": f"captured, heard first from {one['found_by']}",
            "stripe": one["payment_intent_id"],
            "card": f"{one['card_brand'] or 'card'} {one['card_last4']}" if one["card_last4"] else "",
        }
        for one in view["payments"]
    ]
    back = [
        {
            "at": one["created_at"],
            "what": f"Refund ({one['reason']}, by {one['actor']})",
            "amount": "\N{MINUS SIGN}" + formatted(one["amount"], one["currency"], locale),
            "state": one["status"] + (f": {one['failure']}" if one["failure"] else ""),
            "stripe": one["stripe_refund_id"] or "",
            "card": "",
        }
        for one in view["refunds"]
    ]
    rows = sorted(paid + back, key=lambda row: row["at"])
    return [{"number": number, **row} for number, row in enumerate(rows, 1)]


def _left(view: Row) -> int:
    """What can still be given back, of the payment that is kept."""
    kept = {one["payment_id"]: one["captured"] for one in view["payments"] if one["purpose"] == "order"}
    gone = sum(
        one["amount"] for one in view["refunds"] if one["payment_id"] in kept and one["status"] != "failed"
    )
    left: int = sum(kept.values()) - gone
    return max(0, left)


def _amount(written: str, currency: str) -> int | None:
    text = written.strip()
    if not text:
        return None
    try:
        return to_minor(Decimal(text), currency)
    except (InvalidOperation, ValueError, OverflowError):
        raise ValidationFailed(f"{text} is not an amount in {currency}; write it like 12.50.") from None
