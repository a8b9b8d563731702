"""Reading money out of evidence, when to ask again, and how long a declined card keeps the seats: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.payments.rules import (
    ASK_AFTER,
    ASK_AGAIN,
    AtStripe,
    Funds,
    Money,
    hold_after_decline,
    next_question,
    read_money,
)
from holdfast.stripe_gateway.evidence import NOTHING, from_event, from_objects
from tests.stripe_gateway.test_evidence import EVIDENCE

MADE = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
SESSION: dict[str, Any] = {
    "object": "checkout.session", "id": "cs_1", "amount_total": 17000, "currency": "gbp", "payment_intent": "pi_1",
}  # fmt: skip
INTENT: dict[str, Any] = {"object": "payment_intent", "id": "pi_1", "amount": 17000, "currency": "gbp"}
CHARGE: dict[str, Any] = {
    "object": "charge", "id": "ch_1", "payment_intent": "pi_1", "amount": 17000, "currency": "gbp", "created": 1_790_000_000,
}  # fmt: skip
PAID_SESSION = {**SESSION, "status": "complete", "payment_status": "paid"}
PAID_INTENT = {**INTENT, "status": "succeeded", "amount_received": 17000}
PAID_CHARGE = {**CHARGE, "status": "succeeded", "captured": True, "amount_captured": 17000}


def money(*objects: dict[str, Any], agreed: int = 17000, currency: str = "GBP") -> Money:
    return read_money(from_objects(*objects), agreed, currency)


@pytest.mark.parametrize(
    "objects", [[PAID_SESSION], [PAID_INTENT], [PAID_CHARGE], [PAID_SESSION, PAID_INTENT, PAID_CHARGE]]
)
def test_f62_each_witness_alone_suffices(objects: list[dict[str, Any]]) -> None:
    told = money(*objects)
    assert (told.funds, told.at_stripe, told.matches) == (Funds.PAID, AtStripe.COMPLETE, True)
    assert (told.payment_intent_id, told.amount, told.currency) == ("pi_1", 17000, "GBP")


@pytest.mark.parametrize(
    ("objects", "funds", "at_stripe"),
    [
        ([], Funds.NONE, AtStripe.UNKNOWN),
        ([{**SESSION, "status": "open", "payment_status": "unpaid"}], Funds.NONE, AtStripe.OPEN),
        ([{**SESSION, "status": "expired", "payment_status": "unpaid"}], Funds.NONE, AtStripe.CLOSED),
        ([{**SESSION, "status": "complete", "payment_status": "unpaid"}], Funds.AWAITING, AtStripe.COMPLETE),
        ([{**SESSION, "status": "open"}, {**INTENT, "status": "processing"}], Funds.AWAITING, AtStripe.OPEN),
        ([{**SESSION, "status": "open"}, {**INTENT, "status": "requires_action"}], Funds.NONE, AtStripe.OPEN),
        ([{**SESSION, "status": "open"}, {**INTENT, "status": "canceled"}], Funds.NONE, AtStripe.OPEN),
        ([{**INTENT, "status": "canceled"}], Funds.NONE, AtStripe.OPEN),
        ([{**INTENT, "status": "requires_capture"}], Funds.AUTHORISED, AtStripe.OPEN),
        ([{**CHARGE, "status": "failed"}], Funds.NONE, AtStripe.UNKNOWN),
        ([{**CHARGE, "status": "succeeded", "captured": False}], Funds.NONE, AtStripe.UNKNOWN),
    ],
)
def test_f17_f18_f28_what_is_not_money(
    objects: list[dict[str, Any]], funds: Funds, at_stripe: AtStripe
) -> None:
    told = money(*objects)
    assert (told.funds, told.at_stripe) == (funds, at_stripe)


def test_f18_failed_is_told_by_the_event_or_by_the_whole_session() -> None:
    unpaid = {**SESSION, "status": "complete", "payment_status": "unpaid"}
    event = {"type": "checkout.session.async_payment_failed", "created": 1, "data": {"object": unpaid}}
    assert read_money(from_event(event), 17000, "GBP").funds is Funds.FAILED
    whole = {**unpaid, "payment_intent": {**INTENT, "status": "requires_payment_method"}}
    assert money(whole).funds is Funds.FAILED
    assert read_money(from_event(event) | from_objects(PAID_SESSION), 17000, "GBP").funds is Funds.PAID


@pytest.mark.parametrize(
    ("agreed", "currency"), [(16999, "GBP"), (170, "GBP"), (17000, "JPY"), (17000, "KWD")]
)
def test_f21_f22_another_sum_or_currency_does_not_match(agreed: int, currency: str) -> None:
    assert not money(PAID_SESSION, agreed=agreed, currency=currency).matches


def test_f21_two_sums_for_one_object_never_match() -> None:
    told = money(PAID_SESSION, {**PAID_SESSION, "amount_total": 1})
    assert (told.matches, told.problems) == (False, ("session cs_1 amount_total",))


def test_f19_nothing_to_pay_is_paid() -> None:
    told = money(
        {**SESSION, "amount_total": 0, "status": "complete", "payment_status": "no_payment_required"},
        agreed=0,
    )
    assert (told.funds, told.matches, told.amount) == (Funds.PAID, True, 0)


@given(EVIDENCE, EVIDENCE)
def test_f09_money_never_goes_away_by_knowing_more(one: Any, other: Any) -> None:
    before, after = read_money(one, 5, "a"), read_money(one | other, 5, "a")
    if before.funds is Funds.PAID:
        assert after.funds is Funds.PAID
        assert after.at_stripe is AtStripe.COMPLETE
    assert read_money(one | NOTHING, 5, "a") == before


MINUTES = st.integers(-600, 6000).map(lambda minutes: timedelta(minutes=minutes))


@given(MINUTES, st.none() | MINUTES, st.booleans())
def test_f20_an_open_attempt_is_always_asked_about_again(
    age: timedelta, hold: timedelta | None, made: bool
) -> None:
    now = MADE + age
    at = next_question(MADE, now, MADE + hold if hold is not None else None, made_at_stripe=made)
    assert at > now
    if age >= timedelta(0):
        assert at - now <= max(ASK_AGAIN, ASK_AFTER[-1] - ASK_AFTER[-2])
    if hold is not None and hold > age:
        assert at <= MADE + hold or not made, "the end of the hold is one of the times"


@given(st.integers(0, 200), st.integers(0, 60), st.integers(0, 200))
def test_f17_a_decline_moves_the_end_only_forward_and_not_past_its_limit(
    end: int, more: int, declined: int
) -> None:
    expires, limit = MADE + timedelta(minutes=end), MADE + timedelta(minutes=end + more)
    after = hold_after_decline(expires, limit, MADE + timedelta(minutes=declined))
    assert expires <= after <= limit
    assert hold_after_decline(after, limit, MADE + timedelta(minutes=declined)) == after
    assert hold_after_decline(expires, None, MADE + timedelta(minutes=declined)) == expires
