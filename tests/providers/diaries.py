"""Diaries as plain values, put into the database, and their free slots found the slow way: minute by minute, in Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.range import Range

from holdfast.providers.rules import OpeningHours, clock_text, on_weekly_clocks

DAY_MINUTES = 24 * 60

Span = tuple[datetime, datetime]
Slot = tuple[int, datetime, datetime]


@dataclass(frozen=True)
class Service:
    duration: int = 30
    step: int = 30
    before: int = 0
    after: int = 0
    lead: int = 0
    horizon: int = 365


@dataclass(frozen=True)
class Diary:
    """`taken`: what is blocked, buffers included; no two overlap."""

    time_zone: str = "Europe/London"
    hours: list[OpeningHours] = field(default_factory=list)
    opened: list[Span] = field(default_factory=list)
    closed: list[Span] = field(default_factory=list)
    taken: list[Span] = field(default_factory=list)
    services: list[Service] = field(default_factory=lambda: [Service()])


def expected(diary: Diary, service: Service, from_: datetime, until: datetime, now: datetime) -> set[Span]:
    """What is free, tried one by one."""
    lasts = timedelta(minutes=service.duration)
    earliest = max(from_, now + timedelta(minutes=service.lead))
    latest = min(until, now + timedelta(days=service.horizon))

    def is_free(starts: datetime) -> bool:
        ends = starts + lasts
        kept = (starts - timedelta(minutes=service.before), ends + timedelta(minutes=service.after))
        return (
            earliest <= starts < latest
            and not any(starts < closes and opens < ends for opens, closes in diary.closed)
            and not any(kept[0] < ends_ and starts_ < kept[1] for starts_, ends_ in diary.taken)
        )

    found = set()
    for opens, closes, end in _stretches(diary, from_, until):
        starts = opens
        while starts < closes:
            if starts + lasts <= end and is_free(starts):
                found.add((starts, starts + lasts))
            starts += timedelta(minutes=service.step)
    return found


def _stretches(
    diary: Diary, from_: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime, datetime]]:
    """When hours begin and end, and when those end that follow without a gap."""
    day = from_.date() - timedelta(days=3)
    while day <= until.date() + timedelta(days=3):
        for one in diary.hours:
            if one.weekday == day.isoweekday():
                minutes = (one.opens, one.closes, _open_until(diary.hours, one))
                opens, closes, end = (on_weekly_clocks(day, m, diary.time_zone) for m in minutes)
                yield opens, closes, end
        day += timedelta(days=1)
    for opens, closes in diary.opened:
        yield opens, closes, closes


def _open_until(hours: list[OpeningHours], of: OpeningHours) -> int:
    """In minutes after its day's midnight; two days are enough, no slot is longer than one."""
    spans = [
        (other.opens + shift * DAY_MINUTES, other.closes + shift * DAY_MINUTES)
        for shift in (0, 1)
        for other in hours
        if other.weekday == (of.weekday - 1 + shift) % 7 + 1
    ]
    end = of.closes
    while later := [closes for opens, closes in spans if opens <= end < closes]:
        end = max(later)
    return end


def put(conn: psycopg.Connection[Any], diary: Diary, now: datetime) -> list[int]:
    """The offering ids, in the order of its services."""
    tenant = _id(
        conn,
        "INSERT INTO tenants (slug, name, created_at) VALUES ('diary', 'A diary', %s) RETURNING tenant_id",
        now,
    )
    provider = _id(
        conn,
        "INSERT INTO providers (tenant_id, name, time_zone, created_at) VALUES (%s, 'P', %s, %s) RETURNING provider_id",
        tenant,
        diary.time_zone,
        now,
    )
    for one in diary.hours:
        conn.execute(
            "INSERT INTO opening_hours VALUES (%s, %s, %s, %s::text::time, %s::text::time) ON CONFLICT DO NOTHING",
            (tenant, provider, one.weekday, clock_text(one.opens), clock_text(one.closes)),
        )
    for kind, spans in (("open", diary.opened), ("closed", diary.closed)):
        for span in spans:
            conn.execute(
                """INSERT INTO opening_exceptions (tenant_id, provider_id, kind, during, created_at)
                   VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
                (tenant, provider, kind, Range(*span), now),
            )
    offerings = [_service(conn, tenant, provider, diary.time_zone, one, now) for one in diary.services]
    for number, span in enumerate(diary.taken):
        conn.execute(
            """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, taken, price, provider_id, during, blocked)
               VALUES (%s, %s, 'slot', %s, 1, 1, 0, %s, %s, %s)""",
            (tenant, offerings[0], f"Slot {number}", provider, Range(*span), Range(*span)),
        )
    return offerings


def _service(
    conn: psycopg.Connection[Any], tenant: int, provider: int, zone: str, service: Service, now: datetime
) -> int:
    offering = _id(
        conn,
        """INSERT INTO offerings (tenant_id, kind, title, time_zone, currency, provider_id, created_at)
           VALUES (%s, 'appointment', 'S', %s, 'GBP', %s, %s) RETURNING offering_id""",
        tenant,
        zone,
        provider,
        now,
    )
    conn.execute(
        """INSERT INTO services (offering_id, tenant_id, provider_id, price, timing, duration_minutes, step_minutes,
                                 buffer_before_minutes, buffer_after_minutes, lead_minutes, horizon_days)
           VALUES (%s, %s, %s, 0, 'slot', %s, %s, %s, %s, %s, %s)""",
        (
            offering, tenant, provider, service.duration, service.step, service.before, service.after, service.lead,
            service.horizon,
        ),
    )  # fmt: skip
    return offering


def free(
    conn: psycopg.Connection[Any], offerings: list[int], from_: datetime, until: datetime, now: datetime
) -> list[Slot]:
    return conn.execute(
        "SELECT offering_id, starts_at, ends_at FROM free_slots(%s, %s, %s, %s) ORDER BY 1, 2",
        (offerings, from_, until, now),
    ).fetchall()


def first(
    conn: psycopg.Connection[Any],
    offerings: list[int],
    from_: datetime,
    until: datetime,
    now: datetime,
    each: int,
) -> list[Slot]:
    return conn.execute(
        "SELECT offering_id, starts_at, ends_at FROM next_free_slots(%s, %s, %s, %s, %s) ORDER BY 1, 2",
        (offerings, from_, until, now, each),
    ).fetchall()


def _id(conn: psycopg.Connection[Any], statement: Any, *values: Any) -> int:
    row = conn.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])
