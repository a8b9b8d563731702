"""Refunds by notice, which units a party gets, and the table of transitions: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.bookings.rules import LIVE, TRANSITIONS, FreeUnit, choose_units, refund_percent, refund_preview

START = datetime(2026, 12, 24, 19, 30, tzinfo=UTC)
TIERS = [{"notice_hours": 24, "percent": 100}, {"notice_hours": 2, "percent": 50}]
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("notice", "percent"),
    [
        (timedelta(days=30), 100),
        (timedelta(hours=24) + MOMENT, 100),
        (timedelta(hours=24), 100),
        (timedelta(hours=24) - MOMENT, 50),
        (timedelta(hours=2) + MOMENT, 50),
        (timedelta(hours=2), 50),
        (timedelta(hours=2) - MOMENT, 0),
        (timedelta(0), 0),
        (-timedelta(hours=1), 0),
    ],
)
def test_the_refund_at_exactly_the_boundaries(notice: timedelta, percent: int) -> None:
    assert refund_percent(TIERS, START, START - notice)[0] == percent
    assert refund_percent(list(reversed(TIERS)), START, START - notice)[0] == percent


def test_without_a_time_or_without_tiers() -> None:
    assert refund_percent(TIERS, None, START)[0] == 100
    assert refund_percent([], START, START - timedelta(days=99))[0] == 0


TIER_LISTS = st.lists(
    st.fixed_dictionaries({"notice_hours": st.integers(0, 400), "percent": st.integers(0, 100)}),
    max_size=4,
    unique_by=lambda tier: tier["notice_hours"],
)


@given(TIER_LISTS, st.integers(-10, 500), st.integers(0, 10**8), st.integers(0, 10**8))
def test_f35_never_more_than_is_left(
    tiers: list[dict[str, int]], hours: int, captured: int, refunded: int
) -> None:
    now = START - timedelta(hours=hours)
    preview = refund_preview(tiers, START, now, captured=captured, refunded=refunded, currency="GBP")
    assert 0 <= preview.amount <= max(captured - refunded, 0)
    assert preview.percent in {0, *(tier["percent"] for tier in tiers)}
    assert preview.why


def test_half_of_an_odd_sum_is_rounded_for_the_guest() -> None:
    now = START - timedelta(hours=3)
    assert refund_preview(TIERS, START, now, captured=101, refunded=0, currency="GBP").amount == 51


@st.composite
def unit_lists(draw: st.DrawFn) -> list[FreeUnit]:
    found = []
    for number in range(draw(st.integers(0, 6))):
        capacity = draw(st.integers(1, 8))
        pricing = draw(st.sampled_from(["per_seat", "per_unit"]))
        found.append(FreeUnit(number, f"T{number}", capacity, draw(st.integers(0, capacity)), pricing))
    return found


def usable(units: list[FreeUnit]) -> list[FreeUnit]:
    return [u for u in units if u.free and (u.pricing == "per_seat" or u.free == u.capacity)]


@given(unit_lists(), st.integers(1, 40))
def test_f37_choosing_never_oversells_and_fits_if_it_is_possible(units: list[FreeUnit], seats: int) -> None:
    chosen = choose_units(units, seats)
    possible = sum(unit.free for unit in usable(units)) >= seats
    assert (chosen is not None) == possible
    if chosen is None:
        return
    assert sum(guests for _, guests in chosen) == seats
    assert len({unit.unit_id for unit, _ in chosen}) == len(chosen)
    assert all(unit in usable(units) and 0 < guests <= unit.free for unit, guests in chosen)


@given(unit_lists(), st.integers(1, 20))
def test_a_party_sits_at_as_few_tables_as_possible(units: list[FreeUnit], seats: int) -> None:
    chosen = choose_units(units, seats)
    if chosen is not None:
        fewer = combinations(usable(units), len(chosen) - 1)
        assert not any(sum(unit.free for unit in some) >= seats for some in fewer)


@given(unit_lists(), st.integers(1, 8))
def test_a_party_that_fits_at_one_table_gets_an_empty_one_first(units: list[FreeUnit], seats: int) -> None:
    chosen = choose_units(units, seats)
    empty = [unit for unit in usable(units) if unit.free == unit.capacity >= seats]
    if chosen and empty:
        assert chosen[0][0].capacity == min(unit.capacity for unit in empty)


def test_every_state_is_known_and_can_become_stuck() -> None:
    assert {after for afters in TRANSITIONS.values() for after in afters} <= set(TRANSITIONS)
    assert all("stuck" in afters for state, afters in TRANSITIONS.items() if state != "stuck")
    assert all(state not in afters for state, afters in TRANSITIONS.items())
    assert set(TRANSITIONS) > LIVE


def test_no_way_leads_back_to_waiting() -> None:
    """What was decided once is never undecided again."""
    assert not any("pending" in afters for afters in TRANSITIONS.values())
