"""Looking: the contact's bookings are settled, Stripe's sessions of that address are recovered, and the links are mailed.

A question is claimed under a lease, Stripe is asked outside any transaction, and messages and outcome are written together in one
(rule 5). Stripe not answering is no answer (rule 7): the question stays and is tried again for a day, and a person is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from holdfast.database.connection import Connection
from holdfast.errors import DatabaseUnavailable, HoldfastError, NotFound, NotPaid
from holdfast.lookup import rules, store
from holdfast.messages.store import enqueue
from holdfast.payments.recover import recover
from holdfast.payments.settle import settle_booking
from holdfast.payments.snapshot import unpack
from holdfast.stripe_gateway.references import references
from holdfast.system import System
from holdfast.tasks.actions import close_task_about, open_task

AT_ONCE = 10
LEASE = timedelta(minutes=5)  # ten bookings and ten sessions, each with Stripe's time-out
KEPT_WHEN_DONE = timedelta(days=7)
PAID = frozenset({"paid", "no_payment_required"})
CUSTOMER_ASKS = "customer_asks"

Row = dict[str, Any]
log = structlog.get_logger()


@dataclass
class Look:
    """`heard`: Stripe has answered everything. `found`: bookings that were put right now."""

    heard: bool = True
    found: list[str] = field(default_factory=list)


async def answer_due(system: System) -> int:
    """Answers the questions that are due; says how many."""
    now = system.clock.now()

    async def claim(conn: Connection) -> list[Row]:
        await store.forget_done(conn, now - KEPT_WHEN_DONE)
        return await store.claim_due(conn, now, now + LEASE, AT_ONCE)

    due = await system.database.run(claim)
    for row in due:
        try:
            await _answer(system, row)
        except DatabaseUnavailable:
            raise
        except (
            Exception
        ):  # one that nobody foresaw must not keep the others waiting; its lease brings it back
            log.exception("lookup_not_answered", lookup_id=row["lookup_id"])
    return len(due)


async def _answer(system: System, row: Row) -> None:
    look = Look()
    await _settle_bookings(system, row, look)
    if "@" in row["contact"]:
        await _recover_sessions(system, row, look)
    outcome = await system.database.run(lambda conn: _write(system, conn, row, look))
    system.signals.tell("work:messages")
    log.info("lookup_answered", lookup_id=row["lookup_id"], outcome=outcome, tries=row["tries"])


async def _settle_bookings(system: System, row: Row, look: Look) -> None:
    since = system.clock.now() - rules.LOOK_BACK
    for booking_id in await system.database.read(
        lambda conn: store.unsettled_bookings(
            conn, row["tenant_id"], row["contact"], since, rules.MOST_BOOKINGS
        )
    ):
        if await settle_booking(system, booking_id, "page") == "unknown":
            look.heard = False


async def _recover_sessions(system: System, row: Row, look: Look) -> None:
    """What Stripe took from this address and we do not know all of: settled, rebuilt, or opened as a task by recovery."""
    try:
        sessions = await _paid_sessions(system, row["contact"])
    except HoldfastError:
        look.heard = False
        return
    ids = [one["id"] for one in sessions]
    settled = await system.database.read(lambda conn: store.settled_sessions(conn, ids))
    for session in [one for one in sessions if one["id"] not in settled][: rules.MOST_SESSIONS]:
        try:
            done = await recover(system, session["id"], "worker", row["tenant_id"])
        except (NotFound, NotPaid):
            continue  # another tenant's, or given back meanwhile
        except HoldfastError:
            look.heard = False
            continue
        if done.booking_id:
            look.found.append(done.booking_id)


async def _paid_sessions(system: System, email: str) -> Sequence[Row]:
    """Newest first. Money that another installation has marked as its own is left to it (F58)."""
    since = int((system.clock.now() - rules.LOOK_BACK).timestamp())
    listed = await system.stripe.checkout_sessions(customer_details={"email": email}, created={"gte": since})
    return [
        one
        for one in listed
        if one.get("status") == "complete" and one.get("payment_status") in PAID and _may_be_ours(system, one)
    ]


def _may_be_ours(system: System, session: Row) -> bool:
    named = references(session).instance_id
    metadata = {str(key): str(value) for key, value in (session.get("metadata") or {}).items()}
    return named in {None, system.instance_id} or unpack(metadata, system.settings.secret_key) is not None


async def _write(system: System, conn: Connection, row: Row, look: Look) -> str:
    """The links of every paid booking that the guest has named the sum or the card of, and what became of the question."""
    now = system.clock.now()
    paid = await store.paid_bookings(conn, row["tenant_id"], row["contact"], look.found, rules.MOST_BOOKINGS)
    fitting = [
        one
        for one in paid
        if rules.fits(
            row["proof"], currency=one["currency"], sums=[one["amount"], *one["sums"]], cards=one["cards"]
        )
    ]
    for booking in fitting:
        await _send_link(system, conn, row, booking, now)
    subject = _subject(row)
    if look.heard:
        outcome = "sent" if fitting else "nothing"
        await store.mark_done(conn, row["lookup_id"], now, outcome)
        await close_task_about(conn, now, CUSTOMER_ASKS, subject, "worker")
        return outcome
    await _tell_a_person(
        system,
        conn,
        subject,
        row["tenant_id"],
        "A guest asks for a booking that was paid for, and Stripe does not answer. It is asked again for a day and the link "
        "sent when it is found. When Stripe is back and this is still open, look for the guest's payment in its dashboard.",
        _what_staff_need(row, paid),
    )
    if rules.is_given_up(now, row["created_at"]):
        await store.mark_done(conn, row["lookup_id"], now, "unanswered")
        return "unanswered"
    await store.put_off(conn, row["lookup_id"], rules.next_try(now, row["tries"]), "Stripe did not answer.")
    return "put off"


async def _send_link(system: System, conn: Connection, row: Row, booking: Row, now: datetime) -> None:
    await enqueue(
        conn,
        system.ids,
        now,
        booking=booking,
        kind="booking_link",
        cause="lookup",
        unique_key=rules.unique_key(row["created_at"]),
    )
    if not booking["contact_email"]:
        await _tell_a_person(
            system,
            conn,
            str(booking["booking_id"]),
            booking["tenant_id"],
            f"The guest of {booking['reference']} asks for the booking and left no e-mail address: the link goes by SMS "
            "where that is possible; see that it arrives, or telephone.",
            {"lookup_id": row["lookup_id"]},
            booking["order_id"],
        )


def _what_staff_need(row: Row, paid: Sequence[Row]) -> Row:
    """A task without a tenant is seen by the staff of every business: then without the contact."""
    known = {"lookup_id": row["lookup_id"], "bookings": [one["reference"] for one in paid]}
    return known | {"contact": row["contact"]} if row["tenant_id"] else known


def _subject(row: Row) -> str:
    """One a contact and day."""
    return f"{bytes(row['contact_hash']).hex()[:16]}:{row['created_at']:%Y-%m-%d}"


async def _tell_a_person(
    system: System,
    conn: Connection,
    subject: str,
    tenant_id: int | None,
    sentence: str,
    detail: Row,
    order_id: str | None = None,
) -> None:
    await open_task(
        conn,
        system.ids,
        system.clock.now(),
        kind=CUSTOMER_ASKS,
        subject=subject,
        sentence=sentence,
        tenant_id=tenant_id,
        order_id=order_id,
        detail=detail,
    )
