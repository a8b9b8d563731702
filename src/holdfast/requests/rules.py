"""Requests: until when the provider answers, when a reminder is due, what may be moved, which list a request is in. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.bookings.rules import refund_percent
from holdfast.clock import rfc3339
from holdfast.errors import Conflict, ValidationFailed

# A capture is asked for a day before the authorisation lapses at the latest: time for tries, and for a person.
CAPTURE_MARGIN = timedelta(hours=24)
SHORTEST_HOLD = timedelta(days=4, hours=18)
SHORTEST_TO_ANSWER = timedelta(minutes=5)
# A provider who has not answered is reminded when a quarter of the time is left, and not more than half a day before the end.
REMIND_LATEST = timedelta(hours=12)
OVER = frozenset({"declined", "cancelled", "expired"})
ACCEPTED = frozenset({"confirmed", "in_progress", "completed", "no_show"})

Row = dict[str, Any]


def deadline(
    now: datetime, respond_minutes: int, starts_at: datetime | None, capture_before: datetime | None
) -> datetime:
    """Until when the provider may answer: the service's time, but never after the appointment begins or so late that the money
    could not be taken any more. Always some minutes, so that a request never ends at the moment it is made."""
    times = [now + timedelta(minutes=respond_minutes)]
    if starts_at is not None:
        times.append(starts_at)
    if capture_before is not None:
        times.append(capture_before - CAPTURE_MARGIN)
    return max(min(times), now + SHORTEST_TO_ANSWER)


def remind_at(requested_at: datetime, respond_by: datetime) -> datetime:
    """When a provider who was silent so far is reminded."""
    return respond_by - min((respond_by - requested_at) / 4, REMIND_LATEST)


def refuse_answer(order: Row, now: datetime) -> None:
    """Conflict, with the sentence for the provider, unless the request waits for an answer. `order` is locked."""
    status = order["status"]
    if status == "pending":
        raise Conflict("The customer's card is not authorised yet; there is nothing to answer.")
    if status == "declined":
        raise Conflict("This request was declined already.", booking_status=status)
    if status == "cancelled":
        raise Conflict("The customer has taken this request back.", booking_status=status)
    if status == "expired":
        raise Conflict("This request is over: the card's authorisation is gone.", booking_status=status)
    if status != "requested":
        raise Conflict(f"A booking that is {status} needs no answer.", booking_status=status)
    if now >= order["respond_by"]:
        raise Conflict("The time to answer was over.", booking_status=status)


def refuse_unseen_time(order: Row, seen: datetime | None) -> None:
    """Conflict when the customer has moved the request since it was read. None: whoever says yes names no time."""
    agreed = order["starts_at"]
    if seen is not None and (agreed is None or abs(agreed - seen) >= timedelta(seconds=1)):
        raise Conflict(
            "The customer has moved it to another time meanwhile. Look at the new time, then answer again.",
            starts_at=rfc3339(agreed) if agreed else None,
        )


def refuse_moving(order: Row, now: datetime) -> None:
    """Conflict, with the sentence for the customer, unless the booking may be moved to another time. `order` is locked."""
    status = order["status"]
    if order["timing"] is None or order["starts_at"] is None:
        raise Conflict("This booking has no time that could be moved.")
    if status not in {"requested", "confirmed"}:
        raise Conflict(f"A booking that is {status} cannot be moved.")
    if status == "requested" and order["accepted_at"] is not None:
        raise Conflict("It has just been accepted; try again in a moment.")
    if status == "confirmed" and order["timing"] == "proposed":
        raise Conflict("The time was agreed with the provider; cancel it and propose another.")
    if order["starts_at"] <= now:
        raise Conflict("It has begun already, so it cannot be moved any more.")
    notice = timedelta(minutes=order["reschedule_minutes"])
    if order["starts_at"] - now < notice:
        raise Conflict(f"It can be moved until {in_words(order['reschedule_minutes'])} before it begins.")
    if order["times_rescheduled"] >= order["most_reschedules"]:
        most = order["most_reschedules"]
        raise Conflict(
            "It cannot be moved."
            if most == 0
            else f"It was moved {most} time{'s' if most > 1 else ''} already, and that is the most."
        )


def refund_after_moving(order: Row, actor: str, now: datetime) -> int:
    """Percent: what a cancellation gives back at most once the booking is moved. Who moves a confirmed one gets no more for it
    later than at this moment; who could still withdraw for nothing, or is moved by others, loses nothing."""
    if actor != "customer" or order["status"] != "confirmed":
        return 100
    return refund_percent(order["refund_tiers"], order["starts_at"], now)[0]


def in_words(minutes: int) -> str:
    """2880 → "2 days", 90 → "90 minutes"."""
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0 and minutes >= size:
            count = minutes // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "0 minutes"


def clean_details(text: str | None) -> str:
    """What the customer tells the provider: as typed, without what cannot be stored."""
    cleaned = (text or "").replace("\r\n", "\n").strip()
    if len(cleaned) > 2000:
        raise ValidationFailed("The details are too long: 2,000 characters at most.")
    if any(ord(character) < 32 and character not in "\n\t" for character in cleaned):
        raise ValidationFailed("The details hold characters that cannot be shown.")
    return cleaned


def group(status: str, starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> str:
    """Which of the provider's lists a request is in: new, upcoming, past or declined; or held, while the card is being given."""
    if status == "pending":
        return "held"
    if status == "requested":
        return "new"
    if status in OVER:
        return "declined"
    if status in {"completed", "no_show"} or (ends_at is not None and ends_at <= now):
        return "past"
    return "upcoming"
