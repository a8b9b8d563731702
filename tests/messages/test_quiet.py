"""Quiet hours by the tenant's clock, across midnight and the nights when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from holdfast.messages.quiet import quiet_end, wait_until

LONDON = "Europe/London"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "begins", "ends", "until"),
    [
        ("2026-11-20 20:59", LONDON, time(21), time(8), None),
        ("2026-11-20 21:00", LONDON, time(21), time(8), "2026-11-21 08:00"),
        ("2026-11-21 07:59", LONDON, time(21), time(8), "2026-11-21 08:00"),
        ("2026-11-21 08:00", LONDON, time(21), time(8), None),
        ("2026-07-01 20:30", LONDON, time(21), time(8), "2026-07-02 07:00"),  # 21:30 there
        ("2026-11-20 12:30", LONDON, time(12), time(14), "2026-11-20 14:00"),
        ("2026-11-20 14:00", LONDON, time(12), time(14), None),
        ("2026-11-20 12:00", "Asia/Tokyo", time(21), time(8), "2026-11-20 23:00"),
        ("2026-11-20 21:30", LONDON, None, None, None),
        # The night of a change ends when the clock on the wall says so.
        ("2026-03-28 22:00", LONDON, time(21), time(8), "2026-03-29 07:00"),
        ("2026-10-24 21:00", LONDON, time(21), time(8), "2026-10-25 08:00"),
    ],
)
def test_when_the_quiet_hours_end(
    now: str, zone: str, begins: time | None, ends: time | None, until: str | None
) -> None:
    assert quiet_end(at(now), zone, begins, ends) == (at(until) if until else None)


def waits(kind: str, channel: str = "sms", starts_at: datetime | None = None) -> datetime | None:
    return wait_until(kind, channel, at("2026-11-20 22:00"), LONDON, time(21), time(8), starts_at)


def test_only_what_can_wait_waits_and_only_by_sms() -> None:
    morning = at("2026-11-21 08:00")
    assert waits("reminder") == waits("money_returned") == waits("booking_moved") == morning
    for kind in (
        "booking_started",
        "booking_confirmed",
        "booking_cancelled",
        "payment_failed",
        "note",
        "help",
    ):
        assert waits(kind) is None
    assert waits("reminder", "email") is None


def test_news_that_would_come_too_late_rings_at_night() -> None:
    morning = at("2026-11-21 08:00")
    assert waits("booking_moved", starts_at=morning + timedelta(hours=1)) is None
    assert waits("booking_moved", starts_at=morning + timedelta(hours=2)) == morning
