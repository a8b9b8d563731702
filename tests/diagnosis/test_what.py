"""What somebody typed is understood, or refused with a sentence."""

from __future__ import annotations

import pytest

from holdfast.diagnosis.store import ORDERS_BY
from holdfast.diagnosis.what import BY_PREFIX, understood
from holdfast.errors import ValidationFailed


@pytest.mark.parametrize(
    ("typed", "kind", "written"),
    [
        ("ord_01jd", "order", "ord_01jd"),
        (" cs_test_A1 ", "session", "cs_test_A1"),
        ("re_1", "refund", "re_1"),
        ("hf-7k3m9qpx", "reference", "HF-7K3M9QPX"),
        ("7K3M9QPX", "reference", "HF-7K3M9QPX"),
        ("Guest@Example.com", "email", "guest@example.com"),
        ("07700 900123", "phone", "+447700900123"),
        ("+44 7700 900123", "phone", "+447700900123"),
        ("4242", "last4", "4242"),
    ],
)
def test_understood(typed: str, kind: str, written: str) -> None:
    assert understood(typed, "GB") == (kind, written)


@pytest.mark.parametrize("typed", ["", "  ", "??", "someone", "a@", "12", "x" * 300, "12345", "+1"])
def test_what_can_be_nothing_is_refused(typed: str) -> None:
    with pytest.raises(ValidationFailed):
        understood(typed, "GB")


def test_every_kind_has_its_statement() -> None:
    assert {*BY_PREFIX.values(), "reference", "email", "phone", "last4"} == set(ORDERS_BY)
