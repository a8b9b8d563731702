"""What a booking's page says, as words a guest would use. Pure: the view and the time come in, words go out.

Never "failed" and never "try again" for a payment unless Stripe has said that it was not paid (F23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.money import formatted
from holdfast.web.rendering import short_moment

View = Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """`kind` chooses the mark and its colour: good, wait, warn, bad, info."""

    badge: str
    kind: str
    title: str
    text: str


@dataclass(frozen=True)
class NotOnSale:
    title: str
    text: str


STATES: Mapping[str, State] = {
    "pending": State(
        "Held for you", "wait", "Your seats are held", "They are yours as soon as they are paid."
    ),
    "requested": State(
        "Asked for", "wait", "Your request is on its way", "You are charged only if it is accepted."
    ),
    "confirmed": State("Confirmed", "good", "Your booking is confirmed", "We look forward to seeing you."),
    "in_progress": State("Under way", "good", "Enjoy your evening", "Your booking is under way."),
    "completed": State(
        "Over", "info", "Thank you for coming", "This evening is over. We hope to see you again."
    ),
    "no_show": State("Missed", "info", "We missed you", "This booking was not used."),
    "declined": State("Declined", "info", "It could not be accepted", "You were not charged."),
    "cancelled": State(
        "Cancelled", "info", "This booking is cancelled", "The seats are free for others again."
    ),
    "expired": State(
        "Lapsed", "info", "The time to pay is over", "The seats went back on sale and nothing was booked."
    ),
    "stuck": State(
        "With our staff",
        "warn",
        "A person is looking at it",
        "Something about this payment needs a human eye. Your money is safe: either your booking is confirmed or every penny "
        "goes back to you. We write to you as soon as it is settled; you need not do anything.",
    ),
}
CHECKING = State(
    "Being checked",
    "wait",
    "We are checking with the bank",
    "Your seats are held meanwhile. This page changes by itself as soon as we know.",
)

# What the timeline calls things → the words, their mark, and whether a guest is told.
TIMELINE: Mapping[str, tuple[str, str, bool]] = {
    "held": ("Seats held", "wait", True),
    "hold_extended": ("Held for longer, because a card was declined", "wait", True),
    "payment_page_opened": ("Payment page opened", "info", False),
    "payment_failed": ("Your bank said no to a payment", "warn", True),
    "paid": ("Paid", "good", True),
    "confirmed": ("Booking confirmed", "good", True),
    "running_late": ("Coming later", "info", True),
    "mailed": ("Message sent", "good", True),
    "mail_failed": ("A message could not be delivered; a person sees to it", "warn", True),
    "mail_not_needed": ("A message was not needed any more", "info", False),
    "mail_again": ("Message sent once more", "info", False),
    "sms_stop": ("Asked for no more SMS", "info", False),
    "sms_start": ("Asked for SMS again", "info", False),
    "sms_help": ("Asked for help by SMS", "info", False),
    "sms_other": ("Answered by SMS", "info", False),
    "message_written": ("Message written by hand", "info", False),
    "customer_merged": ("Joined to another row of the same customer", "info", False),
    "customer_merge_undone": ("Given back to the customer whose it was", "info", False),
    "provider_told": ("Message to the provider sent", "good", False),
    "provider_not_told": ("A message to the provider did not arrive; a person sees to it", "warn", False),
    "provider_message_not_needed": ("A message to the provider was not needed any more", "info", False),
    "arrived": ("You have arrived", "good", True),
    "arrival_undone": ("Arrival taken back", "info", True),
    "completed": ("It took place", "good", True),
    "no_show": ("Marked as missed", "info", True),
    "cancelled": ("Booking cancelled", "info", True),
    "declined": ("Declined", "info", True),
    "expired": ("Not paid in time; the seats went back on sale", "info", True),
    "stuck": ("Handed to a person", "warn", True),
    "money_goes_back": ("Your money goes back", "info", True),
    "refund_owed": ("Refund ordered", "info", True),
    "refund_pending": ("Refund on its way", "wait", True),
    "refund_succeeded": ("Refund sent to your card", "good", True),
    "refund_failed": ("A refund did not arrive; a person sees to it", "warn", True),
    "refund_paid_otherwise": ("Your money was paid back in another way", "good", True),
    "refunded_outside": ("Refunded by our staff", "good", True),
    "disputed": ("The bank asks about this payment", "warn", False),
    "rebuilt": ("Brought back from what the bank knows", "good", True),
    "booking_made_again": ("Booking put right", "good", True),
    "repaired": ("Put right by a check", "good", False),
}
MAILED = frozenset(
    {
        "mailed",
        "mail_failed",
        "mail_not_needed",
        "mail_again",
        "provider_told",
        "provider_not_told",
        "provider_message_not_needed",
    }
)
WHY_MONEY_GOES_BACK = {
    "late": "It came after the hold was over, and the seats were gone",
    "surplus": "It was paid twice",
    "cancelled": "The booking was cancelled",
}

MESSAGES: Mapping[str, str] = {
    "booking_confirmed": "Confirmation",
    "booking_cancelled": "Cancellation",
    "booking_link": "Link to this booking, as you asked",
    "payment_failed": "About your payment",
    "money_returned": "Money returned",
    "booking_moved": "Change of time or place",
    "booking_rescheduled": "Another time",
    "request_received": "Your request was sent",
    "request_declined": "The answer",
    "authorisation_lost": "About the authorisation of your card",
    "booking_started": "Link that completes this booking",
    "reminder": "Reminder",
    "note": "A message from us",
    # To the provider: customers do not see these.
    "request_to_answer": "To the provider: a new request",
    "request_reminder": "To the provider: reminder of the request",
    "request_withdrawn": "To the provider: request withdrawn",
    "provider_booking_confirmed": "To the provider: booked",
    "provider_booking_cancelled": "To the provider: cancelled",
    "provider_booking_rescheduled": "To the provider: another time",
    "provider_authorisation_lost": "To the provider: authorisation lost",
}
MESSAGE_STATES: Mapping[str, tuple[str, str]] = {
    "queued": ("On its way", "wait"),
    "sending": ("On its way", "wait"),
    "sent": ("Sent", "good"),
    "delivered": ("Delivered", "good"),
    "failed": ("Could not be delivered; a person sees to it", "warn"),
    "suppressed": ("Not sent: no address", "info"),
}
REFUND_STATES: Mapping[str, tuple[str, str]] = {
    "owed": ("ordered", "wait"),
    "asked": ("on its way", "wait"),
    "pending": ("on its way", "wait"),
    "succeeded": ("sent back to your card", "good"),
    "failed": ("did not arrive; a person sees to it", "warn"),
}


def refund_rule(tiers: Sequence[Mapping[str, Any]], starts_at: datetime, time_zone: str, locale: str) -> str:
    """One sentence with real dates: until when how much comes back."""
    parts = []
    for tier in sorted(tiers, key=lambda tier: -int(tier["notice_hours"])):
        until = short_moment(starts_at - timedelta(hours=int(tier["notice_hours"])), time_zone, locale)
        percent = int(tier["percent"])
        parts.append(
            f"{'all of your money' if percent == 100 else f'{percent}% of it'} comes back if you cancel by {until}"
        )
    if not parts:
        return "Once paid, this booking cannot be refunded."
    sentence = ", ".join(parts) + "; after that, nothing."
    return sentence[0].upper() + sentence[1:]


def not_on_sale(event: View, now: datetime, locale: str) -> NotOnSale | None:
    """Why nobody can book now; None when everybody can."""
    zone = event["time_zone"]
    if event["status"] == "cancelled":
        return NotOnSale(
            "This evening is cancelled", "Everybody who has paid gets their money back and hears from us."
        )
    if event["starts_at"] <= now:
        return NotOnSale("This evening is over", "Have a look at what is on next.")
    if event.get("on_sale_from") and now < event["on_sale_from"]:
        return NotOnSale(
            "Not on sale yet", f"Booking opens on {short_moment(event['on_sale_from'], zone, locale)}."
        )
    if event["status"] != "on_sale" or (event.get("on_sale_until") and event["on_sale_until"] <= now):
        return NotOnSale("Booking is closed", "No more seats are sold online for this evening.")
    return None


def guests_story(
    entries: Sequence[View],
    currency: str,
    locale: str,
    titles: Mapping[str, tuple[str, str, bool]] = TIMELINE,
) -> list[dict[str, Any]]:
    """The timeline in plain words, without what only staff need: who found something, and why a machine did it."""
    return [
        _titled(entry, titles) | {"text": _figures(entry, currency, locale), "actor": ""}
        for entry in entries
        if titles.get(entry["what"], ("", "", False))[2]
    ]


def staffs_story(
    entries: Sequence[View],
    currency: str,
    locale: str,
    titles: Mapping[str, tuple[str, str, bool]] = TIMELINE,
) -> list[dict[str, Any]]:
    """All of it, with who did it and why. What has no words of its own yet is shown as it is written."""
    return [
        _titled(entry, titles)
        | {"text": _joined(_figures(entry, currency, locale), _reasons(entry)), "actor": entry["actor"]}
        for entry in entries
    ]


def _titled(entry: View, titles: Mapping[str, tuple[str, str, bool]] = TIMELINE) -> dict[str, Any]:
    title, kind, _ = titles.get(entry["what"], (entry["what"].replace("_", " ").capitalize(), "info", False))
    return {"at": entry["at"], "title": title, "kind": kind}


def _figures(entry: View, currency: str, locale: str) -> str:
    detail = entry.get("detail") or {}
    seats, amount, refund = detail.get("seats"), detail.get("amount"), detail.get("refund")
    code = str(detail.get("currency") or currency).upper()
    minutes = detail.get("minutes")
    return _joined(
        (f"{minutes} minutes" if minutes else "on time after all") if entry["what"] == "running_late" else "",
        f"{seats} {'guest' if seats == 1 else 'guests'}" if isinstance(seats, int) else "",
        formatted(amount, code, locale) if isinstance(amount, int) and amount else "",
        f"{formatted(refund, code, locale)} comes back" if isinstance(refund, int) and refund else "",
        WHY_MONEY_GOES_BACK.get(str(detail.get("why")), "") if entry["what"] == "money_goes_back" else "",
        MESSAGES.get(str(detail.get("kind")), "") if entry["what"] in MAILED else "",
    )


def _reasons(entry: View) -> str:
    detail = entry.get("detail") or {}
    return _joined(*(str(detail[name]) for name in ("why", "because", "sentence") if detail.get(name)))


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
