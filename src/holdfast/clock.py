"""The only place that asks what time it is. Everything below the doors gets `now` as an argument."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands until it is moved: for tests and simulations."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> datetime:
        self._now += timedelta(**by)
        return self._now

    def set(self, to: datetime) -> None:
        self._now = to


def monotonic() -> float:
    """Seconds that only rise, for measuring how long something took."""
    return time.monotonic()


def from_unix(seconds: float) -> datetime:
    """Stripe's times are whole seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def rfc3339(moment: datetime) -> str:
    """2026-11-20T19:00:00Z: how times look in JSON."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
