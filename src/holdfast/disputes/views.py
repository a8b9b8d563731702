"""Disputes as staff see them: the list by deadline, and one of them with everything. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from holdfast.database.connection import Connection
from holdfast.disputes import evidence, pack, rules, store
from holdfast.errors import NotFound

MOST_OPEN = 500
NONE_SUCH = "There is no such dispute."
SHOWN = (
    "dispute_id",
    "status",
    "reason",
    "amount",
    "currency",
    "evidence_due",
    "opened_at",
    "closed_at",
    "order_id",
    "booking_id",
    "reference",
    "title",
)

Row = dict[str, Any]


async def listed(
    conn: Connection,
    tenant_id: int,
    state: Literal["open", "closed"],
    now: datetime,
    limit: int = MOST_OPEN,
    after: str | None = None,
) -> list[Row]:
    """Open ones by their deadline, closed ones the latest first; `after`: the id at which the page before ended."""
    if state == "open":
        found = await store.open_disputes(conn, tenant_id, limit)
    else:
        last = await store.dispute(conn, tenant_id, after) if after else None
        before = (last["closed_at"], last["dispute_id"]) if last and last["closed_at"] else None
        found = await store.closed_disputes(conn, tenant_id, limit, before)
    return [{**{name: one[name] for name in SHOWN}, **_reading(one, now)} for one in found]


async def one_dispute(conn: Connection, tenant_id: int, dispute_id: str, now: datetime) -> Row:
    """All of it: the dispute, its history, the texts for Stripe's fields. Raises NotFound, also for another tenant's."""
    case = await pack.case_of(conn, tenant_id, dispute_id)
    if case is None:
        raise NotFound(NONE_SUCH)
    dispute = dict(case.dispute)
    return {
        **{name: dispute[name] for name in SHOWN},
        **_reading(dispute, now),
        "payment": {
            name: dispute[name]
            for name in (
                "payment_id",
                "payment_intent_id",
                "charge_id",
                "captured",
                "card_brand",
                "card_last4",
            )
        },
        "history": await store.history(conn, dispute["order_id"], dispute_id),
        "evidence": evidence.fields(case),
        "documents": pack.FILE_FIELDS,
        "time_zone": case.agreement["time_zone"],
        "customer_name": case.agreement["contact_name"],
        "booking_status": case.agreement["status"],
    }


async def evidence_pack(conn: Connection, tenant_id: int, dispute_id: str) -> tuple[str, bytes]:
    """The file's name and its bytes. Raises NotFound, also for another tenant's."""
    case = await pack.case_of(conn, tenant_id, dispute_id)
    if case is None:
        raise NotFound(NONE_SUCH)
    return pack.file_name(case), pack.packed(case)


def _reading(one: Row, now: datetime) -> Row:
    """What the row means now."""
    waits = one["status"] in rules.NEEDS_ANSWER
    return {
        "needs_answer": waits,
        "time_left": rules.time_left(one["evidence_due"], now) if waits else "",
        "urgency": rules.urgency(one["status"], one["evidence_due"], now),
        "refunds_blocked": one["status"] not in rules.MONEY_IS_OURS,
    }
