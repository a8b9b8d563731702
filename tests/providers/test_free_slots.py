"""Free slots, as PostgreSQL finds them, against a straightforward search in Python: whatever the hours, exceptions, buffers,
bookings and clocks are (F43, F52)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.database.connection import connection_options
from holdfast.providers.rules import OpeningHours
from tests.providers.diaries import DAY_MINUTES, Diary, Service, Slot, Span, expected, first, free, put

# Days on which clocks change, forward and back: by an hour, by half an hour (Lord Howe), at midnight (Havana, Cairo), and never.
CHANGES = [
    ("Europe/London", datetime(2027, 3, 28, tzinfo=UTC)),
    ("Europe/London", datetime(2027, 10, 31, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 14, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 11, 7, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 10, 3, tzinfo=UTC)),
    ("America/Havana", datetime(2027, 3, 14, tzinfo=UTC)),
    ("America/Havana", datetime(2027, 11, 7, tzinfo=UTC)),
    ("Asia/Tokyo", datetime(2027, 6, 30, tzinfo=UTC)),
    ("Pacific/Kiritimati", datetime(2027, 12, 31, tzinfo=UTC)),
]


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, options=connection_options()) as opened:
        yield opened


@st.composite
def hours(draw: st.DrawFn) -> OpeningHours:
    opens = draw(st.integers(0, 95)) * 15
    closes = draw(st.one_of(st.just(DAY_MINUTES), st.integers(opens // 15 + 1, 96).map(lambda n: n * 15)))
    return OpeningHours(draw(st.integers(1, 7)), opens, closes)


@st.composite
def spans(draw: st.DrawFn, around: datetime) -> Span:
    starts = around + timedelta(minutes=5 * draw(st.integers(-600, 900)))
    return starts, starts + timedelta(minutes=5 * draw(st.integers(1, 300)))


@st.composite
def taken(draw: st.DrawFn, around: datetime) -> list[Span]:
    found: list[Span] = []
    at = around - timedelta(days=2)
    for gap, lasts in draw(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 20)), max_size=6)):
        starts = at + timedelta(minutes=5 * gap)
        at = starts + timedelta(minutes=5 * lasts)
        found.append((starts, at))
    return found


services = st.builds(
    Service,
    duration=st.sampled_from([5, 15, 30, 50, 90, 300, 1440]),
    step=st.sampled_from([5, 15, 20, 30, 45, 60, 70]),
    before=st.sampled_from([0, 5, 30]),
    after=st.sampled_from([0, 10, 60]),
    lead=st.sampled_from([0, 0, 120, 1500]),
    horizon=st.sampled_from([2, 30, 365]),
)


@st.composite
def diaries(draw: st.DrawFn) -> tuple[Diary, datetime, datetime, datetime]:
    """With a period and the time at which it is asked."""
    zone, change = draw(st.sampled_from(CHANGES))
    week = {(one.weekday, one.opens): one for one in draw(st.lists(hours(), min_size=3, max_size=10))}
    made = Diary(
        zone,
        list(week.values()),
        draw(st.lists(spans(change), max_size=2)),
        draw(st.lists(spans(change), max_size=2)),
        draw(taken(change)),
        draw(st.lists(services, min_size=1, max_size=2)),
    )
    now = change - timedelta(minutes=draw(st.integers(0, 4 * DAY_MINUTES)))
    from_ = now + timedelta(minutes=draw(st.integers(-60, 2 * DAY_MINUTES)))
    return made, from_, from_ + timedelta(minutes=draw(st.integers(1, 5 * DAY_MINUTES))), now


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(one=diaries(), each=st.integers(1, 4))
def test_they_are_what_a_simple_search_finds(
    conn: psycopg.Connection[Any], one: tuple[Diary, datetime, datetime, datetime], each: int
) -> None:
    diary, from_, until, now = one
    with conn.transaction(force_rollback=True):
        offerings = put(conn, diary, now)
        slow: list[Slot] = []
        for offering, service in zip(offerings, diary.services, strict=True):
            slow += [(offering, *slot) for slot in sorted(expected(diary, service, from_, until, now))]
        assert free(conn, offerings, from_, until, now) == slow
        nearest = [
            slot
            for offering in offerings
            for slot in [candidate for candidate in slow if candidate[0] == offering][:each]
        ]
        assert first(conn, offerings, from_, until, now, each) == nearest
        for offering, starts, ends in slow[:3]:  # as take_request asks: only whether this very one is free
            moment = timedelta(microseconds=1)
            assert free(conn, [offering], starts, starts + moment, now) == [(offering, starts, ends)]


# ─── by hand: what a person would look up first ─────────────────────────────────────────────────────────────────────────

MONDAY = datetime(2027, 3, 1, tzinfo=UTC)  # Europe/London is at UTC then


def of(
    conn: psycopg.Connection[Any], diary: Diary, now: datetime, days: int = 1, from_: datetime = MONDAY
) -> list[str]:
    """The beginnings of the first service's free slots, in UTC."""
    with conn.transaction(force_rollback=True):
        offerings = put(conn, diary, now)
        found = free(conn, offerings[:1], from_, from_ + timedelta(days=days), now)
        return [starts.astimezone(UTC).strftime("%a %H:%M") for _, starts, _ in found]


def test_lead_time_and_horizon_end_to_the_second(conn: psycopg.Connection[Any]) -> None:
    hours = [OpeningHours(1, 600, 660)]
    ten = MONDAY + timedelta(hours=10)
    lead = Diary(hours=hours, services=[Service(lead=120)])
    second, hour = timedelta(seconds=1), timedelta(hours=1)
    assert of(conn, lead, ten - 2 * hour - second) == ["Mon 10:00", "Mon 10:30"]
    assert of(conn, lead, ten - 2 * hour) == ["Mon 10:00", "Mon 10:30"]
    assert of(conn, lead, ten - 2 * hour + second) == ["Mon 10:30"]
    horizon = Diary(hours=hours, services=[Service(horizon=7)])
    week = timedelta(days=7)
    assert of(conn, horizon, ten - week - second) == []
    assert of(conn, horizon, ten - week) == []
    assert of(conn, horizon, ten - week + second) == ["Mon 10:00"]


def test_buffers_touch_and_do_not_overlap(conn: psycopg.Connection[Any]) -> None:
    """Taken from eleven to half past, with ten minutes kept free before and after each slot."""
    eleven = MONDAY + timedelta(hours=11)
    service = Service(step=10, before=10, after=10)
    diary = Diary(
        hours=[OpeningHours(1, 600, 780)],
        taken=[(eleven, eleven + timedelta(minutes=30))],
        services=[service],
    )
    free_ones = of(conn, diary, MONDAY)
    assert "Mon 10:20" in free_ones, "it ends at 10:50, and its buffer at 11:00"
    assert "Mon 10:30" not in free_ones
    assert "Mon 11:30" not in free_ones, "its buffer would begin at 11:20"
    assert "Mon 11:40" in free_ones


def test_hours_meet_at_midnight_from_sunday_to_monday_too(conn: psycopg.Connection[Any]) -> None:
    sunday = MONDAY + timedelta(days=6)
    hours = [OpeningHours(7, 22 * 60, DAY_MINUTES), OpeningHours(1, 0, 60)]
    diary = Diary(hours=hours, services=[Service(duration=60, step=45)])
    assert of(conn, diary, MONDAY, 2, sunday) == [
        "Sun 22:00",
        "Sun 22:45",
        "Sun 23:30",
        "Mon 00:00",
    ]


def test_an_hour_that_clocks_leave_out_is_not_offered(conn: psycopg.Connection[Any]) -> None:
    """London, 28 March 2027: 01:00 is 02:00. Hours from midnight to three are two hours that night."""
    sunday = datetime(2027, 3, 28, tzinfo=UTC)
    diary = Diary(hours=[OpeningHours(7, 0, 180)], services=[Service(step=30)])
    assert of(conn, diary, MONDAY, 1, sunday) == ["Sun 00:00", "Sun 00:30", "Sun 01:00", "Sun 01:30"]


def test_a_single_slot_stands_by_itself_and_is_offered_once(conn: psycopg.Connection[Any]) -> None:
    ten = MONDAY + timedelta(hours=10)
    at = [ten + timedelta(minutes=m) for m in (0, 30, 15, 45, 60, 90)]
    diary = Diary(hours=[OpeningHours(1, 600, 660)], opened=[(at[0], at[1]), (at[2], at[3]), (at[4], at[5])])
    assert of(conn, diary, MONDAY) == ["Mon 10:00", "Mon 10:15", "Mon 10:30", "Mon 11:00"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE providers SET active = false",
        "UPDATE offerings SET status = 'closed'",
        "UPDATE offerings SET status = 'draft'",
        "UPDATE offerings SET on_sale_from = '2027-06-01'",
        "UPDATE offerings SET on_sale_until = '2027-02-28'",
        "UPDATE services SET timing = 'proposed'",
    ],
)
def test_who_sells_nothing_has_no_slots(conn: psycopg.Connection[Any], change: Any) -> None:
    with conn.transaction(force_rollback=True):
        offerings = put(conn, Diary(hours=[OpeningHours(1, 600, 660)]), MONDAY)
        assert len(free(conn, offerings, MONDAY, MONDAY + timedelta(days=1), MONDAY)) == 2
        conn.execute(change)
        assert free(conn, offerings, MONDAY, MONDAY + timedelta(days=1), MONDAY) == []
