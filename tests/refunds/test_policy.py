"""The refund policy: data, decided by pure rules, at their exact boundaries; and what is shown is what is done.

Notice is time that passes, not the hands of a clock: 24 hours before a start at 10:00 in the morning after clocks went forward
is 09:00 on the day before.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.bookings.cancelling import refund_preview as preview_of
from holdfast.bookings.cancelling import request_cancel
from holdfast.bookings.rules import RefundPreview, refund_percent, refund_preview
from holdfast.bookings.words import refund_rule
from holdfast.catalog.parts import RefundTier
from holdfast.money import step
from tests.support.system import Stage

SECOND = timedelta(seconds=1)
HOURS = timedelta(hours=1)
TIERS = [{"notice_hours": 24, "percent": 100}, {"notice_hours": 2, "percent": 50}]
ONE_TIER = [{"notice_hours": 48, "percent": 80}]
FIVE_TIERS = [
    {"notice_hours": hours, "percent": percent}
    for hours, percent in ((720, 100), (168, 75), (24, 50), (2, 10), (0, 5))
]
LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
STARTS = {
    "an ordinary evening": datetime(2026, 6, 10, 19, 30, tzinfo=LONDON),
    "London, the morning after clocks went forward": datetime(2026, 3, 29, 10, 0, tzinfo=LONDON),
    "London, an hour after they went forward": datetime(2026, 3, 29, 3, 0, tzinfo=LONDON),
    "London, the morning after they went back": datetime(2026, 10, 25, 10, 0, tzinfo=LONDON),
    "London, in the hour that comes twice, first": datetime(2026, 10, 25, 1, 30, tzinfo=LONDON),
    "London, in the hour that comes twice, second": datetime(2026, 10, 25, 1, 30, tzinfo=LONDON, fold=1),
    "New York, the morning after clocks went forward": datetime(2026, 3, 8, 10, 0, tzinfo=NEW_YORK),
    "New York, an hour after they went forward": datetime(2026, 3, 8, 4, 0, tzinfo=NEW_YORK),
    "New York, the evening after they went back": datetime(2026, 11, 1, 19, 0, tzinfo=NEW_YORK),
    "New York, in the hour that comes twice, second": datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=1),
}
BOUNDARIES = [
    (24 * HOURS + SECOND, 100),
    (24 * HOURS, 100),
    (24 * HOURS - SECOND, 50),
    (2 * HOURS + SECOND, 50),
    (2 * HOURS, 50),
    (2 * HOURS - SECOND, 0),
    (timedelta(0), 0),
]


@pytest.mark.parametrize("where", STARTS)
@pytest.mark.parametrize(("notice", "percent"), BOUNDARIES)
def test_at_exactly_the_boundaries_also_across_a_clock_change(
    where: str, notice: timedelta, percent: int
) -> None:
    starts = STARTS[where].astimezone(UTC)
    assert refund_percent(TIERS, starts, starts - notice)[0] == percent


def test_notice_is_time_that_passes() -> None:
    """The night with 23 hours: the same hand of the clock a day before is an hour too late. The night with 25: an hour early."""
    spring, autumn = (
        STARTS["London, the morning after clocks went forward"],
        datetime(2026, 10, 25, 10, 0, tzinfo=LONDON),
    )
    same_hand = spring.replace(day=28)
    assert refund_percent(TIERS, spring.astimezone(UTC), same_hand.astimezone(UTC))[0] == 50
    assert refund_percent(TIERS, spring.astimezone(UTC), same_hand.astimezone(UTC) - HOURS)[0] == 100
    later = autumn.replace(day=24) + HOURS
    assert refund_percent(TIERS, autumn.astimezone(UTC), later.astimezone(UTC))[0] == 100
    assert refund_percent(TIERS, autumn.astimezone(UTC), later.astimezone(UTC) + SECOND)[0] == 50


@pytest.mark.parametrize("where", STARTS)
def test_the_sentence_names_the_moment_at_which_the_decision_changes(where: str) -> None:
    """The guest reads `by 28 Mar 2026, 09:00`: at that minute it still holds."""
    starts = STARTS[where]
    sentence = refund_rule(TIERS, starts.astimezone(UTC), str(starts.tzinfo), "en_GB")
    for hours in (24, 2):
        until = (starts.astimezone(UTC) - hours * HOURS).astimezone(starts.tzinfo)
        assert f"{until:%H:%M}" in sentence
        assert f"{until.day} " in sentence


@pytest.mark.parametrize("tiers", [TIERS, ONE_TIER, FIVE_TIERS, []], ids=["two", "one", "five", "none"])
def test_every_tier_of_any_service_holds_to_its_second(tiers: list[dict[str, int]]) -> None:
    starts = datetime(2026, 12, 24, 19, 30, tzinfo=UTC)
    rows = sorted(tiers, key=lambda tier: -tier["notice_hours"])
    belows = [*(row["percent"] for row in rows), 0][1:]
    for tier, below in zip(rows, belows, strict=True):
        edge = starts - tier["notice_hours"] * HOURS
        assert refund_percent(tiers, starts, edge)[0] == tier["percent"]
        assert refund_percent(tiers, starts, edge + SECOND)[0] == below
    assert refund_percent(tiers, starts, starts + SECOND)[0] == 0


@pytest.mark.parametrize(
    ("currency", "captured", "percent", "amount"),
    [
        ("GBP", 101, 50, 51),  # a half penny is rounded for the guest
        ("GBP", 1, 50, 1),
        ("GBP", 1, 49, 0),
        ("EUR", 9999, 33, 3300),
        ("JPY", 4501, 50, 2251),  # no decimals: one is the smallest there is
        ("JPY", 1, 50, 1),
        ("KWD", 10010, 50, 5010),  # three decimals, payable in tens of the smallest: 5.005 is 5.010
        ("KWD", 10000, 33, 3300),
        ("KWD", 10, 49, 0),
        ("ISK", 150_00, 50, 75_00),
        ("ISK", 151_00, 50, 76_00),  # counted in hundredths, paid in whole ones
    ],
)
def test_f22_the_share_in_any_currency(currency: str, captured: int, percent: int, amount: int) -> None:
    starts = datetime(2026, 12, 24, 19, 30, tzinfo=UTC)
    tiers = [{"notice_hours": 2, "percent": percent}]
    shown = refund_preview(
        tiers, starts, starts - 3 * HOURS, captured=captured, refunded=0, currency=currency
    )
    assert (shown.amount, shown.currency, shown.percent) == (amount, currency, percent)


def tier_lists(monotonic: bool) -> st.SearchStrategy[list[dict[str, int]]]:
    pairs = st.lists(
        st.tuples(st.integers(0, 800), st.integers(0, 100)), max_size=6, unique_by=lambda pair: pair[0]
    )
    if not monotonic:
        return pairs.map(
            lambda rows: [{"notice_hours": hours, "percent": percent} for hours, percent in rows]
        )
    return pairs.map(
        lambda rows: [
            {"notice_hours": hours, "percent": percent}
            for hours, percent in zip(sorted(h for h, _ in rows), sorted(p for _, p in rows), strict=True)
        ]
    )


NOTICES = st.timedeltas(-timedelta(days=2), timedelta(days=40))
CURRENCIES = st.sampled_from(["GBP", "EUR", "JPY", "KRW", "KWD", "TND", "ISK", "UGX"])


def shown(
    tiers: list[dict[str, int]], notice: timedelta, captured: int, refunded: int, currency: str
) -> RefundPreview:
    starts = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)
    return refund_preview(
        tiers, starts, starts - notice, captured=captured, refunded=refunded, currency=currency
    )


@given(tier_lists(False), NOTICES, st.integers(0, 10**7), st.integers(0, 10**7), CURRENCIES)
def test_f35_never_more_than_was_captured_and_payable_in_its_currency(
    tiers: list[dict[str, int]], notice: timedelta, captured: int, refunded: int, currency: str
) -> None:
    unit = step(currency)
    captured, refunded = captured * unit, refunded * unit
    amount = shown(tiers, notice, captured, refunded, currency).amount
    assert 0 <= amount <= max(captured - refunded, 0)
    assert amount % unit == 0


@given(tier_lists(True), NOTICES, NOTICES, st.integers(0, 10**7), CURRENCIES)
def test_more_notice_never_gives_less_back(
    tiers: list[dict[str, int]], one: timedelta, other: timedelta, captured: int, currency: str
) -> None:
    """Where the tiers are written so that more notice is a higher percentage."""
    captured *= step(currency)
    less, more = sorted((one, other))
    assert (
        shown(tiers, less, captured, 0, currency).amount <= shown(tiers, more, captured, 0, currency).amount
    )


@given(tier_lists(False), NOTICES)
def test_the_order_in_which_tiers_are_written_changes_nothing(
    tiers: list[dict[str, int]], notice: timedelta
) -> None:
    assert shown(tiers, notice, 10_000, 0, "GBP") == shown(tiers[::-1], notice, 10_000, 0, "GBP")


@pytest.mark.parametrize(("hours", "percent"), [(-1, 50), (24, 101), (24, -1), (24.5, 50)])
def test_what_is_no_tier_is_refused_when_it_is_written(hours: object, percent: object) -> None:
    with pytest.raises(ValueError, match=r"notice_hours|percent"):
        RefundTier.model_validate({"notice_hours": hours, "percent": percent})


@pytest.mark.parametrize(("notice", "percent"), BOUNDARIES[:-1])
async def test_what_is_shown_is_what_is_done_at_the_same_instant(
    stage: Stage, notice: timedelta, percent: int
) -> None:
    placed = await stage.paid(seats=1)
    await stage.execute(
        "UPDATE offerings SET starts_at = %s, ends_at = %s",
        stage.clock.now() + notice,
        stage.clock.now() + timedelta(days=99),
    )
    offered = await preview_of(stage.system, placed.booking_id)
    done = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (offered.amount, offered.percent) == (placed.amount * percent // 100, percent)
    assert (done.refund_amount, done.currency, done.why) == (offered.amount, offered.currency, offered.why)
    await stage.run_jobs()
    assert sum(one["amount"] for one in await stage.ledger("refund")) == offered.amount
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_the_rules_that_were_agreed_hold_whatever_the_offering_says_later(stage: Stage) -> None:
    placed = await stage.paid(seats=1)
    await stage.execute("UPDATE offerings SET refund_tiers = '[]'")
    assert (await preview_of(stage.system, placed.booking_id)).percent == 100
    await stage.assert_all_laws_hold()
