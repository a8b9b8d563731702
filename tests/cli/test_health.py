"""`doctor`, `promises`, `tasks`, `stats`, `diagnose`: what they print, and how they end."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Holdfast

LAW = "unit_count_is_true"


def test_a_law_that_holds_ends_with_0(holdfast: Holdfast) -> None:
    ran = holdfast("doctor", LAW, "--json")
    assert (ran.code, ran.json["ok"]) == (0, True)
    assert [law["law"] for law in ran.json["laws"]] == [LAW]
    assert "1 of 1 promises are kept." in holdfast("doctor", LAW).out


def test_what_is_wrong_ends_with_1_and_says_what_to_do(holdfast: Holdfast) -> None:
    """No worker runs here, and nothing is set."""
    ran = holdfast("doctor")
    assert ran.code == 1
    assert "start `holdfast worker`" in ran.out
    assert "Something is wrong." in ran.out


def test_a_law_that_is_not_there_names_those_that_are(holdfast: Holdfast) -> None:
    ran = holdfast("doctor", "everybody_is_happy", "--json")
    assert (ran.code, ran.json["code"]) == (2, "validation_failed")
    assert LAW in ran.err


def test_the_promises_are_shown_before_they_were_ever_checked(holdfast: Holdfast) -> None:
    ran = holdfast("promises", "--json")
    assert ran.code == 0
    assert LAW in {promise["law"] for promise in ran.json["promises"]}
    assert "never" in holdfast("promises").out


def test_no_tasks(holdfast: Holdfast) -> None:
    assert holdfast("tasks", "--json").json == {"tasks": []}
    assert holdfast("tasks").out == "Nothing waits for a person.\n"
    assert holdfast("tasks", "--tenant", "nobody").code == 1


@pytest.mark.parametrize("days", ["1", "365"])
def test_stats_of_an_empty_house(holdfast: Holdfast, days: str) -> None:
    ran = holdfast("stats", "--days", days, "--json")
    assert (ran.code, ran.json["days"], ran.json["bookings_total"]) == (0, int(days), 0)
    assert "nobody paid" in holdfast("stats", "--days", days).out


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("order", "ord_none"), 1, "not_found"),
        (("booking", "??"), 2, "validation_failed"),
        (("customer", "nobody@example.com", "--tenant", "nobody"), 1, "not_found"),
        (("payment",), 2, "misuse"),
    ],
)
def test_diagnosing_nothing(holdfast: Holdfast, arguments: tuple[str, ...], code: int, word: str) -> None:
    ran = holdfast("diagnose", *arguments, "--json")
    assert (ran.code, ran.json["code"]) == (code, word)
