"""What an appointment's page says in each state. F23: nobody reads "failed", "try again" or "charged" before it is true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.bookings import appointment_words, words
from holdfast.bookings.rules import TRANSITIONS
from holdfast.messages.rules import KINDS

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def view(
    status: str, *, amount: int = 5000, paid: int = 0, why: str = "", **appointment: Any
) -> dict[str, Any]:
    return {
        "status": status,
        "amount": amount,
        "amount_paid": paid,
        "timeline": [{"what": "declined", "detail": {"why": why}}] if why else [],
        "appointment": {
            "provider": {"name": "Sample Expert"},
            "timing": "slot",
            "starts_at": NOW + timedelta(days=3),
            "requested_at": None,
            "respond_by": NOW + timedelta(days=2),
            "accepted_at": None,
            "decline_reason": None,
            "times_rescheduled": 0,
            "most_reschedules": 2,
            "reschedule_minutes": 1440,
            **appointment,
        },
    }


def said(given: dict[str, Any]) -> str:
    state = appointment_words.state_of(given, "Europe/London", "en_GB")
    return f"{state.title}. {state.text}"


@pytest.mark.parametrize("status", TRANSITIONS)
def test_every_state_has_words(status: str) -> None:
    text = said(view(status)).lower()
    assert "failed" not in text
    assert "try again" not in text
    assert "seats" not in text or status in {"stuck", "no_show"}


def test_until_it_is_captured_nothing_is_called_charged() -> None:
    assert "authorised, not charged" in said(view("requested"))
    assert "22 Nov 2026, 12:00" in said(view("requested"))
    assert "is being charged now" in said(view("requested", accepted_at=NOW))
    assert "charged" not in said(view("requested", amount=0))


def test_a_no_and_silence_read_differently() -> None:
    assert "could not accept" in said(view("declined", why="declined"))
    assert "did not answer in time" in said(view("declined", why="unanswered"))
    assert "charged" not in said(view("declined", amount=0, why="unanswered"))


def test_a_hold_that_lapsed_and_an_authorisation_that_is_gone() -> None:
    assert "was not sent" in said(view("expired"))
    assert "authorisation of your card is gone" in said(view("expired", requested_at=NOW))


def test_cancelled_says_what_of_the_money() -> None:
    assert "Nothing was charged" in said(view("cancelled"))
    assert "What comes back" in said(view("cancelled", paid=5000))


@pytest.mark.parametrize(
    ("tiers", "has_time", "sentence"),
    [
        ([], True, "Once accepted, this cannot be refunded."),
        ([{"notice_hours": 24, "percent": 0}], True, "Once accepted, this cannot be refunded."),
        (
            [{"notice_hours": 2, "percent": 50}, {"notice_hours": 24, "percent": 100}],
            True,
            "All of your money comes back if you cancel 24 hours or more before, 50% of it comes back if you cancel 2 hours or "
            "more before; after that, nothing.",
        ),
        (
            [{"notice_hours": 504, "percent": 65}],
            True,
            "65% of it comes back if you cancel 21 days or more before; after that, nothing.",
        ),
        (
            [{"notice_hours": 0, "percent": 100}],
            True,
            "All of your money comes back if you cancel before it begins; after that, nothing.",
        ),
    ],
)
def test_refund_terms_before_a_time_is_chosen(
    tiers: list[dict[str, int]], has_time: bool, sentence: str
) -> None:
    assert appointment_words.refund_terms(tiers, has_time) == sentence


def test_what_has_no_time_comes_back_whole() -> None:
    assert "all of your money" in appointment_words.refund_terms([], has_time=False)


@pytest.mark.parametrize(
    ("seconds", "movable"),
    [(1, True), (0, True), (-1, False)],
    ids=["a second earlier", "exactly", "a second later"],
)
def test_the_notice_of_moving_at_its_boundary(seconds: int, movable: bool) -> None:
    starts_at = NOW + timedelta(days=1, seconds=seconds)
    may, sentence = appointment_words.moving_rules(
        view("confirmed", starts_at=starts_at), NOW, "Europe/London", "en_GB"
    )
    assert may is movable
    assert ("2 moves are left" in sentence) is movable


def test_every_message_has_a_name() -> None:
    assert set(words.MESSAGES) >= KINDS


def test_moves_are_counted() -> None:
    for times, may, sentence in ((1, True, "one move is left"), (2, False, "2 times already")):
        found = appointment_words.moving_rules(
            view("confirmed", times_rescheduled=times), NOW, "Europe/London", "en_GB"
        )
        assert found[0] is may
        assert sentence in found[1]
