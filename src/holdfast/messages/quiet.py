"""Quiet hours: what can wait does not ring at night, by the tenant's clock. What a guest waits for is sent at once. Pure.

Only SMS keep them: an e-mail wakes nobody.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

# All else is an answer to what somebody does at that moment, or calls for one.
CAN_WAIT = frozenset({"reminder", "booking_moved", "money_returned"})
# News of an evening that begins sooner than this after the quiet hours is told at night too.
IN_TIME = timedelta(hours=2)


def quiet_end(now: datetime, zone: str, quiet_from: time | None, quiet_until: time | None) -> datetime | None:
    """When the quiet hours end that `now` lies in, in its own zone; None outside of them. They may pass midnight."""
    if quiet_from is None or quiet_until is None:
        return None
    local = now.astimezone(ZoneInfo(zone))
    clock = local.time().replace(tzinfo=None)
    past_midnight = quiet_until < quiet_from
    inside = (
        clock >= quiet_from or clock < quiet_until if past_midnight else quiet_from <= clock < quiet_until
    )
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if past_midnight and clock >= quiet_from else 0)
    return datetime.combine(day, quiet_until, ZoneInfo(zone)).astimezone(now.tzinfo)


def wait_until(
    kind: str,
    channel: str,
    now: datetime,
    zone: str,
    quiet_from: time | None,
    quiet_until: time | None,
    starts_at: datetime | None,
) -> datetime | None:
    """Until when a message of this kind waits; None: it is sent now. `starts_at` is the booking's."""
    if channel != "sms" or kind not in CAN_WAIT:
        return None
    end = quiet_end(now, zone, quiet_from, quiet_until)
    if end is None or (starts_at is not None and end > starts_at - IN_TIME):
        return None
    return end
