"""`decide`, in every situation there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest

from holdfast.bookings.rules import TRANSITIONS
from holdfast.payments.rules import (
    STATUSES,
    WAITING,
    Answer,
    AtStripe,
    Funds,
    Recorded,
    Situation,
    Step,
    Units,
    decide,
)
from scripts import decisions
from scripts.decisions import every_situation

ALL = [(situation, decide(situation)) for situation in every_situation()]

CONFIRMS = {Step.CONFIRM, Step.CONFIRM_RETAKEN, Step.CONFIRM_FROM_BUFFER}
RETURNS = {Step.CANCEL_AND_RETURN, Step.RETURN_SURPLUS, Step.RETURN_LATE, Step.RETURN_CANCELLED}
STUCK = {Step.STUCK_AMOUNT, Step.STUCK_SEATS_GONE, Step.STUCK_AUTHORISED}
LETS_GO = {Step.LAPSE, Step.CANCEL}
LETS_AUTHORISATION_GO = {Step.LET_GO, Step.CANCEL_AND_LET_GO, Step.LAPSE_AND_LET_GO}
KEEPS_MONEY = CONFIRMS | {Step.RECORD, Step.STUCK_AMOUNT, Step.STUCK_SEATS_GONE}
LEADS_TO = {
    **dict.fromkeys(CONFIRMS, "confirmed"),
    **dict.fromkeys(STUCK, "stuck"),
    Step.CANCEL_AND_RETURN: "cancelled",
    Step.CANCEL: "cancelled",
    Step.LAPSE: "expired",
    Step.REQUEST: "requested",
    Step.CANCEL_AND_LET_GO: "cancelled",
    Step.LAPSE_AND_LET_GO: "expired",
    Step.AUTHORISATION_LOST: "expired",
}
SEATS_NEEDED = {
    Step.CONFIRM: Units.HELD,
    Step.CONFIRM_RETAKEN: Units.FREE,
    Step.CONFIRM_FROM_BUFFER: Units.BUFFER,
    Step.STUCK_SEATS_GONE: Units.GONE,
    Step.RETURN_LATE: Units.GONE,
    Step.ASK: Units.GONE,
}

Invariant = Callable[[Situation, Step], bool]


def paid_now(s: Situation) -> bool:
    return s.funds is Funds.PAID and s.recorded is not Recorded.THIS


INVARIANTS: dict[str, Invariant] = {
    "f38_f39_seats_go_only_when_nobody_can_pay_any_more": lambda s, step: (
        step not in LETS_GO
        or ((s.at_stripe is AtStripe.CLOSED or s.funds is Funds.FAILED) and not s.others_open)
    ),
    "f09_nothing_that_saw_money_is_let_go": lambda s, step: step not in LETS_GO or s.recorded is Recorded.NO,
    "f15_no_hold_lapses_before_its_time": lambda s, step: step is not Step.LAPSE or s.hold_over,
    "only_who_waits_can_lapse": lambda s, step: step not in LETS_GO or s.status in WAITING,
    "f01_f04_money_is_never_passed_over": lambda s, step: (
        not paid_now(s) or step in CONFIRMS | RETURNS | STUCK | {Step.RECORD, Step.ASK}
    ),
    "f05_money_that_is_recorded_does_nothing_again": lambda s, step: (
        s.recorded is not Recorded.THIS or step is Step.NOTHING
    ),
    "f31_never_two_kept_payments": lambda s, step: (
        s.recorded is not Recorded.OTHER or step not in KEEPS_MONEY
    ),
    "f31_the_second_payment_goes_back": lambda s, step: (
        not (s.funds is Funds.PAID and s.recorded is Recorded.OTHER) or step is Step.RETURN_SURPLUS
    ),
    "f27_no_money_no_confirmation": lambda s, step: step not in CONFIRMS or s.funds is Funds.PAID,
    "f18_under_way_is_neither_paid_nor_failed": lambda s, step: (
        s.funds is not Funds.AWAITING or step is Step.NOTHING
    ),
    "f21_f22_f73_another_sum_is_never_confirmed_nor_sent_back_by_itself": lambda s, step: (
        not (paid_now(s) and not s.matches and s.recorded is Recorded.NO)
        or step in {Step.STUCK_AMOUNT, Step.RECORD}
    ),
    "f14_who_paid_in_time_is_not_sent_away_as_late": lambda s, step: (
        step is not Step.RETURN_LATE or s.charged_in_time is False
    ),
    "f13_who_is_late_and_finds_seats_is_seated": lambda s, step: (
        not (paid_now(s) and s.recorded is Recorded.NO and s.matches and not s.cancel_requested)
        or s.status not in {*WAITING, "expired"}
        or s.units is Units.GONE
        or step in CONFIRMS
    ),
    "f16_cancelled_money_goes_back": lambda s, step: (
        not (
            paid_now(s) and s.recorded is Recorded.NO and s.matches and s.status in {"cancelled", "declined"}
        )
        or step is Step.RETURN_CANCELLED
    ),
    "f16_what_is_being_cancelled_is_not_confirmed": lambda s, step: (
        step not in CONFIRMS or not s.cancel_requested
    ),
    "seats_are_what_the_step_needs": lambda s, step: (
        step not in SEATS_NEEDED or s.units is SEATS_NEEDED[step]
    ),
    "more_is_asked_for_only_when_the_charge_was_not_seen": lambda s, step: (
        step is not Step.ASK or s.charged_in_time is None
    ),
    "f28_an_authorisation_is_not_a_payment": lambda s, step: (
        s.funds is not Funds.AUTHORISED
        or step
        in {Step.STUCK_AUTHORISED, Step.NOTHING, Step.REQUEST, Step.STUCK_AMOUNT, *LETS_AUTHORISATION_GO}
    ),
    "what_is_charged_at_once_is_never_requested_nor_let_go": lambda s, step: (
        s.answer is not Answer.NOT_NEEDED
        or step not in {Step.REQUEST, Step.AUTHORISATION_LOST, *LETS_AUTHORISATION_GO}
    ),
    "the_provider_is_asked_once_and_only_about_an_authorised_sum_that_fits": lambda s, step: (
        step is not Step.REQUEST
        or (s.status == "pending" and s.funds is Funds.AUTHORISED and s.matches and s.units is not Units.GONE)
    ),
    "an_authorisation_that_nobody_needs_is_let_go": lambda s, step: (
        not (
            s.funds is Funds.AUTHORISED
            and s.answer is not Answer.NOT_NEEDED
            and s.recorded is Recorded.NO
            and s.status in {"declined", "cancelled", "expired"}
        )
        or step is Step.LET_GO
    ),
    "a_yes_is_not_let_go_while_it_is_being_captured": lambda s, step: (
        not (s.status == "requested" and s.answer is Answer.YES and s.recorded is Recorded.NO)
        or step not in LETS_AUTHORISATION_GO
    ),
    "an_authorisation_is_lost_only_when_stripe_has_closed_it": lambda s, step: (
        step is not Step.AUTHORISATION_LOST
        or (
            s.status == "requested"
            and not s.free
            and not s.others_open
            and (s.at_stripe is AtStripe.CLOSED or s.funds is Funds.FAILED)
        )
    ),
    "silence_is_not_decided_by_money": lambda s, step: (
        not (s.status == "requested" and s.answer is not Answer.NOT_NEEDED)
        or step not in {Step.LAPSE, Step.CANCEL}
    ),
    "only_a_person_moves_what_is_stuck": lambda s, step: (
        s.status != "stuck" or step in {Step.NOTHING, Step.RECORD, Step.RETURN_SURPLUS}
    ),
    "every_step_is_one_that_the_table_of_transitions_knows": lambda s, step: (
        step not in LEADS_TO or LEADS_TO[step] in TRANSITIONS[s.status]
    ),
}


@pytest.mark.parametrize("name", INVARIANTS)
def test_in_every_situation(name: str) -> None:
    broken = [(situation, step) for situation, step in ALL if not INVARIANTS[name](situation, step)]
    assert not broken, f"{len(broken)} of {len(ALL)}, the first: {broken[0]}"


def test_every_input_is_there_with_every_value() -> None:
    assert {field.name for field in fields(Situation)} == set(decisions.INPUTS)
    assert len(ALL) == len({situation for situation, _ in ALL}) == 691_200
    assert set(STATUSES) == set(TRANSITIONS)
    assert {step for _, step in ALL} == set(Step)


def test_asking_once_is_enough() -> None:
    """Once the charge was seen, what was asked about is decided."""
    for situation, step in ALL:
        if step is Step.ASK:
            known = [
                Situation(**{**vars(situation), "charged_in_time": in_time}) for in_time in (True, False)
            ]
            assert Step.ASK not in {decide(one) for one in known}


def test_the_table_in_the_docs_says_what_the_code_does() -> None:
    """Every situation fits exactly one row of it, and the row says its step."""
    table = decisions.rows()
    for situation, step in ALL[::797]:
        fitting = [said for path, said in table if all(fits(situation, *cell) for cell in path.items())]
        assert fitting == [step], situation


def fits(situation: Situation, name: str, words: str) -> bool:
    value = decisions.word(getattr(situation, name))
    if words.startswith(decisions.NOT):
        return value not in words.removeprefix(decisions.NOT).split(decisions.BETWEEN)
    return value in words.split(decisions.BETWEEN)
