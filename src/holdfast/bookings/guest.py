"""What the pages of a booking show, put together from its view. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from holdfast.bookings import appointment_words, store, views, words
from holdfast.bookings.seating import TIMES
from holdfast.database.connection import Connection
from holdfast.errors import NotFound
from holdfast.tenants.store import tenant_by_id
from holdfast.web.rendering import short_moment

Row = dict[str, Any]
LONGEST_TOKEN = 100


@dataclass(frozen=True)
class GuestBooking:
    """A booking with what it is for (an event, or a provider's service at the order's own time). `token` is the secret of its
    link."""

    token: str
    row: Row
    view: Row
    event: Row
    tenant: Row

    @property
    def booking_id(self) -> str:
        return str(self.row["booking_id"])

    @property
    def status(self) -> str:
        return str(self.view["status"])

    @property
    def path(self) -> str:
        return f"/b/{quote(self.token)}"


async def by_token(conn: Connection, token: str) -> GuestBooking:
    """Raises NotFound for a secret that opens nothing, always in the same words."""
    row = await store.booking_by_token(conn, token) if len(token) <= LONGEST_TOKEN else None
    if row is None:
        raise NotFound("This link opens no booking.")
    offering = await store.offering(conn, row["offering_id"])
    tenant = await tenant_by_id(conn, row["tenant_id"])
    assert offering is not None  # foreign keys
    assert tenant is not None
    view = await views.guest_view(conn, row["booking_id"])
    appointment = view["appointment"]
    if appointment is not None:  # its time is the order's own, and moves with it
        times = {"starts_at": appointment["starts_at"], "ends_at": appointment["ends_at"]}
        offering = {**offering, **times, "version": offering["version"] + appointment["times_rescheduled"]}
    return GuestBooking(token, row, view, offering, tenant)


def page_context(
    booking: GuestBooking, now: datetime, *, waiting: bool, session: str = "", zone: str = ""
) -> Row:
    """Everything that booking.html names, except what was just said. `zone`: the clock that the visitor reads; that of the
    event's place unless told."""
    view, event, locale = booking.view, booking.event, booking.tenant["locale"]
    if view["appointment"]:
        return _of_appointment(booking, now, waiting, zone or event["time_zone"])
    messages = [_message(message) for message in view["messages"]]
    return {
        "tenant": booking.tenant,
        "event": {**event, "event_id": event["offering_id"]},
        "booking": {**view, "expires_at": booking.row["expires_at"]},
        "token": quote(booking.token),
        "session": quote(session),
        "waiting": waiting,
        "state": words.CHECKING if waiting else words.STATES[view["status"]],
        "seconds_left": seconds_left(booking.row["expires_at"], now),
        "refund_rule": words.refund_rule(
            event["refund_tiers"], event["starts_at"], event["time_zone"], locale
        ),
        "lines": _lines(view),
        "receipt": _receipt(view, event, locale),
        "messages": messages,
        "first_message_status": view["messages"][0]["status"] if view["messages"] else "",
        "story": words.guests_story(view.get("timeline", []), view["currency"], locale),
    }


def _of_appointment(booking: GuestBooking, now: datetime, waiting: bool, zone: str) -> Row:
    """The same names, and those that only an appointment has."""
    view, locale = booking.view, booking.tenant["locale"]
    appointment = view["appointment"]
    tiers = appointment["refund_tiers"]
    rule = appointment_words.refund_terms(tiers, appointment["starts_at"] is not None)
    if appointment["starts_at"] is not None:
        rule = words.refund_rule(tiers, appointment["starts_at"], zone, locale)
    movable, moving = appointment_words.moving_rules(view, now, zone, locale)
    again = f"/p/{appointment['provider']['provider_id']}/{booking.event['offering_id']}"
    return {
        "tenant": booking.tenant,
        "event": {**booking.event, "event_id": booking.event["offering_id"]},
        "booking": {**view, "expires_at": booking.row["expires_at"]},
        "appointment": appointment,
        "token": quote(booking.token),
        "session": "",
        "waiting": waiting,
        "zone": zone,
        "state": appointment_words.CHECKING if waiting else appointment_words.state_of(view, zone, locale),
        "seconds_left": seconds_left(booking.row["expires_at"], now) if view["status"] == "pending" else 0,
        "refund_rule": rule,
        "movable": movable,
        "moving_rule": moving,
        "reason": "" if appointment_words.is_unanswered(view) else appointment["decline_reason"] or "",
        "again": f"{again}?from={quote(booking.token)}",
        "lines": [{"label": booking.event["title"], "detail": "", "amount": view["amount"]}],
        "receipt": _receipt(view, {"time_zone": zone}, locale),
        "messages": [_message(message) for message in view["messages"]],
        "first_message_status": view["messages"][0]["status"] if view["messages"] else "",
        "story": words.guests_story(
            view.get("timeline", []), view["currency"], locale, appointment_words.TIMELINE
        ),
    }


def seconds_left(expires_at: datetime | None, now: datetime) -> int:
    return max(0, int((expires_at - now).total_seconds())) if expires_at else 0


def _lines(view: Mapping[str, Any]) -> list[Row]:
    units = [
        {"label": unit["label"], "detail": _guests(unit), "amount": unit["amount"]} for unit in view["units"]
    ]
    menu = [
        {"label": item["name"], "detail": f"{item['quantity']} {TIMES}", "amount": item["amount"]}
        for item in view["menu"]
    ]
    return units + menu


def _guests(unit: Mapping[str, Any]) -> str:
    return f"{unit['seats']} {'guest' if unit['seats'] == 1 else 'guests'}"


def _message(message: Mapping[str, Any]) -> Row:
    said, kind = words.MESSAGE_STATES.get(message["status"], (message["status"], "info"))
    return {
        "label": words.MESSAGES.get(message["kind"], message["kind"].replace("_", " ")),
        "words": said,
        "kind": kind,
    }


def _receipt(view: Mapping[str, Any], event: Mapping[str, Any], locale: str) -> list[Row]:
    """Money in, then money back. What was authorised first was paid when it was accepted, not when the card was given."""
    zone = event["time_zone"]
    accepted = (view["appointment"] or {}).get("accepted_at")
    paid = [
        {
            "label": _card(payment),
            "detail": _when(views.paid_at(payment.get("charged_at"), accepted), zone, locale),
            "amount": payment["captured"],
        }
        for payment in view.get("payments", [])
    ]
    back = [
        {
            "label": f"Refund, {_refund_state(refund)}",
            "detail": "",
            "amount": -refund["amount"],
        }
        for refund in view.get("refunds", [])
    ]
    return paid + back


def _refund_state(refund: Mapping[str, Any]) -> str:
    if refund["reason"] == "otherwise":
        return "paid back in another way"
    return words.REFUND_STATES[refund["status"]][0]


def _card(payment: Mapping[str, Any]) -> str:
    if not payment.get("card_last4"):
        return "Paid"
    return f"Paid by {str(payment.get('card_brand') or 'card').title()} ending {payment['card_last4']}"


def _when(at: datetime | str | None, zone: str, locale: str) -> str:
    return short_moment(at, zone, locale) if at else ""
