"""What guests read: real dates, and no word of failure that Stripe has not said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.bookings import words
from holdfast.bookings.rules import TRANSITIONS

STARTS = datetime(2026, 12, 25, 19, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TIERS = [{"notice_hours": 2, "percent": 50}, {"notice_hours": 24, "percent": 100}]
EVENT: dict[str, Any] = {
    "status": "on_sale",
    "starts_at": STARTS,
    "time_zone": "Europe/London",
    "on_sale_from": None,
    "on_sale_until": None,
}


def test_the_refund_rule_is_one_sentence_with_dates() -> None:
    assert words.refund_rule(TIERS, STARTS, "Europe/London", "en_GB") == (
        "All of your money comes back if you cancel by 24 Dec 2026, 19:30, "
        "50% of it comes back if you cancel by 25 Dec 2026, 17:30; after that, nothing."
    )
    assert (
        words.refund_rule([], STARTS, "Europe/London", "en_GB")
        == "Once paid, this booking cannot be refunded."
    )


def test_every_status_has_its_words() -> None:
    assert set(words.STATES) == set(TRANSITIONS)


def test_no_state_of_an_unsettled_payment_speaks_of_failure() -> None:
    for state in (words.CHECKING, words.STATES["pending"], words.STATES["stuck"]):
        said = f"{state.badge} {state.title} {state.text}".lower()
        assert not any(word in said for word in ("fail", "error", "try again", "wrong"))


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({}, None),
        ({"status": "cancelled"}, "This evening is cancelled"),
        ({"status": "closed"}, "Booking is closed"),
        ({"starts_at": NOW - timedelta(days=1)}, "This evening is over"),
        ({"on_sale_from": NOW + timedelta(days=1)}, "Not on sale yet"),
        ({"on_sale_until": NOW}, "Booking is closed"),
    ],
)
def test_why_nobody_can_book(change: dict[str, Any], title: str | None) -> None:
    told = words.not_on_sale({**EVENT, **change}, NOW, "en_GB")
    assert (told.title if told else None) == title


def test_the_story_is_told_in_plain_words() -> None:
    entries = [
        {
            "at": NOW,
            "actor": "customer",
            "what": "held",
            "detail": {"seats": 2, "amount": 17000, "currency": "GBP"},
        },
        {"at": NOW, "actor": "stripe", "what": "something_internal", "detail": {}},
    ]
    guests = words.guests_story(entries, "GBP", "en_GB")
    assert [(entry["title"], entry["text"]) for entry in guests] == [("Seats held", "2 guests, £170.00")]
    staffs = words.staffs_story(entries, "GBP", "en_GB")
    assert [(entry["title"], entry["actor"]) for entry in staffs] == [
        ("Seats held", "customer"),
        ("Something internal", "stripe"),
    ]
