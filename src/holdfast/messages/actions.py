"""What happens to a message, each in one transaction: it left, it waits, it is given up, it is sent again by
hand.

Delivery is at least once. The server's "250" and our record of it cannot be one step: when the process dies
in between, the lease lapses and the mail is sent again, with the same Message-ID, so that the reader's mail
program can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.ids import Ids
from holdfast.messages import rules, store
from holdfast.messages.render import Rendered
from holdfast.messages.rules import Verdict
from holdfast.messages.senders.mail import MailError, MailRefused, wire_address
from holdfast.tasks.actions import close_task_about, open_task

UNDELIVERABLE = "undeliverable"
MAIL_CONFIGURATION = "mail_configuration"
INSTALLATION = "installation"
# Failures that share their patience: what the server did not take today, for whatever reason of its own.
WAITING = [Verdict.UNREACHABLE, Verdict.DEFERRED]
NAMES = {
    "booking_confirmed": "confirmation",
    "booking_moved": "news of the change",
    "booking_cancelled": "cancellation",
    "booking_link": "link that was asked for",
    "payment_failed": "notice of the failed payment",
    "money_returned": "notice of the money returned",
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


@dataclass(frozen=True)
class Failure:
    verdict: Verdict
    stage: str
    detail: str


def failure_of(error: MailError) -> Failure:
    return Failure(
        rules.verdict(error.stage, error.code, error.reply),
        error.stage,
        f"{error.code} {error.reply}".strip() if error.code else error.reply,
    )


async def record_sent(conn: Connection, now: datetime, claim: Claim, rendered: Rendered) -> None:
    """The server took it."""
    await store.mark_sent(
        conn, now, claim.message_id, rendered.mail.subject, rendered.kept_text, rendered.kept_html
    )
    await store.insert_try(conn, now, claim.message_id, claim.tries, "sent", "")
    await close_task_about(conn, now, UNDELIVERABLE, claim.message_id, "worker")
    await _tell_the_story(conn, now, claim, "mailed", {})


async def record_failure(conn: Connection, ids: Ids, now: datetime, claim: Claim, failure: Failure) -> None:
    """It did not leave: waits for its next try, or is given up; and a person is told where only a person can
    help."""
    await store.insert_try(conn, now, claim.message_id, claim.tries, failure.verdict, failure.detail)
    if failure.verdict is Verdict.CONFIGURATION:
        await _tell_of_configuration(conn, ids, now, claim, failure)
    if await _is_given_up(conn, now, claim, failure):
        await _give_up(conn, ids, now, claim, failure)
    else:
        chance = rules.chance_of(claim.message_id, claim.tries)
        again_at = rules.next_try(now, failure.verdict, claim.tries, chance)
        await store.mark_waiting(conn, claim.message_id, claim.tries, again_at, failure.detail)


async def record_outdated(conn: Connection, now: datetime, claim: Claim, why: str) -> None:
    """It waited until it was no longer true: not sent."""
    if await store.mark_over(conn, claim.message_id, claim.tries, "suppressed", why):
        await _tell_the_story(conn, now, claim, "mail_not_needed", {"why": why})


async def wait_for_settings(conn: Connection, ids: Ids, now: datetime, problem: str) -> int:
    """Nothing can leave before a setting is made: says so on each message and to a person. Says how many
    wait."""
    waiting = await store.note_waiting_for_settings(conn, now, problem)
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


async def configuration_works(conn: Connection, now: datetime, tenant_ids: set[int]) -> None:
    """Mails of these tenants have left without a complaint about us: closes what a person was told of."""
    await close_task_about(conn, now, MAIL_CONFIGURATION, INSTALLATION, "worker")
    for tenant_id in sorted(tenant_ids):
        await close_task_about(conn, now, MAIL_CONFIGURATION, f"tenant:{tenant_id}", "worker")


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
    """Sends a message once more, as a new one to `recipient` or to the booking's present address; says its
    id. Then tell `work:messages`. Its words are made anew from what is true now. Locks the old message's row.

    NotFound: the tenant has none such. Conflict: it is still on its way, or was just sent again.
    ValidationFailed: no address to send to."""
    old = await store.locked(conn, tenant_id, message_id)
    if old is None or old["booking_id"] is None:
        raise NotFound("There is no such message.")
    rules.refuse_resending(old["status"])
    address = recipient or old["contact_email"] or old["recipient"]
    _refuse_bad_address(address)
    base = old["unique_key"].partition(":again-")[0]
    times = await store.count_again(conn, old["booking_id"], base) + 1
    new_id = await store.enqueue(
        conn,
        ids,
        now,
        booking={**old, "contact_email": address},
        kind=old["kind"],
        cause=actor,
        params=old["params"],
        unique_key=f"{base}:again-{times}",
    )
    if new_id is None:
        raise Conflict("Somebody is sending this message again just now.")
    await close_task_about(conn, now, UNDELIVERABLE, message_id, actor)
    await store.insert_timeline(
        conn, now, old["booking_id"], actor, "mail_again", {"kind": old["kind"], "message_id": new_id}
    )
    return new_id


def _refuse_bad_address(address: str) -> None:
    try:
        wire_address(address)
    except MailRefused as problem:
        raise ValidationFailed("This is not an e-mail address that something can be sent to.") from problem


async def _is_given_up(conn: Connection, now: datetime, claim: Claim, failure: Failure) -> bool:
    same = [failure.verdict] if failure.verdict is Verdict.CONFIGURATION else WAITING
    first = await store.first_failed_at(conn, claim.message_id, [str(verdict) for verdict in same])
    return rules.is_given_up(now, failure.verdict, first or now)


async def _give_up(conn: Connection, ids: Ids, now: datetime, claim: Claim, failure: Failure) -> None:
    if not await store.mark_over(conn, claim.message_id, claim.tries, "failed", failure.detail):
        return
    told = await store.reference_of(conn, claim.message_id)
    refused = failure.verdict is Verdict.REFUSED
    what_happened = "was refused by the mail server" if refused else "could not be delivered for too long"
    await open_task(
        conn,
        ids,
        now,
        kind=UNDELIVERABLE,
        subject=claim.message_id,
        sentence=(
            f"The {NAMES.get(claim.kind, claim.kind)} for {told['reference']} {what_happened} "
            f"({failure.detail}). "
            "Check the guest's address, then send it again."
        ),
        tenant_id=claim.tenant_id,
        order_id=told["order_id"],
        detail={"message_id": claim.message_id, "message_kind": claim.kind, "tries": claim.tries},
    )
    await _tell_the_story(conn, now, claim, "mail_failed", {"why": failure.detail})


async def _tell_of_configuration(
    conn: Connection, ids: Ids, now: datetime, claim: Claim, failure: Failure
) -> None:
    # A refused sender may be one tenant's own address; everything else concerns the installation.
    of_tenant = failure.stage in {"sender", "compose"}
    words = {
        "compose": "A message cannot be put into words",
        "auth": "The mail server refuses our log-in (SMTP_URL)",
        "sender": "The mail server refuses our sender address (MAIL_FROM or the tenant's own)",
        "tls": "No secure connection to the mail server is possible (SMTP_URL)",
        "recipient": "The mail server does not let us send to others (relaying; SMTP_URL)",
    }
    await open_task(
        conn,
        ids,
        now,
        kind=MAIL_CONFIGURATION,
        subject=f"tenant:{claim.tenant_id}" if of_tenant else INSTALLATION,
        sentence=(
            f"{words.get(failure.stage, 'The mail server does not work with us')}: {failure.detail}. "
            "E-mails wait and leave by themselves once this is mended."
        ),
        tenant_id=claim.tenant_id if of_tenant else None,
    )


async def _tell_the_story(
    conn: Connection, now: datetime, claim: Claim, what: str, detail: dict[str, Any]
) -> None:
    if claim.booking_id:
        told = {"kind": claim.kind, "message_id": claim.message_id, **detail}
        await store.insert_timeline(conn, now, claim.booking_id, "worker", what, told)
