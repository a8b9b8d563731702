"""What several repairs share: the doors that they all go through."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.bookings.store import move_order, tell
from holdfast.database.connection import Connection
from holdfast.inbox.actions import handle_event
from holdfast.laws.law import Repair, Violation
from holdfast.payments.settle import let_lapse, look_at, settle
from holdfast.refunds.actions import ask_for
from holdfast.system import System
from holdfast.tasks.actions import open_task

LEASE = timedelta(seconds=60)


async def settle_order(system: System, violation: Violation, actor: str) -> str:
    """Every attempt of the order, through the one door (rule 1). Raises StripeUnavailable: then nothing is
    known, nothing changes, and the next run goes on."""
    attempts = await _attempts_to_ask_about(system, violation, actor)
    for attempt in attempts:
        if attempt["status"] in {"planned", "open"}:
            await look_at(system, attempt["attempt_id"], found_by(actor))
        else:
            await settle(system, attempt["attempt_id"], found_by=found_by(actor))
    return f"Settled with Stripe: {len(attempts)} {'attempt' if len(attempts) == 1 else 'attempts'}."


async def let_go(system: System, violation: Violation, actor: str) -> str:
    """Through the fence: what can still be paid is closed at Stripe first, and only then are the seats given
    back. Raises StripeUnavailable: the hold stays."""
    for attempt in await _attempts_to_ask_about(system, violation, actor):
        if attempt["ask_at"] is not None:
            await look_at(system, attempt["attempt_id"], found_by(actor))
    settled = await let_lapse(system, _order_of(violation))
    if settled.status in {"pending", "requested"}:
        return "It can still be paid, as far as Stripe has told us: it stays."
    return f"Nobody can pay for it any more; it is {settled.status}."


async def _attempts_to_ask_about(system: System, violation: Violation, actor: str) -> list[dict[str, Any]]:
    """All of the order's for an operator. The worker keeps to their times: asking ever more slowly is what spares
    Stripe in its bad hours, and a law that is asked every minute must not undo it."""
    async with system.database.transaction() as conn:
        rows = await conn.execute(
            """SELECT attempt_id, status, ask_at FROM attempts
                WHERE order_id = %s AND (%s OR ask_at IS NULL OR ask_at <= %s) ORDER BY created_at, attempt_id""",
            (_order_of(violation), actor != "worker", system.clock.now()),
        )
        return await rows.fetchall()


async def handle_again(system: System, violation: Violation, actor: str) -> str:
    """Takes the one event as the worker does, and handles it: twice is as once. The worker keeps to its times."""
    now = system.clock.now()
    async with system.database.transaction() as conn:
        rows = await conn.execute(
            """UPDATE webhook_events SET tries = tries + 1, try_at = %s
                WHERE event_id = %s AND handled_at IS NULL AND (%s OR try_at <= %s)
            RETURNING *""",
            (now + LEASE, violation.subject, actor != "worker", now),
        )
        event = await rows.fetchone()
    if event is None:
        return "It was handled meanwhile, or waits for its next try."
    return f"Handled again: {await handle_event(system, event)}."


async def carry_out_refund(system: System, violation: Violation, actor: str) -> str:
    """Takes the one refund as the worker does, and asks Stripe for it under the same key as ever: it goes back once. The worker
    keeps to its times."""
    now = system.clock.now()
    async with system.database.transaction() as conn:
        rows = await conn.execute(
            """UPDATE refunds r SET status = 'asked', tries = r.tries + 1, try_at = %(until)s
                 FROM payments p
                WHERE p.payment_id = r.payment_id AND r.refund_id = %(id)s AND r.status IN ('owed', 'asked')
                  AND (%(person)s OR r.try_at <= %(now)s)
            RETURNING r.*, p.payment_intent_id, p.attempt_id""",
            {"id": violation.subject, "until": now + LEASE, "now": now, "person": actor != "worker"},
        )
        refund = await rows.fetchone()
    if refund is None:
        return "It was carried out meanwhile, or waits for its next try."
    return f"Asked Stripe for it: {await ask_for(system, refund)}."


def open_task_for(kind: str, sentence: str) -> Repair:
    """A repair that tells a person: one open task of this kind about the violation's subject."""

    async def tell_person(system: System, violation: Violation, actor: str) -> str:
        async with system.database.transaction() as conn:
            row = await (
                await conn.execute("SELECT tenant_id FROM orders WHERE order_id = %s", (violation.order_id,))
            ).fetchone()
            await open_task(
                conn,
                system.ids,
                system.clock.now(),
                kind=kind,
                subject=violation.subject,
                sentence=sentence,
                tenant_id=row["tenant_id"] if row else None,
                order_id=violation.order_id,
                detail=violation.detail,
            )
        return "A task was opened."

    return tell_person


async def make_stuck(
    system: System,
    conn: Connection,
    now: datetime,
    order: dict[str, Any],
    reason: str,
    sentence: str,
    actor: str,
) -> None:
    """A contradiction that needs a person: the order, locked by the caller, stops here, and somebody is told."""
    await move_order(conn, order["order_id"], "stuck", stuck_reason=reason)
    await tell(conn, order["tenant_id"], order["order_id"], now, actor, "stuck", why=sentence)
    await open_task(
        conn,
        system.ids,
        now,
        kind="stuck",
        subject=order["order_id"],
        sentence=sentence,
        tenant_id=order["tenant_id"],
        order_id=order["order_id"],
        detail={"reason": reason},
    )


def found_by(actor: str) -> str:
    """Which layer a payment was found by when this actor's repair found it."""
    return "operator" if actor == "operator" else "sweep"


def _order_of(violation: Violation) -> str:
    assert violation.order_id is not None  # laws that settle name the order
    return violation.order_id
