"""What can be asked, and what fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.errors import ValidationFailed
from holdfast.lookup import rules

NOW = datetime(2026, 11, 20, 12, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("Ada@Example.com ", "ada@example.com"),
        ("07700 900123", "+447700900123"),
        ("+44 7700 900123", "+447700900123"),
    ],
)
def test_a_contact_is_read_as_it_was_stored(typed: str, read: str) -> None:
    assert rules.read_contact(typed, "GB") == read


@pytest.mark.parametrize("typed", ["", "nobody", "a@", "12", "Ada Example", "\x00@example.com"])
def test_what_is_no_contact_gets_a_sentence(typed: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        rules.read_contact(typed, "GB")
    assert refused.value.extra["errors"][0]["field"] == "contact"


@pytest.mark.parametrize("typed", ["£170.00", "170", "170,00 EUR", "GBP 170.0", " 170.00 "])
def test_sums_as_people_write_them(typed: str) -> None:
    assert rules.fits(rules.read_proof(paid=typed), currency="GBP", sums=[17000], cards=[])


def test_sums_in_each_currencys_own_decimals() -> None:
    assert rules.fits({"paid": "8000"}, currency="JPY", sums=[8000], cards=[])
    assert rules.fits({"paid": "25.500"}, currency="KWD", sums=[25500], cards=[])
    assert not rules.fits({"paid": "80.5"}, currency="JPY", sums=[8000, 80, 805], cards=[])


@pytest.mark.parametrize(
    "proof", [{"paid": "169.99"}, {"amount": 170}, {"card_last4": "4243"}, {}, {"paid": "170.001"}]
)
def test_what_does_not_fit(proof: dict[str, object]) -> None:
    assert not rules.fits(proof, currency="GBP", sums=[17000], cards=["4242", None])


def test_either_is_enough() -> None:
    proof = rules.read_proof(paid="1.00", card_last4="4242")
    assert rules.fits(proof, currency="GBP", sums=[17000], cards=["4242"])
    assert rules.fits({"amount": 17000}, currency="GBP", sums=[17000], cards=[None])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "paid"),
        ({"paid": "a lot"}, "paid"),
        ({"paid": "1,000.00"}, "paid"),
        ({"paid": "-5"}, "paid"),
        ({"card_last4": "424"}, "card_last4"),
        ({"card_last4": "٤٢٤٢"}, "card_last4"),
    ],
)
def test_what_cannot_be_read_gets_a_sentence(given: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        rules.read_proof(**given)  # type: ignore[arg-type]  # only the texts
    assert refused.value.extra["errors"][0]["field"] == field


def test_tried_for_a_day_ever_less_often() -> None:
    waits = [rules.next_try(NOW, tries) - NOW for tries in (1, 2, 3, 99)]
    assert waits == [timedelta(minutes=wait) for wait in (1, 2, 4, 30)]
    assert rules.is_given_up(NOW + timedelta(hours=24), NOW)
    assert not rules.is_given_up(NOW + timedelta(hours=23), NOW)


def test_one_mail_an_hour() -> None:
    assert rules.unique_key(NOW) == rules.unique_key(NOW - timedelta(minutes=59))
    assert rules.unique_key(NOW) != rules.unique_key(NOW + timedelta(minutes=1))


def test_a_contact_is_counted_without_being_known() -> None:
    assert rules.contact_hash("a secret", "ada@example.com") != rules.contact_hash("b", "ada@example.com")
