"""The story in the order of time, and both sides of the money."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.diagnosis.story import StripeObject, comparisons_of, entries_of, in_words
from tests.diagnosis import rows
from tests.diagnosis.rows import ATTEMPT, BEFORE, NOW


@given(st.permutations(range(6)))
def test_entries_come_in_the_order_of_time(minutes: list[int]) -> None:
    timeline = [
        {"at": BEFORE + timedelta(minutes=m), "actor": "worker", "what": f"step {m}", "detail": {}}
        for m in minutes
    ]
    found = entries_of(replace(rows.healthy(), timeline=timeline), {})
    assert [entry.at for entry in found] == sorted(entry.at for entry in found)


def test_both_books_are_told_of() -> None:
    found = entries_of(rows.healthy(), {ATTEMPT: rows.paid()})
    assert {entry.side for entry in found} == {"ours", "stripe"}
    assert any("charge ch_1 paid" in entry.what for entry in found)
    assert any("payment pi_1 of £170.00 recorded, visa …4242" in entry.what for entry in found)


def test_the_two_sides_agree_or_not_and_silence_is_neither() -> None:
    ours = rows.healthy()
    assert [pair.agree for pair in comparisons_of(ours, {ATTEMPT: rows.paid()})] == [True]
    assert [pair.agree for pair in comparisons_of(ours, {ATTEMPT: rows.unpaid()})] == [False]
    assert [pair.agree for pair in comparisons_of(ours, {ATTEMPT: StripeObject(known=False)})] == [False]
    assert [pair.agree for pair in comparisons_of(ours, {})] == [None]


def test_completed_without_money_yet_is_not_paid() -> None:
    """F18: a slow method completes the session first and pays later, or never."""
    known = rows.paid(payment_status="unpaid")
    assert not known.is_paid
    assert in_words(known) == "complete, £170.00, not paid"


def test_nothing_to_pay_counts_as_paid() -> None:
    assert rows.paid(payment_status="no_payment_required", amount_total=0).is_paid


def test_authorised_is_not_called_paid_and_the_decision_is_told() -> None:
    ours = rows.asked("declined", captures=[rows.capture(action="cancel", reason="declined")])
    told = [entry.what for entry in entries_of(ours, {ATTEMPT: rows.intent("requires_capture")})]
    assert "charge ch_1 authorised" in told
    assert "cancel of the authorised £170.00 owed (declined)" in told
    assert "cancel of the authorised £170.00 done" in told
    taken = [entry.what for entry in entries_of(ours, {ATTEMPT: rows.intent("succeeded", captured=True)})]
    assert "charge ch_1 paid" in taken


def test_every_status_of_a_message_is_told_at_its_time() -> None:
    def at(minutes: int, status: str, source: str) -> dict[str, object]:
        moment = BEFORE + timedelta(minutes=minutes)
        return {"message_id": "msg_1", "at": moment, "status": status, "source": source, "detail": ""}

    ours = replace(
        rows.healthy(),
        messages=[rows.sms(status="delivered", provider_id="SM1")],
        message_statuses=[at(1, "sent", "worker"), at(2, "delivered", "receipt")],
        message_tries=[
            {
                "message_id": "msg_1",
                "try_no": 1,
                "tried_at": BEFORE + timedelta(seconds=30),
                "outcome": "deferred",
                "detail": "queue is full",
            }
        ],
    )
    told = [(entry.who, entry.what) for entry in entries_of(ours, {}) if entry.what.startswith("sms")]
    to = "sms booking_started to +447700900123"
    assert told == [
        ("settle", f"{to}: queued"),
        ("worker", f"{to}: deferred (queue is full)"),
        ("worker", f"{to}: sent SM1"),
        ("receipt", f"{to}: delivered"),
    ]


def test_a_message_from_before_statuses_were_kept_is_told_by_its_tries() -> None:
    tries = [
        {"message_id": "msg_1", "try_no": 1, "tried_at": BEFORE, "outcome": "refused", "detail": "550 no"}
    ]
    ours = replace(rows.healthy(), messages=[rows.message(status="failed")], message_tries=tries)
    told = [entry.what for entry in entries_of(ours, {}) if entry.what.startswith("email")]
    to = "email booking_confirmed to guest@example.com"
    assert told == [f"{to}: queued", f"{to}: refused (550 no)"]


def test_answers_and_opting_out_are_part_of_the_story() -> None:
    gone = {"phone": "+447700900123", "at": BEFORE, "cause": "STOP", "lifted_at": NOW}
    ours = replace(rows.healthy(), answers=[rows.answer(read_at=NOW, read_by="staff:hf_ab")], opt_outs=[gone])
    told = [entry.what for entry in entries_of(ours, {})]
    for words in (
        "answered by SMS: Can we bring the dog?",
        "read the answer",
        "wants no more SMS (STOP)",
        "wants SMS again",
    ):
        assert words in told
