"""What is wrong with an order is said in a sentence, with the command that is safe to run next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from holdfast.diagnosis.findings import CHECKS, findings_of
from holdfast.diagnosis.story import OurSide, StripeObject, StripeSide
from tests.diagnosis import rows
from tests.diagnosis.rows import ATTEMPT, BEFORE, INTENT, NOW, SESSION

AGREED: StripeSide = {ATTEMPT: rows.paid()}
NOT_ASKED: StripeSide = {}
REFUNDED = replace(
    rows.paid(),
    refunds=[{"id": "re_1", "amount": rows.AMOUNT, "currency": "gbp", "status": "succeeded", "created": 1}],
)
DISPUTED = replace(rows.paid(), disputes=[{"id": "dp_1", "status": "needs_response", "created": 1}])
RECOVER_SESSION, RECOVER_INTENT = f"holdfast recover {SESSION}", f"holdfast recover {INTENT}"
DISPUTE = {
    "dispute_id": "dp_1",
    "status": "needs_response",
    "reason": "fraudulent",
    "amount": 17000,
    "currency": "GBP",
    "evidence_due": NOW,
    "opened_at": BEFORE,
}
TASK = {
    "task_id": "tsk_1",
    "sentence": "Call the guest.",
    "done_at": None,
    "created_at": BEFORE,
    "kind": "stuck",
}
SECOND = rows.attempt(attempt_id="att_2", session_id="cs_test_2", payment_intent_id="pi_2")


@pytest.mark.parametrize("stripe", [AGREED, NOT_ASKED])
def test_nothing_is_wrong_with_what_is_right(stripe: StripeSide) -> None:
    assert findings_of(rows.healthy(), stripe, NOW) == []


CASES: dict[str, tuple[OurSide, StripeSide, str, str | None]] = {
    "an order without its booking": (
        replace(rows.healthy(), booking=None),
        AGREED,
        "booking_missing",
        "holdfast fix missing-bookings --order ord_1",
    ),
    "paid, and we have not heard of it": (
        rows.with_status("pending", payments=[], attempts=[rows.attempt(status="open")]),
        AGREED,
        "paid_unheard",
        RECOVER_SESSION,
    ),
    "paid after the hold lapsed, and nothing came of it": (
        rows.with_status("expired"),
        AGREED,
        "paid_not_booked",
        RECOVER_SESSION,
    ),
    "the same while Stripe is away": (rows.with_status("expired"), NOT_ASKED, "money_kept", RECOVER_INTENT),
    "confirmed without a payment": (
        replace(rows.healthy(), payments=[], attempts=[]),
        NOT_ASKED,
        "no_money",
        "holdfast doctor booking_has_money",
    ),
    "confirmed, and Stripe denies the payment": (
        rows.healthy(),
        {ATTEMPT: StripeObject(known=False)},
        "money_denied",
        "holdfast doctor booking_has_money",
    ),
    "another sum than agreed": (
        rows.healthy(),
        {ATTEMPT: rows.paid(amount_total=1700)},
        "amount_differs",
        None,
    ),
    "another currency than agreed": (
        rows.healthy(),
        {ATTEMPT: rows.paid(currency="eur")},
        "amount_differs",
        None,
    ),
    "paid twice": (
        replace(
            rows.healthy(),
            attempts=[rows.attempt(), SECOND],
            payments=[
                rows.payment(),
                rows.payment(payment_id="pay_2", attempt_id="att_2", purpose="returned"),
            ],
        ),
        {ATTEMPT: rows.paid(), "att_2": rows.paid(id="cs_test_2")},
        "paid_twice",
        "holdfast recover cs_test_2",
    ),
    "the payment page outlives the order": (
        rows.with_status("cancelled", payments=[]),
        {ATTEMPT: rows.unpaid("open")},
        "still_payable",
        RECOVER_SESSION,
    ),
    "refunded at Stripe, and not in our books": (
        rows.healthy(),
        {ATTEMPT: REFUNDED},
        "refunds_differ",
        RECOVER_INTENT,
    ),
    "a refund that failed": (
        rows.with_status("cancelled", refunds=[rows.refund(status="failed", failure="closed account")]),
        AGREED,
        "refund_failed",
        None,
    ),
    "a refund that nobody asks for": (
        rows.with_status("cancelled", refunds=[rows.refund(status="owed", settled_at=None)]),
        AGREED,
        "refund_late",
        "holdfast doctor",
    ),
    "a hold that outlived its time": (
        rows.with_status("pending", payments=[], attempts=[rows.attempt(status="open", closed_at=None)]),
        {ATTEMPT: rows.unpaid("open")},
        "hold_outlived",
        RECOVER_SESSION,
    ),
    "a payment page that was never made": (
        rows.with_status("expired", payments=[], attempts=[rows.attempt(status="planned", session_id=None)]),
        NOT_ASKED,
        "attempt_planned",
        "holdfast doctor",
    ),
    "a webhook that nobody handled": (
        replace(rows.healthy(), events=[rows.event(handled_at=None, error="boom")]),
        AGREED,
        "event_waits",
        "holdfast replay evt_1",
    ),
    "no confirmation was written": (
        replace(rows.healthy(), messages=[]),
        AGREED,
        "not_told",
        "holdfast doctor --fix",
    ),
    "the confirmation waits": (
        replace(rows.healthy(), messages=[rows.message(status="queued")]),
        AGREED,
        "not_told",
        "holdfast doctor --fix",
    ),
    "the confirmation was refused": (
        replace(rows.healthy(), messages=[rows.message(status="failed", error="no such mailbox")]),
        AGREED,
        "not_told",
        None,
    ),
    "the bank disputes": (replace(rows.healthy(), disputes=[DISPUTE]), AGREED, "disputed", None),
    "a dispute that we have not heard of": (
        rows.healthy(),
        {ATTEMPT: DISPUTED},
        "dispute_unheard",
        RECOVER_SESSION,
    ),
    "authorised, and we have not heard of it": (
        rows.asked("pending"),
        {ATTEMPT: rows.intent("requires_capture")},
        "authorised_unheard",
        RECOVER_INTENT,
    ),
    "declined, and the bank still holds the money": (
        rows.asked("declined", captures=[rows.capture(action="cancel")]),
        {ATTEMPT: rows.intent("requires_capture")},
        "authorisation_held",
        RECOVER_INTENT,
    ),
    "the bank has let go what a request waits for": (
        rows.asked("requested"),
        {ATTEMPT: rows.intent("canceled")},
        "authorisation_gone",
        RECOVER_INTENT,
    ),
    "accepted, and the capture waits": (
        rows.asked("requested", captures=[rows.capture(status="asked", settled_at=None)]),
        {ATTEMPT: rows.intent("requires_capture")},
        "capture_late",
        "holdfast doctor",
    ),
    "nobody answered, and it was not declined": (
        rows.asked("requested", BEFORE),
        {ATTEMPT: rows.intent("requires_capture")},
        "answer_overdue",
        "holdfast doctor --fix overdue_request_is_declined",
    ),
    "begun by SMS, and no SMS is on record": (
        rows.begun_by_sms([]),
        NOT_ASKED,
        "first_sms_missing",
        "holdfast doctor",
    ),
    "begun by SMS, and the SMS did not arrive": (
        rows.begun_by_sms([rows.sms(status="failed", error="it is a landline")]),
        NOT_ASKED,
        "first_sms_failed",
        None,
    ),
    "an SMS that should have left": (
        rows.begun_by_sms([rows.sms(status="queued", try_at=BEFORE)]),
        NOT_ASKED,
        "message_waits",
        "holdfast doctor",
    ),
    "an SMS that was sent, and no receipt came": (
        rows.begun_by_sms([rows.sms(status="sent", sent_at=BEFORE - timedelta(minutes=1))]),
        NOT_ASKED,
        "no_receipt",
        None,
    ),
    "an answer that nobody has read": (
        replace(rows.healthy(), answers=[rows.answer()]),
        AGREED,
        "answer_unread",
        None,
    ),
    "stuck": (rows.with_status("stuck"), AGREED, "stuck", None),
    "a task waits": (replace(rows.healthy(), tasks=[TASK]), AGREED, "task", None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found(case: str) -> None:
    ours, stripe, code, command = CASES[case]
    found = {finding.code: finding for finding in findings_of(ours, stripe, NOW)}
    assert code in found
    assert found[code].command == command


def test_every_check_finds_something_in_some_case() -> None:
    """A check without a case is a check that nobody has seen work."""
    for check in CHECKS:
        assert any(list(check(ours, stripe, NOW)) for ours, stripe, _, _ in CASES.values()), check.__name__


def test_the_gravest_comes_first() -> None:
    ours = replace(rows.with_status("expired"), events=[rows.event(handled_at=None)], tasks=[TASK])
    codes = [finding.code for finding in findings_of(ours, AGREED, NOW)]
    assert codes == ["paid_not_booked", "event_waits", "task"]


@pytest.mark.parametrize(
    ("ours", "stripe"),
    [
        (rows.with_status("expired", payments=[]), {ATTEMPT: rows.unpaid()}),
        (rows.begun_by_sms([rows.sms(status="delivered", sent_at=BEFORE)]), NOT_ASKED),
        (rows.begun_by_sms([rows.sms(status="queued", try_at=NOW)]), NOT_ASKED),
        (rows.begun_by_sms([rows.sms(status="failed"), rows.sms(status="sent", sent_at=NOW)]), NOT_ASKED),
        (replace(rows.healthy(), answers=[rows.answer(read_at=NOW), rows.answer(meaning="stop")]), AGREED),
        (rows.with_status("expired", refunds=[rows.refund()]), {ATTEMPT: REFUNDED}),
        (rows.with_status("cancelled", refunds=[rows.refund(reason="cancelled")]), {ATTEMPT: REFUNDED}),
        (rows.asked("requested"), {ATTEMPT: rows.intent("requires_capture")}),
        (
            rows.asked("declined", captures=[rows.capture(action="cancel")]),
            {ATTEMPT: rows.intent("canceled")},
        ),
        (
            rows.asked(
                "declined",
                captures=[rows.capture(action="cancel", status="owed", created_at=NOW, settled_at=None)],
            ),
            {ATTEMPT: rows.intent("requires_capture")},
        ),
        (replace(rows.healthy(), tasks=[{**TASK, "done_at": NOW, "done_by": "staff"}]), AGREED),
        (replace(rows.healthy(), disputes=[{**DISPUTE, "status": "won"}]), AGREED),
        (
            rows.with_status(
                "cancelled",
                refunds=[
                    rows.refund(status="failed", failure="closed account"),
                    rows.refund(refund_id="ref_2", reason="otherwise"),
                ],
                tasks=[
                    {**TASK, "kind": "refund_failed", "subject": "ref_1", "done_at": NOW, "done_by": "staff"}
                ],
            ),
            AGREED,
        ),
    ],
    ids=[
        "lapsed unpaid",
        "begun by SMS, and delivered",
        "begun by SMS, and due now",
        "begun by SMS, and sent once more",
        "answers that were read or obeyed",
        "late money returned",
        "cancelled and refunded",
        "a request that waits for its answer",
        "declined, and the money let go",
        "declined a moment ago",
        "task done",
        "dispute won",
        "a failed refund paid in another way",
    ],
)
def test_what_ended_well_is_not_wrong(ours: OurSide, stripe: StripeSide) -> None:
    assert findings_of(ours, stripe, NOW) == []


def test_what_is_young_is_given_its_time() -> None:
    young = NOW - timedelta(seconds=30)
    ours = replace(rows.healthy(), messages=[], events=[rows.event(handled_at=None, received_at=young)])
    assert ours.booking is not None
    ours = replace(ours, booking={**ours.booking, "confirmed_at": young})
    assert findings_of(ours, AGREED, NOW) == []
