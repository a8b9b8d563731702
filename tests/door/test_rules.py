"""Codes as they are typed and scanned, and what each means at the door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.door import entry, rules
from holdfast.door.rules import Code, Verdict

NOW = datetime(2026, 12, 25, 19, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "typed",
    ["HF-7K3M9QPX", "hf-7k3m9qpx", " HF 7K3M 9QPX ", "7K3M9QPX", "7k3m 9qpx", "HF7K3M9QPX", "HF–7K3M9QPX"],
)
def test_references_as_people_type_them(typed: str) -> None:
    assert rules.read_code(typed) == Code(reference="HF-7K3M9QPX")


def test_a_reference_that_begins_with_hf() -> None:
    assert rules.read_code("HF-HF3M9QPX") == Code(reference="HF-HF3M9QPX")
    assert rules.read_code("HF3M9QPX") == Code(reference="HF-HF3M9QPX")


def test_a_scanned_link() -> None:
    token = "aZ09-_aZ09-_aZ09-_aZ09-_"
    for link in (
        f"https://shop.example/b/{token}",
        f"http://127.0.0.1:8000/b/{token}?paid=x",
        f"/b/{token}#a",
    ):
        assert rules.read_code(link) == Code(token=token)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "HF-",
        "HF-7K3M9QP",
        "HF-0K3M9QPX",
        "https://elsewhere.example/",
        "7K3M9QPX7K3M9QPX",
        "/b/",
        "'; --",
    ],
)
def test_what_is_nothing_of_ours(typed: str) -> None:
    assert rules.read_code(typed) == Code()


def booking(status: str, event: int = 35) -> dict[str, Any]:
    return {"status": status, "offering_id": event}


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("confirmed", Verdict.VALID),
        ("in_progress", Verdict.VALID),
        ("completed", Verdict.VALID),
        ("no_show", Verdict.VALID),
        ("pending", Verdict.NOT_PAID),
        ("requested", Verdict.NOT_PAID),
        ("stuck", Verdict.NOT_PAID),
        ("cancelled", Verdict.CANCELLED),
        ("declined", Verdict.CANCELLED),
        ("expired", Verdict.CANCELLED),
    ],
)
def test_every_status_has_its_verdict_and_words(status: str, found: Verdict) -> None:
    assert rules.verdict(booking(status), 35, None, None) is found
    assert rules.text_of(found, status)
    assert rules.verdict(booking(status), 36, None, None) is Verdict.WRONG_EVENING


def test_used_once_and_the_same_scan_again() -> None:
    arrival = {"scan_id": "scan-1"}
    assert rules.verdict(booking("confirmed"), 35, arrival, "scan-1") is Verdict.VALID
    assert rules.verdict(booking("confirmed"), 35, arrival, "scan-2") is Verdict.ALREADY_USED
    assert rules.verdict(booking("confirmed"), 35, {"scan_id": None}, None) is Verdict.ALREADY_USED
    assert rules.verdict(None, 35, None, None) is Verdict.UNKNOWN


def test_a_devices_clock_is_believed_within_reason() -> None:
    assert rules.arrived_at(NOW, NOW - timedelta(minutes=20)) == NOW - timedelta(minutes=20)
    for odd in (None, NOW + timedelta(seconds=1), NOW - timedelta(hours=13)):
        assert rules.arrived_at(NOW, odd) == NOW


def test_every_verdict_looks_and_reads_differently() -> None:
    assert set(rules.WORDS) == set(Verdict)
    assert len({words.title for words in rules.WORDS.values()}) == len(Verdict)


def test_a_door_opens_one_evening_until_its_end() -> None:
    sealed = entry.sealed("a secret", 35, "key_1", entry.BY_LINK, NOW)
    before = NOW - timedelta(seconds=1)
    assert entry.unsealed("a secret", 35, sealed, before) == ("key_1", "link")
    assert entry.over_at(sealed) == NOW
    assert entry.unsealed("a secret", 35, sealed, NOW) is None
    assert entry.unsealed("a secret", 36, sealed, before) is None
    assert entry.unsealed("another", 35, sealed, before) is None
    assert entry.unsealed("", 35, sealed, before) is None
    for changed in (
        sealed.replace("35.", "36.", 1),
        sealed.replace("link", "key"),
        sealed[:-1],
        "",
        "....",
        "é",
    ):
        assert entry.unsealed("a secret", 36, changed, before) is None
        assert entry.unsealed("a secret", 35, changed, before) is None
