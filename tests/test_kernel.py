"""The kernel: amounts, ids, references and the secrets of links."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.clock import ManualClock, from_unix, rfc3339
from holdfast.ids import REFERENCE_ALPHABET, Ids, booking_token
from holdfast.money import KNOWN_CURRENCIES, exponent, formatted, share, step, to_decimal, to_minor

START = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
CURRENCIES = st.sampled_from(sorted(KNOWN_CURRENCIES))
CHARGED_IN = "GBP EUR USD AUD CHF SEK JPY KRW CLP VND KWD BHD TND HUF TWD ISK UGX IDR COP".split()
AMOUNTS = st.integers(0, 99_999_999_999)


@given(AMOUNTS, CURRENCIES)
def test_f22_there_and_back(amount: int, currency: str) -> None:
    assert to_minor(to_decimal(amount, currency), currency) == amount


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("12.50", "GBP", 1250), ("1250", "JPY", 1250), ("1.250", "KWD", 1250), ("0", "EUR", 0)],
)
def test_f22_two_none_and_three_decimals(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


@given(CURRENCIES)
def test_f22_what_is_finer_than_the_currency_is_never_rounded_away(currency: str) -> None:
    with pytest.raises(ValueError, match="finer"):
        to_minor(Decimal(1).scaleb(-exponent(currency) - 1), currency)


@pytest.mark.parametrize("currency", CHARGED_IN)
@given(amount=AMOUNTS, locale=st.sampled_from(["en_GB", "de_DE", "ja_JP"]))
def test_every_amount_can_be_shown(currency: str, amount: int, locale: str) -> None:
    """Of what can be charged; a currency that is counted in hundredths and used in whole units is shown in whole units."""
    charged = amount * step(currency)
    digits = re.sub(r"\D", "", formatted(charged, currency, locale)).lstrip("0")
    whole_units = str(charged // 100) if step(currency) == 100 else None
    assert digits in {str(charged).lstrip("0"), whole_units and whole_units.lstrip("0")}


@given(AMOUNTS, st.integers(0, 100))
def test_a_share_is_between_nothing_and_all_and_its_rest_is_one_off_at_most(
    amount: int, percent: int
) -> None:
    part = share(amount, percent)
    assert 0 <= part <= amount
    assert 0 <= part + share(amount, 100 - percent) - amount <= 1
    assert share(amount, 0) == 0
    assert share(amount, 100) == amount


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=20))
def test_ids_are_unique_and_in_the_order_of_time(steps: list[int]) -> None:
    clock = ManualClock(START)
    ids = Ids(clock, random.Random(1).randbytes)
    made = []
    for pause in steps:
        clock.advance(milliseconds=pause + 1)
        made.append(ids.new("ord"))
    assert made == sorted(set(made))
    assert all(re.fullmatch(r"ord_[0-9a-hjkmnp-tv-z]{26}", one) for one in made)


@given(st.integers())
def test_references_can_be_read_out(seed: int) -> None:
    reference = Ids(ManualClock(START), random.Random(seed).randbytes).reference()
    assert re.fullmatch(rf"HF-[{REFERENCE_ALPHABET}]{{8}}", reference)
    assert not set("01ILO") & set(reference.removeprefix("HF-"))


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_f25_a_link_is_derived_and_tells_nothing_of_another(key: str, one: str, other: str) -> None:
    assert booking_token(key, one) == booking_token(key, one)
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", booking_token(key, one))
    assert (booking_token(key, one) == booking_token(key, other)) == (one == other)


@given(st.integers(0, 4_000_000_000), st.integers(-12, 14))
def test_times_are_written_in_utc(seconds: int, hours: int) -> None:
    moment = from_unix(seconds)
    elsewhere = moment.astimezone(tz=None) + timedelta(0)
    assert rfc3339(moment) == rfc3339(elsewhere)
    assert rfc3339(moment).endswith("Z")
    assert datetime.fromisoformat(rfc3339(moment)) == moment
