"""What is wrong with what was said, or was not: pure, as findings.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from holdfast.diagnosis.finding import Finding, at_time
from holdfast.diagnosis.story import OurSide, Row, StripeSide

CONFIRMATION_LATE = timedelta(minutes=5)
MESSAGE_LATE = timedelta(minutes=5)
RECEIPT_LATE = timedelta(hours=1)


def guest_does_not_know(ours: OurSide, _: StripeSide, now: datetime) -> Iterator[Finding]:
    booking = ours.booking
    if not booking or ours.order["status"] != "confirmed" or not booking["confirmed_at"]:
        return
    if booking["confirmed_at"] > now - CONFIRMATION_LATE:
        return
    told = [message for message in ours.messages if message["kind"] == "booking_confirmed"]
    if any(message["status"] in ("sent", "delivered", "suppressed") for message in told):
        return
    failed = next((message for message in told if message["status"] == "failed"), None)
    if failed:
        why = failed["error"] or "no reason given"
        yield Finding(
            "not_told",
            f"The confirmation to {failed['recipient']} was refused ({why}): reach the guest another way.",
        )
    else:
        what = "waits in the outbox" if told else "was never written"
        yield Finding(
            "not_told", f"The booking is confirmed, but the confirmation {what}.", "holdfast doctor --fix"
        )


def first_sms_did_not_come(ours: OurSide, _: StripeSide, now: datetime) -> Iterator[Finding]:
    """F68: what began by SMS waits for a guest who has to have got its link."""
    if ours.order.get("source") != "sms" or ours.order["status"] != "pending":
        return
    told = [message for message in ours.messages if message["kind"] == "booking_started"]
    if not told:
        words = "The booking was begun by SMS, and no SMS is on record for it: the guest has no link."
        yield Finding("first_sms_missing", words, "holdfast doctor")
    elif all(message["status"] in ("failed", "suppressed") for message in told):
        why = told[-1]["error"] or "no reason given"
        words = f"The SMS with the link did not reach {told[-1]['recipient']} ({why}): reach the guest another way."
        yield Finding("first_sms_failed", words)


def messages_wait(ours: OurSide, _: StripeSide, now: datetime) -> Iterator[Finding]:
    yield from findings_of_messages(ours.messages, now)


def findings_of_messages(messages: list[Row], now: datetime) -> Iterator[Finding]:
    """What should have left and has not, and what left by SMS and of which nothing was heard since: sent is not delivered."""
    for row in messages:
        named = f"The {'SMS' if row['channel'] == 'sms' else 'e-mail'} {row['kind']} to {row['recipient']}"
        try_at, sent_at = row.get("try_at"), row.get("sent_at")
        if row["status"] in ("queued", "sending") and try_at is not None and try_at < now - MESSAGE_LATE:
            why = f" ({row['error']})" if row["error"] else ""
            words = f"{named} should have left at {at_time(try_at)}{why}: is a worker running?"
            yield Finding("message_waits", words, "holdfast doctor")
        if row["channel"] == "sms" and row["status"] == "sent" and sent_at and sent_at < now - RECEIPT_LATE:
            words = f"{named} was sent at {at_time(sent_at)}, and no receipt has come: nobody knows whether it arrived."
            yield Finding("no_receipt", words)


def answer_is_unread(ours: OurSide, _: StripeSide, __: datetime) -> Iterator[Finding]:
    yield from findings_of_answers(ours.answers)


def findings_of_answers(answers: list[Row]) -> Iterator[Finding]:
    for row in answers:
        if row["meaning"] == "other" and row["read_at"] is None:
            words = f"{row['sender']} answered by SMS at {at_time(row['received_at'])}, and nobody has read it: /staff/messages."
            yield Finding("answer_unread", words)
