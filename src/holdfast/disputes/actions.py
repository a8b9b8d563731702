"""Disputes: what Stripe says of them is taken over, and a person is told. The verdict is Stripe's, never inferred (F47, F48)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.bookings import store as bookings
from holdfast.clock import from_unix
from holdfast.database.connection import Connection
from holdfast.disputes import rules, store
from holdfast.stripe_gateway.evidence import Evidence
from holdfast.stripe_gateway.lattice import only
from holdfast.system import System
from holdfast.tasks.actions import close_task_about, open_task

SENTENCE = (
    "A payment is disputed: answer it in Stripe's dashboard before its deadline; the evidence is under Disputes. "
    "Refunds of it are blocked."
)

Row = dict[str, Any]


async def take_over_disputes(
    system: System, conn: Connection, now: datetime, order: Row, paid: list[Row], known: Evidence
) -> None:
    """Under the order's lock, inside settle's transaction."""
    for dispute_id, facts in known.of("dispute").items():
        intent, charge = only(facts, "payment_intent"), only(facts, "charge")
        payment = next(
            (p for p in paid if p["payment_intent_id"] == intent or (charge and p["charge_id"] == charge)),
            None,
        )
        if payment is not None and facts.get("status"):
            await _take_over(system, conn, now, payment, dispute_id, facts)


async def _take_over(
    system: System, conn: Connection, now: datetime, payment: Row, dispute_id: str, facts: Any
) -> None:
    status, opened = facts["status"], only(facts, "created")
    row = {
        "dispute_id": dispute_id,
        "payment_id": payment["payment_id"],
        "order_id": payment["order_id"],
        "tenant_id": payment["tenant_id"],
        "status": status,
        "reason": only(facts, "reason") or "unknown",
        "amount": facts.get("amount") or payment["captured"],
        "currency": payment["currency"],
        "evidence_due": from_unix(facts["due_by"]) if facts.get("due_by") else None,
        "opened_at": from_unix(opened) if opened else now,
        "closed_at": now if status in rules.OVER else None,
    }
    before = await store.upsert_dispute(conn, row)
    if before == status:
        return
    detail = {"dispute": dispute_id, "status": status, "reason": row["reason"]}
    await bookings.tell(conn, payment["tenant_id"], payment["order_id"], now, "stripe", "disputed", **detail)
    if rules.asks_for_a_person(before, status):
        await _ask_a_person(system, conn, now, row)
    elif rules.leaves_the_desk(status):
        await close_task_about(conn, now, "dispute", dispute_id, "stripe")


async def _ask_a_person(system: System, conn: Connection, now: datetime, row: Row) -> None:
    due = row["evidence_due"]
    await open_task(
        conn,
        system.ids,
        now,
        kind="dispute",
        subject=row["dispute_id"],
        sentence=SENTENCE,
        tenant_id=row["tenant_id"],
        order_id=row["order_id"],
        detail={"reason": row["reason"], "evidence_due": due.isoformat() if due else None},
    )
