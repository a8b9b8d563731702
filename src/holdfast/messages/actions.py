"""What happens to a message, each in one transaction: it left, it waits, it is given up, it arrived, it is sent
again by hand.

Delivery is at least once. The server's "250" and our record of it cannot be one step: when the process dies
in between, the lease lapses and the mail is sent again, with the same Message-ID, so that the reader's mail
program can tell. An SMS has nothing of the kind: carriers.py says what is done instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from holdfast.customers.rules import normalised_phone
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.ids import Ids
from holdfast.messages import delivery_store, opting_out, rules, store
from holdfast.messages.office_words import CONFIGURATION_WORDS, NAMES, why_not_delivered
from holdfast.messages.other_channel import WORDS, go_the_other_way
from holdfast.messages.outbox import OPTED_OUT
from holdfast.messages.rules import KINDS_TO_PROVIDERS, Told, Verdict
from holdfast.messages.senders.mail import MailError, MailRefused, wire_address
from holdfast.messages.senders.sms import SmsError
from holdfast.tasks.actions import close_task_about, open_task

UNDELIVERABLE = "undeliverable"
MAIL_CONFIGURATION = "mail_configuration"
SMS_CONFIGURATION = "sms_configuration"
# The task that tells of what is wrong with us, by channel.
# www.twilio.com/docs/api/errors/21610: the person has answered STOP.
SMS_OPTED_OUT = 21610
CONFIGURATION_TASKS = {"email": MAIL_CONFIGURATION, "sms": SMS_CONFIGURATION}
INSTALLATION = "installation"
# Failures that share their patience: what the server did not take today, for whatever reason of its own.
WAITING = [Verdict.UNREACHABLE, Verdict.DEFERRED]
# How the timeline calls what became of a message: to the customer, and to the provider (which is no customer's to read).
STORY = {
    "sent": ("mailed", "provider_told"),
    "failed": ("mail_failed", "provider_not_told"),
    "not_needed": ("mail_not_needed", "provider_message_not_needed"),
}


@dataclass(frozen=True)
class Claim:
    """A message that this worker may send until its lease is over."""

    message_id: str
    tenant_id: int
    booking_id: str | None
    kind: str
    tries: int
    leased_until: datetime
    channel: str = "email"


@dataclass(frozen=True)
class Failure:
    verdict: Verdict
    stage: str
    detail: str
    code: int | None = None  # the SMS provider's own


@dataclass(frozen=True)
class Handed:
    """What was handed over, in the words that are kept, and what the other side calls it."""

    kept_text: str
    kept_html: str | None = None
    subject: str | None = None
    provider_id: str | None = None
    detail: str = ""
    segments: int | None = None
    own_words_wrong: str = ""  # why the tenant's own words were not said
    language: str = ""


@dataclass(frozen=True)
class Receipt:
    """What the SMS provider tells of an SMS of ours."""

    provider_id: str
    told: Told
    error_code: str
    price: Decimal | None = None
    currency: str | None = None
    source: str = "receipt"  # or `asked`: we asked for it


def failure_of(error: MailError | SmsError) -> Failure:
    if isinstance(error, SmsError):
        verdict = rules.sms_verdict(error.stage, error.status, error.code, error.may_have_left)
        said = f"{error.code or error.status or ''} {error.reply}".strip()
        detail = f"It may have been sent: {said}." if verdict is Verdict.UNKNOWN else said
        return Failure(verdict, error.stage, detail, error.code)
    return Failure(
        rules.verdict(error.stage, error.code, error.reply),
        error.stage,
        f"{error.code} {error.reply}".strip() if error.code else error.reply,
    )


async def record_sent(conn: Connection, now: datetime, claim: Claim, handed: Handed) -> None:
    """The server took it."""
    status, instead_of = await delivery_store.mark_sent(
        conn,
        now,
        claim.message_id,
        subject=handed.subject,
        body_text=handed.kept_text,
        body_html=handed.kept_html,
        provider_id=handed.provider_id,
        segments=handed.segments,
        detail=handed.detail,
    )
    await delivery_store.insert_try(conn, now, claim.message_id, claim.tries, "sent", handed.detail)
    if status != "failed":  # a receipt that came sooner may have said so
        await close_task_about(conn, now, UNDELIVERABLE, claim.message_id, "worker")
    if instead_of and claim.channel == "email":  # of an SMS its receipt says that it arrived
        await close_task_about(conn, now, UNDELIVERABLE, instead_of, "worker")
    await _tell_the_story(conn, now, claim, "sent", {})


async def record_receipt(
    conn: Connection, ids: Ids, now: datetime, message_id: str, receipt: Receipt
) -> str | None:
    """A delivery receipt: says the booking whose message has changed, None when it was no news or about a message that nobody
    knows. Locks the message's row. A message whose sending was never recorded (the process died) is found to have left."""
    row = await delivery_store.sms_locked(conn, message_id)
    if row is None:
        return None
    of_another = row["provider_id"] is not None and row["provider_id"] != receipt.provider_id
    after = rules.after_receipt(row["status"], receipt.told, of_another=of_another)
    if after is None:
        if receipt.price is not None and receipt.currency and not of_another:
            await delivery_store.note_price(conn, message_id, receipt.price, receipt.currency)
        return None
    why = why_not_delivered(receipt.error_code) if after is Told.FAILED else None
    await delivery_store.mark_by_receipt(
        conn,
        now,
        message_id,
        status=after,
        provider_id=receipt.provider_id,
        error=why,
        source=receipt.source,
        price=receipt.price,
        currency=receipt.currency,
    )
    claim = Claim(
        message_id, row["tenant_id"], row["booking_id"], row["kind"], row["tries"], now, row["channel"]
    )
    if row["sent_at"] is None:
        await delivery_store.insert_try(
            conn, now, message_id, max(row["tries"], 1), "sent", "Its receipt came."
        )
    if after is Told.FAILED:
        how_else = await go_the_other_way(conn, ids, now, message_id)
        words = f"did not arrive by SMS: {why}"
        await _tell_of_undelivered(conn, ids, now, claim, words, why or "", how_else)
    else:
        await close_task_about(conn, now, UNDELIVERABLE, message_id, "worker")
        if after is Told.DELIVERED and row["instead_of"]:
            await close_task_about(conn, now, UNDELIVERABLE, row["instead_of"], "worker")
    return row["booking_id"] or message_id


async def record_failure(conn: Connection, ids: Ids, now: datetime, claim: Claim, failure: Failure) -> None:
    """It did not leave: waits for its next try, or is given up; and a person is told where only a person can
    help."""
    await delivery_store.insert_try(conn, now, claim.message_id, claim.tries, failure.verdict, failure.detail)
    if failure.code == SMS_OPTED_OUT:
        await _provider_says_opted_out(conn, now, claim)
        return
    if failure.verdict is Verdict.CONFIGURATION:
        await _tell_of_configuration(conn, ids, now, claim, failure)
    if await _is_given_up(conn, now, claim, failure):
        await _give_up(conn, ids, now, claim, failure)
    else:
        chance = rules.chance_of(claim.message_id, claim.tries)
        again_at = rules.next_try(now, failure.verdict, claim.tries, chance)
        await delivery_store.mark_waiting(conn, now, claim.message_id, claim.tries, again_at, failure.detail)


async def _provider_says_opted_out(conn: Connection, now: datetime, claim: Claim) -> None:
    """Its own list knew of it before ours."""
    number = await delivery_store.recipient_of(conn, claim.message_id)
    await opting_out.opt_out(conn, now, claim.tenant_id, number, "the SMS provider's list")
    await record_outdated(conn, now, claim, OPTED_OUT)


async def record_outdated(conn: Connection, now: datetime, claim: Claim, why: str) -> None:
    """It waited until it was no longer true: not sent."""
    if await delivery_store.mark_over(conn, now, claim.message_id, claim.tries, "suppressed", why, "rule"):
        await _tell_the_story(conn, now, claim, "not_needed", {"why": why})


async def wait_for_settings(conn: Connection, ids: Ids, now: datetime, problem: str) -> int:
    """Nothing can leave before a setting is made: says so on each message and to a person. Says how many
    wait."""
    waiting = await delivery_store.note_waiting_for_settings(conn, now, problem)
    if waiting:
        await open_task(
            conn,
            ids,
            now,
            kind=MAIL_CONFIGURATION,
            subject=INSTALLATION,
            sentence=f"E-mails are waiting: {problem}. Set it and restart; they then leave by themselves.",
        )
    return waiting


async def configuration_works(
    conn: Connection, now: datetime, tenant_ids: set[int], channel: str = "email"
) -> None:
    """Messages of these tenants have left without a complaint about us: closes what a person was told of."""
    kind = CONFIGURATION_TASKS[channel]
    await close_task_about(conn, now, kind, INSTALLATION, "worker")
    for tenant_id in sorted(tenant_ids):
        await close_task_about(conn, now, kind, f"tenant:{tenant_id}", "worker")


async def resend(
    conn: Connection,
    ids: Ids,
    now: datetime,
    *,
    tenant_id: int,
    message_id: str,
    actor: str,
    recipient: str | None = None,
) -> str:
    """Sends a message once more by the same channel, as a new one to `recipient` or to the present address of whom it is for,
    customer or provider; says its id. Then tell `work:messages`. Its words are made anew from what is true now. Locks the old
    message's row.

    NotFound: the tenant has none such. Conflict: it is still on its way, or was just sent again.
    ValidationFailed: no address or number to send to."""
    old = await store.locked(conn, tenant_id, message_id)
    if old is None or old["booking_id"] is None:
        raise NotFound("There is no such message.")
    rules.refuse_resending(old["status"])
    address = _address_again(old, recipient)
    base = old["unique_key"].partition(":again-")[0]
    times = await store.count_again(conn, old["booking_id"], base) + 1
    new_id = await store.enqueue_again(
        conn, ids, now, old=old, recipient=address, cause=actor, unique_key=f"{base}:again-{times}"
    )
    if new_id is None:
        raise Conflict("Somebody is sending this message again just now.")
    await close_task_about(conn, now, UNDELIVERABLE, message_id, actor)
    await store.insert_timeline(
        conn, now, old["booking_id"], actor, "mail_again", {"kind": old["kind"], "message_id": new_id}
    )
    return new_id


def _address_again(old: store.Row, recipient: str | None) -> str:
    """What was given, else the present address of the one whom the message is for: never the other side's."""
    side = "provider" if old["kind"] in KINDS_TO_PROVIDERS else "contact"
    if old["channel"] == "sms":
        # No region: a number without its country code is nobody's in particular.
        return normalised_phone(recipient or old[f"{side}_phone"] or old["recipient"], "ZZ")
    address = str(recipient or old[f"{side}_email"] or old["recipient"])
    try:
        wire_address(address)
    except MailRefused as problem:
        raise ValidationFailed("This is not an e-mail address that something can be sent to.") from problem
    return address


async def _is_given_up(conn: Connection, now: datetime, claim: Claim, failure: Failure) -> bool:
    if failure.verdict is Verdict.UNKNOWN:
        return await delivery_store.count_tries(conn, claim.message_id, failure.verdict) >= rules.MOST_UNKNOWN
    same = [failure.verdict] if failure.verdict is Verdict.CONFIGURATION else WAITING
    first = await delivery_store.first_failed_at(conn, claim.message_id, [str(verdict) for verdict in same])
    return rules.is_given_up(now, failure.verdict, first or now)


async def _give_up(conn: Connection, ids: Ids, now: datetime, claim: Claim, failure: Failure) -> None:
    if not await delivery_store.mark_over(conn, now, claim.message_id, claim.tries, "failed", failure.detail):
        return
    how_else = await go_the_other_way(conn, ids, now, claim.message_id)
    what_happened = {
        Verdict.REFUSED: "was refused by the mail server"
        if claim.channel == "email"
        else "was refused by the SMS provider",
        Verdict.UNKNOWN: "may have arrived by SMS or not",
    }.get(failure.verdict, "could not be delivered for too long")
    words = f"{what_happened} ({failure.detail})"
    await _tell_of_undelivered(conn, ids, now, claim, words, failure.detail, how_else)


async def _tell_of_undelivered(
    conn: Connection,
    ids: Ids,
    now: datetime,
    claim: Claim,
    what_happened: str,
    why: str,
    how_else: str | None,
) -> None:
    if claim.kind == rules.TRIAL:  # whoever tries words out sees it there
        return
    told = await store.reference_of(conn, claim.message_id)
    where = "address" if claim.channel == "email" else "number"
    whose = "provider's" if claim.kind in KINDS_TO_PROVIDERS else "guest's"
    await open_task(
        conn,
        ids,
        now,
        kind=UNDELIVERABLE,
        subject=claim.message_id,
        sentence=(
            f"The {NAMES.get(claim.kind, claim.kind)} for {told['reference']} {what_happened.rstrip('.')}. "
            f"{f'It now goes {WORDS[how_else]}. ' if how_else else ''}Check the {whose} {where}, then send it again."
        ),
        tenant_id=claim.tenant_id,
        order_id=told["order_id"],
        detail={"message_id": claim.message_id, "message_kind": claim.kind, "tries": claim.tries},
    )
    await _tell_the_story(conn, now, claim, "failed", {"why": why})


async def _tell_of_configuration(
    conn: Connection, ids: Ids, now: datetime, claim: Claim, failure: Failure
) -> None:
    # A refused sender may be one tenant's own address; everything else concerns the installation.
    of_tenant = failure.stage in {"sender", "compose"}
    words, what = CONFIGURATION_WORDS[claim.channel]
    await open_task(
        conn,
        ids,
        now,
        kind=CONFIGURATION_TASKS[claim.channel],
        subject=f"tenant:{claim.tenant_id}" if of_tenant else INSTALLATION,
        sentence=(
            f"{words.get(failure.stage, words[''])}: {failure.detail.rstrip('.')}. "
            f"{what} wait and leave by themselves once this is mended."
        ),
        tenant_id=claim.tenant_id if of_tenant else None,
    )


async def _tell_the_story(
    conn: Connection, now: datetime, claim: Claim, what: str, detail: dict[str, Any]
) -> None:
    if claim.booking_id:
        to_customer, to_provider = STORY[what]
        named = to_provider if claim.kind in KINDS_TO_PROVIDERS else to_customer
        told = {"kind": claim.kind, "message_id": claim.message_id, **detail}
        if claim.channel != "email":
            told["channel"] = claim.channel
        await store.insert_timeline(conn, now, claim.booking_id, "worker", named, told)
