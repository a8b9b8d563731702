"""What a dispute's status asks of people, and how long they have: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.disputes import rules
from holdfast.stripe_gateway.evidence import SHAPES

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night when clocks go forward in London
SECOND = timedelta(seconds=1)
STATUSES = SHAPES["dispute"]["status"].order  # type: ignore[union-attr]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_of_stripes_is_in_one_group(status: str) -> None:
    groups = (rules.NEEDS_ANSWER, rules.UNDER_REVIEW, rules.OVER)
    assert sum(status in group for group in groups) == 1


@pytest.mark.parametrize(
    ("before", "status", "asks"),
    [
        (None, "needs_response", True),
        (None, "warning_needs_response", True),
        (None, "under_review", True),  # its first event was lost: that somebody answered is not ours to guess
        (None, "lost", False),  # born lost
        (None, "prevented", False),
        ("warning_needs_response", "needs_response", True),  # the inquiry became a dispute
        ("warning_closed", "needs_response", True),
        ("needs_response", "under_review", False),
        ("under_review", "won", False),
    ],
)
def test_f47_when_a_person_is_asked(before: str | None, status: str, asks: bool) -> None:
    assert rules.asks_for_a_person(before, status) is asks


def test_nothing_asks_and_leaves_at_once_but_what_is_new() -> None:
    for before in STATUSES:
        for status in STATUSES:
            both = rules.asks_for_a_person(before, status) and rules.leaves_the_desk(status)
            assert not both, (before, status)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=6, hours=4, minutes=59), "6 days and 4 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=1) - SECOND, "23 hours and 59 minutes"),
        (timedelta(hours=1, minutes=1), "1 hour and 1 minute"),
        (timedelta(minutes=20), "20 minutes"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(0), "less than a minute"),
        (-SECOND, "past"),
        (-timedelta(days=3), "past"),
    ],
)
def test_the_countdown_in_words(left: timedelta, said: str) -> None:
    assert rules.time_left(NOW + left, NOW) == said


def test_without_a_deadline_there_is_no_countdown() -> None:
    assert rules.time_left(None, NOW) == ""
    assert rules.urgency("needs_response", None, NOW) == "warn"


@pytest.mark.parametrize(
    ("left", "kind"),
    [(rules.SOON + SECOND, "warn"), (rules.SOON, "bad"), (rules.SOON - SECOND, "bad"), (-SECOND, "bad")],
)
def test_two_days_before_it_is_urgent(left: timedelta, kind: str) -> None:
    assert rules.urgency("needs_response", NOW + left, NOW) == kind
    assert rules.urgency("under_review", NOW + left, NOW) == "wait"
    assert rules.urgency("lost", NOW + left, NOW) == "info"
    assert rules.urgency("won", NOW + left, NOW) == "good"
