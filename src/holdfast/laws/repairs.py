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
    """Every attempt of the order, through the one door (rule 1). Raises StripeUnavailable: then nothing is known, nothing changes,
    and the next run goes on."""
    order_id = _order_of(violation)
    async with system.database.transaction() as conn:
        rows = await conn.execute(
            "SELECT attempt_id, status FROM attempts WHERE order_id = %s ORDER BY created_at, attempt_id",
            (order_id,),
        )
        attempts = await rows.fetchall()
    for attempt in attempts:
        if attempt["status"] in {"planned", "open"}:
            await look_at(system, attempt["attempt_id"], found_by(actor))
        else:
            await settle(system, attempt["attempt_id"], found_by=found_by(actor))
    return f"Settled with Stripe: {len(attempts)} {'attempt' if len(attempts) == 1 else 'attempts'}."


async def let_go(system: System, violation: Violation, actor: str) -> str:
    """Through the fence: what can still be paid is closed at Stripe first, and only then are the seats given back."""
    order_id = _order_of(violation)
    async with system.database.transaction() as conn:
        rows = await conn.execute(
            "SELECT attempt_id FROM attempts WHERE order_id = %s AND ask_at IS NOT NULL ORDER BY created_at, attempt_id",
            (order_id,),
        )
        attempts = [str(row["attempt_id"]) for row in await rows.fetchall()]
    for attempt_id in attempts:
        await look_at(system, attempt_id, found_by(actor))
    settled = await let_lapse(system, order_id)
    return (
        f"Nobody can pay for it any more; it is {settled.status}."
        if settled.status != "pending"
        else "It can still be paid."
    )


async def handle_again(system: System, violation: Violation, actor: str) -> str:
    """Takes the one event as the worker does, and handles it: twice is as once."""
    now = system.clock.now()
    async with system.database.transaction() as conn:
        rows = await conn.execute(
            """UPDATE webhook_events SET tries = tries + 1, try_at = %s WHERE event_id = %s AND handled_at IS NULL
            RETURNING *""",
            (now + LEASE, violation.subject),
        )
        event = await rows.fetchone()
    if event is None:
        return "It has been handled meanwhile."
    return f"Handled again: {await handle_event(system, event)}."


async def carry_out_refund(system: System, violation: Violation, actor: str) -> str:
    """Takes the one refund as the worker does, and asks Stripe for it under the same key as ever: it goes back once."""
    now = system.clock.now()
    async with system.database.transaction() as conn:
        rows = await conn.execute(
            """UPDATE refunds r SET status = 'asked', tries = r.tries + 1, try_at = %(until)s
                 FROM payments p
                WHERE p.payment_id = r.payment_id AND r.refund_id = %(id)s AND r.status IN ('owed', 'asked')
            RETURNING r.*, p.payment_intent_id, p.attempt_id""",
            {"id": violation.subject, "until": now + LEASE},
        )
        refund = await rows.fetchone()
    if refund is None:
        return "It has been carried out meanwhile."
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
