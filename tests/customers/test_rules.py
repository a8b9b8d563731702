from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.errors import ValidationFailed


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM ", "ada@example.com"),
        ("ada+show@example.org", "ada+show@example.org"),
        ("o'brien@example.com", "o'brien@example.com"),
    ],
)
def test_email_has_one_spelling(typed: str, kept: str) -> None:
    assert normalised_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "a@b@example.com",
        "ada @example.com",
        "ada@example..com",
        "a" * 300 + "@example.com",
    ],
)
def test_what_is_no_email_is_refused_in_a_sentence(typed: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        normalised_email(typed)
    assert refused.value.extra["errors"][0]["field"] == "customer.email"
    assert typed == "" or typed not in refused.value.detail, "the sentence repeats no personal data"


def test_two_spellings_are_one_phone() -> None:
    assert (
        normalised_phone("07700 900123", "GB") == normalised_phone("+447700900123", "DE") == "+447700900123"
    )


@pytest.mark.parametrize(
    "typed", ["", "hello", "12", "0", "+", "07700 900123 ext. 5", "+4477009001230000000", "1" * 60]
)
def test_what_is_no_phone_is_refused(typed: str) -> None:
    with pytest.raises(ValidationFailed):
        normalised_phone(typed, "GB")


@given(st.text())
def test_no_text_breaks_the_rules(typed: str) -> None:
    """Whatever somebody types: a normal form that stays the same when it is normalised again, or a refusal."""
    for normalise in (normalised_email, lambda text: normalised_phone(text, "GB")):
        try:
            once = normalise(typed)
        except ValidationFailed:
            continue
        assert normalise(once) == once
