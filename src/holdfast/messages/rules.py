"""What a failed delivery means, and when it is tried again. Pure: the time, the tries and the chance come in
as arguments.

    how it failed                                          verdict        what follows

    no answer, connection lost (also after DATA)           UNREACHABLE    again, after 5 s to 5 min

    4xx, 500, 502 to 504, a full mailbox (x.2.2)           DEFERRED       again, after 1 to 30 min

    5xx about this recipient or this mail                  REFUSED        failed at once, task `undeliverable`

    5xx about us: greeting, log-in, sender, relaying;      CONFIGURATION  again, after 1 to 10 min, and a task
    no TLS, a setting is missing, no words can be found                   `mail_configuration`

An SMS goes by HTTP to a provider that has no idempotency key (`sms_verdict`):

    no connection                                          UNREACHABLE    again, as above
    429, 5xx, its queue is full                            DEFERRED       again, as above
    the number or the text is refused                      REFUSED        failed at once, task `undeliverable`
    our account, our sender, a setting                     CONFIGURATION  again, and a task `sms_configuration`
    no answer, or a process that died while sending        UNKNOWN        looked for at the provider's; not there: once more,
                                                                          and after a second time failed, with a task

A message is given up 24 h after its first UNREACHABLE or DEFERRED try, and 7 days after its first
CONFIGURATION try: the person who has to mend that may be away for a long weekend.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from enum import StrEnum

from holdfast.errors import Conflict


class Verdict(StrEnum):
    """As stored in message_tries.outcome."""

    UNREACHABLE = "unreachable"
    DEFERRED = "deferred"
    CONFIGURATION = "configuration"
    REFUSED = "refused"
    UNKNOWN = "unknown"


KINDS_TO_PROVIDERS = frozenset(
    {
        "request_to_answer",
        "request_reminder",
        "request_withdrawn",
        "provider_booking_confirmed",
        "provider_booking_cancelled",
        "provider_booking_rescheduled",
        "provider_authorisation_lost",
    }
)
KINDS_TO_CUSTOMERS = frozenset(
    {
        "booking_confirmed",
        "booking_cancelled",
        "booking_link",
        "booking_moved",
        "booking_rescheduled",
        "payment_failed",
        "money_returned",
        "request_received",
        "request_declined",
        "authorisation_lost",
        "booking_started",
        "reminder",
        "note",  # written by hand
    }
)
# Said to a number, whether it has a booking or not: by SMS only.
ANSWERS_TO_SMS = frozenset({"opt_out_confirmed", "help", "note"})
KINDS = KINDS_TO_CUSTOMERS | KINDS_TO_PROVIDERS
TRIAL = "template_trial"  # a tenant tries out its own words on a made-up booking
SIGN_IN = "provider_sign_in"  # about no booking: providers/sign_in.py writes it
OVER = frozenset({"cancelled", "declined", "expired"})
SURE = frozenset({"confirmed", "in_progress", "completed", "no_show"})
SAY_IT_STANDS = frozenset(
    {
        "booking_confirmed",
        "booking_moved",
        "booking_rescheduled",
        "provider_booking_confirmed",
        "provider_booking_rescheduled",
        "reminder",
    }
)
WAIT_FOR_AN_ANSWER = frozenset({"request_received", "request_to_answer", "request_reminder"})

# First wait and longest wait in seconds; in between it doubles.
WAITS_S = {
    Verdict.UNREACHABLE: (5, 300),
    Verdict.DEFERRED: (60, 1800),
    Verdict.CONFIGURATION: (60, 600),
    Verdict.UNKNOWN: (60, 600),  # time for what was sent to appear in the provider's list
}
GIVE_UP_AFTER = {
    Verdict.UNREACHABLE: timedelta(hours=24),
    Verdict.DEFERRED: timedelta(hours=24),
    Verdict.CONFIGURATION: timedelta(days=7),
    Verdict.UNKNOWN: timedelta(hours=24),
}
# How often an SMS may be sent without knowing what became of it.
MOST_UNKNOWN = 2
SMS_QUEUE_IS_FULL = 21611
# www.twilio.com/docs/api/errors: log-in, account, sender, permission for a country, callback address.
SMS_ABOUT_US = frozenset(
    {
        20003,
        20005,
        20403,
        20404,
        21212,
        21408,
        21603,
        21606,
        21607,
        21608,
        21609,
        21659,
        21660,
        21661,
        21701,
        21703,
        30002,
    }
)
# Each wait is drawn from this part of itself upwards, so that what failed together does not come back
# together.
JITTER_FROM = 0.5

# How far a mail came when the answer is about us, whatever the recipient.
ABOUT_US = frozenset({"connect", "auth", "sender"})
TOO_LARGE = 552
# These complain of the commands themselves (RFC 5321, 4.2.2): no word about the recipient, and some servers say 500 when
# something of their own broke.
SERVERS_OWN_TROUBLE = frozenset({500, 502, 503, 504})
ENHANCED = re.compile(r"\b[245]\.(\d{1,3})\.(\d{1,3})\b")  # RFC 3463
RELAYING = re.compile(r"\brelay", re.IGNORECASE)
AUTHENTICATE = frozenset({530, 534, 535, 538})


def verdict(stage: str, code: int | None, reply: str) -> Verdict:
    """What an undelivered mail's failure means: `stage` is how far it came (senders/mail.py), `code` SMTP's
    answer or None when there was none, `reply` the words of the server."""
    if stage in {"settings", "tls", "compose"}:
        return Verdict.CONFIGURATION
    if code is None:
        return Verdict.UNREACHABLE
    if code < 500:
        return Verdict.DEFERRED
    if _is_about_us(stage, code, reply):
        return Verdict.CONFIGURATION
    if code in SERVERS_OWN_TROUBLE:
        return Verdict.DEFERRED
    # A mailbox that is full today is not gone; many servers say so with 5xx.
    return Verdict.DEFERRED if _enhanced(reply) == ("2", "2") else Verdict.REFUSED


def sms_verdict(stage: str, status: int | None, code: int | None, may_have_left: bool) -> Verdict:
    """The same of an SMS: `status` is HTTP's, `code` Twilio's own, both None when there was none (senders/sms.py)."""
    if stage in {"settings", "compose"}:
        return Verdict.CONFIGURATION
    if may_have_left:
        return Verdict.UNKNOWN
    if status is None:
        return Verdict.UNREACHABLE
    if status == 429 or status >= 500 or code == SMS_QUEUE_IS_FULL:
        return Verdict.DEFERRED
    if status in {401, 403, 404} or code in SMS_ABOUT_US:
        return Verdict.CONFIGURATION
    return Verdict.REFUSED


class Told(StrEnum):
    """What a delivery receipt says, in our words."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


# www.twilio.com/docs/messaging/guides/track-outbound-message-status
RECEIPTS = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), Told.SENT),
    **dict.fromkeys(("delivered", "read"), Told.DELIVERED),
    **dict.fromkeys(("undelivered", "failed", "canceled"), Told.FAILED),
}


def after_receipt(status: str, told: Told, *, of_another: bool) -> Told | None:
    """What a message of this status becomes when a receipt comes; None: nothing new. Receipts come late, twice and out of
    order: what was told may only rise (sent, failed, delivered). `of_another`: the receipt names another SMS than the one that is
    on record for the message (it was repeated); then only its arrival is news."""
    if status == "delivered" or (of_another and told is not Told.DELIVERED):
        return None
    if told is Told.SENT:
        return Told.SENT if status in {"queued", "sending"} else None
    if told is Told.FAILED:
        return None if status == "failed" else Told.FAILED
    return Told.DELIVERED


def next_try(now: datetime, failed_as: Verdict, tries: int, chance: float) -> datetime:
    """When a message that was tried `tries` times (≥ 1) is tried again. `chance` in [0, 1) is the jitter. Not
    for REFUSED."""
    first, longest = WAITS_S[failed_as]
    wait = min(longest, first * 2 ** min(tries - 1, 20))
    return now + timedelta(seconds=wait * (JITTER_FROM + (1 - JITTER_FROM) * chance))


def is_given_up(now: datetime, failed_as: Verdict, first_failed_at: datetime) -> bool:
    """`first_failed_at`: the first try that failed in this way, or in a way that has the same patience."""
    return failed_as is Verdict.REFUSED or now - first_failed_at >= GIVE_UP_AFTER[failed_as]


def chance_of(message_id: str, tries: int) -> float:
    """The jitter of one try: as good as random between messages, and the same whenever the same try is
    replayed."""
    digest = hashlib.sha256(f"{message_id}:{tries}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def outdated(kind: str, booking_status: str, answered: bool = False, *, begun: bool = False) -> str:
    """Why a message that waited must not be said any more; empty when it still holds. `answered`: the provider has accepted,
    and the money is about to be taken. `begun`: what was booked has begun."""
    if kind == "reminder" and begun:
        return "it has begun"
    if kind in SAY_IT_STANDS and booking_status in OVER:
        return f"the booking is {booking_status} by now"
    if kind == "payment_failed" and booking_status in SURE:
        return "it was paid meanwhile"
    if kind == "booking_started" and booking_status in OVER | SURE:
        return f"the booking is {booking_status} by now"
    if kind in WAIT_FOR_AN_ANSWER and (answered or booking_status in OVER | SURE):
        return "the request was answered meanwhile"
    return ""


def refuse_resending(status: str) -> None:
    """Only what has reached its end is sent again; Conflict otherwise: what is under way will leave by
    itself."""
    if status in {"queued", "sending"}:
        raise Conflict("This message is still on its way and will be sent by itself.")


def _is_about_us(stage: str, code: int, reply: str) -> bool:
    if stage == "sender" and (code == TOO_LARGE or _enhanced(reply) == ("3", "4")):
        return False
    # At the recipient 5.7.x with a word about relaying means that we may not send here at all; other 5.7.x
    # are the recipient's own rules.
    return (
        stage in ABOUT_US or code in AUTHENTICATE or (stage == "recipient" and bool(RELAYING.search(reply)))
    )


def _enhanced(reply: str) -> tuple[str, str] | None:
    """Subject and detail of an enhanced status code: 5.1.1 → ("1", "1")."""
    found = ENHANCED.search(reply)
    return (found[1], found[2]) if found else None
