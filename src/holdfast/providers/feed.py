"""A provider's calendar as a feed (RFC 5545), for a calendar program that asks now and then.

One entry a booking, with an UID that never changes and a SEQUENCE that rises with whatever happens to it: requested is
tentative, accepted is confirmed, what does not take place stays a while as cancelled, so that programs that keep entries
remove it. In it is what a calendar needs, the customer's name and the booking's reference; how to reach them stands on the
provider's page, behind a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from icalendar import Calendar, Event, vDuration, vText

from holdfast.providers.rules import Row

SHOWN_AFTERWARDS = timedelta(days=90)
ASK_AGAIN = timedelta(minutes=15)
TENTATIVE = ("requested",)
HELD = ("confirmed", "in_progress", "completed", "no_show", "stuck")
# The cancellation comes after whatever else may happen to a booking.
CANCELLED_AFTER = 1000


def feed_of(provider: Row, bookings: Sequence[Row], requests_url: str) -> bytes:
    """`provider`: name, time_zone. `bookings`: rows of store.calendar_bookings. The same rows give the same bytes."""
    calendar = Calendar()
    calendar.add("prodid", "-//Holdfast//Providers//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", provider["name"])
    calendar.add("x-wr-calname", provider["name"])
    calendar.add("x-wr-timezone", provider["time_zone"])
    refresh = vDuration(ASK_AGAIN)
    refresh.params["VALUE"] = "DURATION"
    calendar.add("refresh-interval", refresh)
    calendar.add("x-published-ttl", vDuration(ASK_AGAIN))
    for booking in bookings:
        calendar.add_component(_entry(booking, requests_url))
    return bytes(calendar.to_ical())


def etag_of(feed: bytes) -> str:
    return f'"{sha256(feed).hexdigest()[:32]}"'


def sequence_of(booking: Row) -> int:
    """Rises with each step: requested, accepted, each time it is moved, cancelled."""
    steps = 2 * int(booking["times_rescheduled"]) + (0 if booking["status"] in TENTATIVE else 1)
    return steps + (CANCELLED_AFTER if _is_off(booking) else 0)


def shown_since(now: datetime) -> datetime:
    return now - SHOWN_AFTERWARDS


def _entry(booking: Row, requests_url: str) -> Event:
    entry = Event()
    entry.add("uid", f"{booking['booking_id']}@holdfast")
    entry.add("dtstamp", booking["changed_at"])
    entry.add("last-modified", booking["changed_at"])
    entry.add("dtstart", booking["starts_at"])
    entry.add("dtend", booking["ends_at"])
    entry.add("summary", f"{booking['name']}: {booking['title']}")
    if booking["venue"]:
        entry.add("location", vText(booking["venue"]))
    entry.add("description", f"{_words(booking)} {booking['reference']}\n{requests_url}")
    entry.add("url", requests_url)
    entry.add("sequence", sequence_of(booking))
    entry.add(
        "status",
        "CANCELLED" if _is_off(booking) else "TENTATIVE" if booking["status"] in TENTATIVE else "CONFIRMED",
    )
    entry.add("transp", "TRANSPARENT" if _is_off(booking) else "OPAQUE")
    return entry


def _is_off(booking: Row) -> bool:
    return booking["status"] not in TENTATIVE and booking["status"] not in HELD


def _words(booking: Row) -> str:
    if _is_off(booking):
        return "Does not take place."
    if booking["status"] in TENTATIVE:
        return "Accepted, being charged." if booking["accepted_at"] else "Waits for your answer."
    return "Booked."
