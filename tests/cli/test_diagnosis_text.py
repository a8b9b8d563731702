"""A diagnosis as a person reads it."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from holdfast.cli.diagnosis_text import show
from holdfast.diagnosis.actions import Diagnosis, Story
from holdfast.diagnosis.findings import findings_of
from holdfast.diagnosis.story import OurSide, StripeSide, comparisons_of, entries_of
from tests.diagnosis import rows
from tests.diagnosis.rows import ATTEMPT, NOW, SESSION


def shown(ours: OurSide, stripe: StripeSide, problem: str | None = None) -> str:
    findings = findings_of(ours, stripe, NOW)
    story = Story(ours, comparisons_of(ours, stripe), entries_of(ours, stripe), findings)
    out = StringIO()
    show(Diagnosis("order", "ord_1", [story], findings, stripe_problem=problem), Console(file=out, width=200))
    return out.getvalue()


def test_what_is_right_is_said_in_one_line() -> None:
    assert shown(rows.healthy(), {ATTEMPT: rows.paid()}).splitlines()[-1] == "Nothing is wrong."


def test_what_is_wrong_ends_with_the_command_to_run() -> None:
    text = shown(rows.with_status("expired"), {ATTEMPT: rows.paid()})
    assert "Stripe has £170.00, but the order is expired and no refund is on its way." in text
    assert text.splitlines()[-1] == f"Safe to run next: holdfast recover {SESSION}"


def test_what_no_command_mends_is_said_too() -> None:
    text = shown(rows.with_status("stuck"), {ATTEMPT: rows.paid()})
    assert "a person has to decide" in text


def test_silence_of_stripe_is_not_taken_for_health() -> None:
    text = shown(rows.healthy(), {}, "Stripe cannot be reached just now.")
    assert "Stripe's side is missing or not complete: Stripe cannot be reached just now." in text
    assert "Nothing is wrong in our books." in text


def test_what_guests_wrote_is_not_read_as_markup() -> None:
    ours = rows.healthy()
    ours.timeline.append({"at": NOW, "actor": "customer", "what": "[red]note[/red]", "detail": {}})
    assert "[red]note[/red]" in shown(ours, {})
