"""The outbox's decisions, exhaustively."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import Conflict
from holdfast.messages import rules
from holdfast.messages.rules import Told, Verdict, verdict

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STAGES = ("settings", "compose", "connect", "tls", "auth", "sender", "recipient", "data")
RETRIED = st.sampled_from([Verdict.UNREACHABLE, Verdict.DEFERRED, Verdict.CONFIGURATION])


def test_every_stage_and_code_has_its_verdict() -> None:
    for stage in STAGES:
        for code in (None, *range(400, 600)):
            found = verdict(stage, code, "no words")
            if stage in {"settings", "tls", "compose"}:
                assert found is Verdict.CONFIGURATION
            elif code is None:
                assert found is Verdict.UNREACHABLE
            elif code < 500:
                assert found is Verdict.DEFERRED
            elif code in {530, 534, 535, 538} or stage in {"connect", "auth"}:
                assert found is Verdict.CONFIGURATION
            elif stage == "sender":
                assert found is (Verdict.REFUSED if code == 552 else Verdict.CONFIGURATION)
            elif code in {500, 502, 503, 504}:
                assert found is Verdict.DEFERRED
            else:
                assert found is Verdict.REFUSED


@pytest.mark.parametrize(
    ("stage", "code", "reply", "expected"),
    [
        ("recipient", 550, "5.1.1 no such user", Verdict.REFUSED),
        ("recipient", 550, "5.7.1 blocked by the recipient's rules", Verdict.REFUSED),
        ("recipient", 554, "5.7.1 Relay access denied", Verdict.CONFIGURATION),
        ("recipient", 550, "relaying is not allowed", Verdict.CONFIGURATION),
        ("recipient", 552, "5.2.2 Mailbox full", Verdict.DEFERRED),
        ("recipient", 450, "4.2.0 Greylisted", Verdict.DEFERRED),
        ("data", 554, "5.7.1 looks like spam", Verdict.REFUSED),
        ("data", 552, "5.2.2 Over quota", Verdict.DEFERRED),
        ("data", None, "the mail server closed the connection", Verdict.UNREACHABLE),
        ("auth", 535, "5.7.8 wrong password", Verdict.CONFIGURATION),
        ("auth", 454, "4.7.0 try later", Verdict.DEFERRED),
        ("sender", 553, "5.7.1 not your address", Verdict.CONFIGURATION),
        ("sender", 552, "5.3.4 too large", Verdict.REFUSED),
        ("connect", 554, "go away", Verdict.CONFIGURATION),
        ("connect", 421, "busy", Verdict.DEFERRED),
    ],
)
def test_what_servers_say(stage: str, code: int | None, reply: str, expected: Verdict) -> None:
    assert verdict(stage, code, reply) is expected


@given(failed_as=RETRIED, tries=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_the_next_try_is_later_and_within_its_bounds(failed_as: Verdict, tries: int, chance: float) -> None:
    wait = (rules.next_try(NOW, failed_as, tries, chance) - NOW).total_seconds()
    first, longest = rules.WAITS_S[failed_as]
    assert first * rules.JITTER_FROM <= wait <= longest


@given(failed_as=RETRIED, tries=st.integers(1, 100), chance=st.floats(0, 1, exclude_max=True))
def test_waits_do_not_shrink_with_the_tries(failed_as: Verdict, tries: int, chance: float) -> None:
    assert rules.next_try(NOW, failed_as, tries + 1, chance) >= rules.next_try(NOW, failed_as, tries, chance)


@given(failed_as=RETRIED, tries=st.integers(1, 100), one=st.floats(0, 0.99), other=st.floats(0, 0.99))
def test_more_chance_is_more_wait(failed_as: Verdict, tries: int, one: float, other: float) -> None:
    first, second = sorted((one, other))
    assert rules.next_try(NOW, failed_as, tries, first) <= rules.next_try(NOW, failed_as, tries, second)


@given(message_id=st.text(), tries=st.integers(1, 1000))
def test_chance_is_a_chance_and_the_same_again(message_id: str, tries: int) -> None:
    assert 0 <= rules.chance_of(message_id, tries) < 1
    assert rules.chance_of(message_id, tries) == rules.chance_of(message_id, tries)


def test_chances_differ_between_messages_and_tries() -> None:
    drawn = {rules.chance_of(f"msg_{number}", tries) for number in range(100) for tries in range(1, 10)}
    assert len(drawn) == 900
    assert 0.45 < sum(drawn) / len(drawn) < 0.55


@pytest.mark.parametrize("failed_as", [Verdict.UNREACHABLE, Verdict.DEFERRED])
def test_given_up_after_a_day(failed_as: Verdict) -> None:
    day = timedelta(hours=24)
    assert not rules.is_given_up(NOW, failed_as, NOW - day + timedelta(seconds=1))
    assert rules.is_given_up(NOW, failed_as, NOW - day)


def test_configuration_has_a_weeks_patience_and_refusal_none() -> None:
    assert not rules.is_given_up(NOW, Verdict.CONFIGURATION, NOW - timedelta(days=6, hours=23))
    assert rules.is_given_up(NOW, Verdict.CONFIGURATION, NOW - timedelta(days=7))
    assert rules.is_given_up(NOW, Verdict.REFUSED, NOW)


@pytest.mark.parametrize("status", ["queued", "sending"])
def test_what_is_under_way_is_not_sent_again(status: str) -> None:
    with pytest.raises(Conflict):
        rules.refuse_resending(status)


@pytest.mark.parametrize("status", ["sent", "delivered", "failed", "suppressed"])
def test_what_has_ended_may_be_sent_again(status: str) -> None:
    rules.refuse_resending(status)


def test_what_is_said_only_while_it_is_true() -> None:
    assert rules.outdated("booking_confirmed", "cancelled")
    assert rules.outdated("booking_moved", "expired")
    assert rules.outdated("payment_failed", "confirmed")
    assert not rules.outdated("payment_failed", "pending")
    for status in ("confirmed", "in_progress", "completed", "no_show", "stuck"):
        assert not rules.outdated("booking_confirmed", status)
    for status in (*rules.OVER, *rules.SURE, "pending", "stuck"):
        assert not rules.outdated("money_returned", status)
        assert not rules.outdated("booking_cancelled", status)


@pytest.mark.parametrize(
    ("stage", "status", "code", "may_have_left", "expected"),
    [
        ("settings", None, None, False, Verdict.CONFIGURATION),
        ("compose", None, None, False, Verdict.CONFIGURATION),
        ("connect", None, None, False, Verdict.UNREACHABLE),
        ("answer", None, None, False, Verdict.UNREACHABLE),  # the list did not answer: nothing was sent
        ("answer", None, None, True, Verdict.UNKNOWN),
        ("answer", 502, None, True, Verdict.UNKNOWN),
        ("answer", 500, 20500, False, Verdict.DEFERRED),
        ("answer", 503, 20503, False, Verdict.DEFERRED),
        ("answer", 429, 20429, False, Verdict.DEFERRED),
        ("answer", 400, 21611, False, Verdict.DEFERRED),
        ("answer", 401, 20003, False, Verdict.CONFIGURATION),
        ("answer", 403, 20403, False, Verdict.CONFIGURATION),
        ("answer", 404, 20404, False, Verdict.CONFIGURATION),
        ("answer", 400, 21408, False, Verdict.CONFIGURATION),
        ("answer", 400, 21606, False, Verdict.CONFIGURATION),
        ("answer", 400, 21609, False, Verdict.CONFIGURATION),
        ("answer", 400, 21211, False, Verdict.REFUSED),
        ("answer", 400, 21610, False, Verdict.REFUSED),
        ("answer", 400, 21614, False, Verdict.REFUSED),
        ("answer", 400, 99999, False, Verdict.REFUSED),
    ],
)
def test_what_an_sms_that_did_not_go_means(
    stage: str, status: int | None, code: int | None, may_have_left: bool, expected: Verdict
) -> None:
    assert rules.sms_verdict(stage, status, code, may_have_left) is expected


@given(st.permutations([Told.SENT, Told.SENT, Told.DELIVERED, Told.DELIVERED, Told.FAILED]))
def test_receipts_in_any_order_and_twice_end_the_same(told: list[Told]) -> None:
    status = "sending"
    for each in told:
        status = rules.after_receipt(status, each, of_another=False) or status
    assert status == "delivered"


@given(st.lists(st.sampled_from([Told.SENT, Told.FAILED]), min_size=1))
def test_a_failure_is_not_taken_back_by_an_older_receipt(told: list[Told]) -> None:
    status = "sent"
    for each in told:
        status = rules.after_receipt(status, each, of_another=False) or status
    assert status == ("failed" if Told.FAILED in told else "sent")


def test_of_an_sms_that_was_repeated_only_the_arrival_is_news() -> None:
    assert rules.after_receipt("sent", Told.FAILED, of_another=True) is None
    assert rules.after_receipt("queued", Told.SENT, of_another=True) is None
    assert rules.after_receipt("failed", Told.DELIVERED, of_another=True) is Told.DELIVERED


@pytest.mark.parametrize("kind", ["request_received", "request_to_answer", "request_reminder"])
def test_nobody_is_asked_what_was_answered(kind: str) -> None:
    assert not rules.outdated(kind, "requested")
    assert rules.outdated(kind, "requested", answered=True)
    for status in ("confirmed", "declined", "cancelled", "expired"):
        assert rules.outdated(kind, status)
