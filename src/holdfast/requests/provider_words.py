"""What a provider's pages say about a request. Pure: a row and the time come in, words go out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.requests.expiry import NO_ANSWER
from holdfast.requests.lists import TIMES
from holdfast.requests.rules import in_words

Row = dict[str, Any]

LISTS = {"new": "New", "upcoming": "Upcoming", "past": "Past", "declined": "Declined"}
EMPTY = {
    "new": ("Nothing to answer", "New requests appear here by themselves, and you are told by e-mail."),
    "upcoming": ("Nothing is coming up", "What you accept is listed here."),
    "past": ("Nothing is over yet", "Afterwards you say here whether it took place."),
    "declined": (
        "Nothing was declined",
        "What was declined, withdrawn or not answered in time is listed here.",
    ),
}
BADGES = {
    "requested": ("Waiting for you", "wait"),
    "confirmed": ("Confirmed", "good"),
    "in_progress": ("Under way", "good"),
    "completed": ("Took place", "good"),
    "no_show": ("No-show", "info"),
    "declined": ("Declined", "info"),
    "cancelled": ("Cancelled", "info"),
    "expired": ("Card's authorisation gone", "warn"),
    "stuck": ("With the staff", "warn"),
}
ACCEPTED = ("Accepted", "wait")
CHARGING = "You have accepted. The card is being charged; it is confirmed as soon as the bank has said so."
STUCK = "A person is looking at the payment. You need not do anything; you are told what comes of it."
MARKED_IN = frozenset({"confirmed", "in_progress"})


def read_back(request: Row) -> Row:
    """A request as lists.py tells it, with its times as times."""
    times = {name: datetime.fromisoformat(request[name]) if request[name] else None for name in TIMES}
    customer = request["customer"]
    return {**request, **times, "contact_name": customer["name"], "contact_email": customer["email"]}


def shown(row: Row, now: datetime) -> Row:
    """The row of read_back with what the page adds: badge, note, what can be done, and how long is left."""
    accepted = row["status"] == "requested" and row["accepted_at"] is not None
    to_answer = row["status"] == "requested" and not accepted
    left = row["respond_by"] - now if to_answer else timedelta()
    return {
        **row,
        "badge": ACCEPTED if accepted else BADGES.get(row["status"], (row["status"], "info")),
        "note": _note(row, accepted),
        "to_answer": to_answer and left > timedelta(),
        "overdue": to_answer and left <= timedelta(),
        "seconds_left": max(0, int(left.total_seconds())),
        "left": time_left(left),
        "marks": marks(row, now),
        "may_cancel": row["status"] == "confirmed" and (row["starts_at"] is None or row["starts_at"] > now),
    }


def marks(row: Row, now: datetime) -> list[tuple[str, str]]:
    """Outcomes that may be marked now, with the words of their buttons."""
    if row["status"] not in MARKED_IN:
        return []
    if row["starts_at"] is None:
        return [("completed", "It is done")]
    if row["starts_at"] > now:
        return []
    none_came = [("no_show", "Nobody came")] if row["status"] == "confirmed" else []
    return [("completed", "It took place"), *none_came]


def time_left(left: timedelta) -> str:
    """1 day 4 hours; 3 hours 12 minutes; 12 minutes; less than a minute. static/requests.js counts in the same words."""
    minutes = max(0, int(left.total_seconds()) // 60)
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    parts = [(days, 1440), (hours, 60), (rest if not days else 0, 1)]
    return " ".join(in_words(count * size) for count, size in parts if count) or "less than a minute"


def _note(row: Row, accepted: bool) -> str:
    if accepted:
        return CHARGING
    if row["status"] == "stuck":
        return STUCK
    if row["status"] == "declined":
        reason = row["decline_reason"] or ""
        if reason == NO_ANSWER:
            return "It was not answered in time, so it was declined by itself."
        return f"The customer was told: {reason}" if reason else "No reason was given."
    if row["status"] == "expired":
        return "The card's authorisation ended before it could be charged. Nobody was charged."
    if row["status"] == "cancelled":
        return (
            "The booking was cancelled after it was confirmed."
            if row["confirmed_at"]
            else "The customer took it back."
        )
    return ""
