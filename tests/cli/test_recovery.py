"""`recover`, `replay`: their arguments. What they do is tested where it is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.cli.recovery import moment_of
from holdfast.errors import ValidationFailed
from tests.cli.conftest import Holdfast

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("6h", NOW - timedelta(hours=6)),
        ("2d", NOW - timedelta(days=2)),
        ("2026-11-19T19:00Z", datetime(2026, 11, 19, 19, tzinfo=UTC)),
        ("2026-11-19T19:00", datetime(2026, 11, 19, 19, tzinfo=UTC)),
        ("2026-11-19T19:00+01:00", datetime(2026, 11, 19, 18, tzinfo=UTC)),
    ],
)
def test_a_moment_may_be_written_in_two_ways(text: str, moment: datetime) -> None:
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "5", "h", "-3h", "99999999d", "2026-13-01"])
def test_a_moment_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailed):
        moment_of(text, NOW)


@pytest.mark.parametrize(
    "arguments", [("recover", "ord_1"), ("replay",), ("replay", "cs_test_1"), ("replay", "--since", "soon")]
)
def test_what_cannot_be_meant_is_misuse(holdfast: Holdfast, arguments: tuple[str, ...]) -> None:
    ran = holdfast(*arguments)
    assert ran.code == 2
    assert ran.err.startswith("holdfast: ")


def test_replaying_nothing_is_fine(holdfast: Holdfast) -> None:
    ran = holdfast("replay", "--failed", "--json")
    assert (ran.code, ran.json) == (0, {"replayed": 0, "event_ids": [], "unknown": []})


def test_availability_of_an_empty_house_is_right(holdfast: Holdfast) -> None:
    ran = holdfast("fix", "availability", "--json")
    assert (ran.code, ran.json) == (0, {"checked": 0, "corrected": 0, "corrections": []})


def test_no_booking_is_missing_in_an_empty_house(holdfast: Holdfast) -> None:
    ran = holdfast("fix", "missing-bookings", "--json")
    assert (ran.code, ran.json["fixed"], ran.json["stuck"]) == (0, [], [])
    assert (
        holdfast("fix", "missing-bookings").out
        == "0 live orders: 0 with their booking, 0 without; 0 made again.\n"
    )


def test_an_event_that_never_came_cannot_be_replayed(holdfast: Holdfast) -> None:
    ran = holdfast("replay", "evt_never_came", "--json")
    assert (ran.code, ran.json["unknown"]) == (1, ["evt_never_came"])
