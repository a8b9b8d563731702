"""The calendar file of a booking (RFC 5545). The same UID and a higher SEQUENCE replace what the guest's
calendar has."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vText

UNTOLD_DURATION = timedelta(hours=3)  # of an event whose end is not known
CALENDAR_TYPE = "text/calendar"
# The cancellation must come after every change of the event itself.
CANCELLED_AFTER = 1000


def ics_of(
    booking: dict[str, Any],
    event: dict[str, Any],
    url: str,
    *,
    now: datetime | None = None,
    cancelled: bool = False,
) -> bytes:
    """`booking`: booking_id, reference, seats, created_at. `event`: title, venue, starts_at, ends_at,
    time_zone, version, and if known tenant_name and contact_email. `url` is the booking's permanent link; it
    is in the file, so the file is as secret as the link. `now` stamps the file; unset, it is as old as the
    booking."""
    calendar = Calendar()
    calendar.add("prodid", "-//Holdfast//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if cancelled else "PUBLISH")
    calendar.add_component(_event(booking, event, url, now or booking["created_at"], cancelled))
    year = event["starts_at"].year
    calendar.add_missing_timezones(first_date=date(year - 1, 1, 1), last_date=date(year + 2, 1, 1))
    return bytes(calendar.to_ical())


def _event(booking: dict[str, Any], event: dict[str, Any], url: str, now: datetime, cancelled: bool) -> Event:
    zone = ZoneInfo(event["time_zone"])
    starts = event["starts_at"].astimezone(zone)
    ends = event["ends_at"].astimezone(zone) if event.get("ends_at") else starts + UNTOLD_DURATION
    entry = Event()
    entry.add("uid", f"{booking['booking_id']}@holdfast")
    entry.add("dtstamp", now)
    entry.add("dtstart", starts)
    entry.add("dtend", ends)
    entry.add("summary", event["title"])
    if event.get("venue") or event.get("tenant_name"):
        entry.add("location", vText(event.get("venue") or event["tenant_name"]))
    if event.get("contact_email"):
        entry.add("organizer", f"mailto:{event['contact_email']}")
    entry.add("description", f"Booking {booking['reference']}{_guests(booking, event)}\n{url}")
    entry.add("url", url)
    entry.add("sequence", event["version"] + (CANCELLED_AFTER if cancelled else 0))
    entry.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    return entry


def _guests(booking: dict[str, Any], event: dict[str, Any]) -> str:
    return "" if event.get("offering_kind") == "appointment" else f", {booking['seats']} guests"
