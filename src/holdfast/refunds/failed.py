"""A refund that failed: the money is with us again, and the guest still waits for it. A person chooses between the two ways that
are safe, once: it is sent to the card again, or it was paid in another way. Either closes the task; neither pays twice (F45).
"""

from __future__ import annotations

from typing import Any

from holdfast.bookings import store as bookings
from holdfast.database.connection import Connection
from holdfast.errors import Conflict, NotFound, RefundRefused, ValidationFailed
from holdfast.refunds import actions, store
from holdfast.system import System
from holdfast.tasks.actions import close_task_about

NO_SUCH_REFUND = "There is no such refund."
SEEN_TO = "Somebody has seen to this refund already: look at the booking's refunds."
LONGEST_NOTE = 200

Row = dict[str, Any]


async def send_again(system: System, tenant_id: int, refund_id: str, actor: str) -> Row:
    """Owes the same amount once more; the worker asks Stripe for it. Says the new refund. Raises Conflict when it did not fail
    or was seen to, RefundRefused when less than that is left, or beside a dispute. Locks the order; closes the task."""

    async def work(conn: Connection) -> Row:
        failed = await _failed(system, conn, tenant_id, refund_id, actor)
        now = system.clock.now()
        again = await store.owe(
            conn, system.ids.new("ref"), failed["payment_id"], failed["amount"], "staff", actor, now
        )
        detail = {
            "amount": again["amount"],
            "currency": again["currency"],
            "because": "the first one did not arrive",
        }
        await bookings.tell(conn, again["tenant_id"], again["order_id"], now, actor, "refund_owed", **detail)
        return again

    again = await system.database.run(work)
    system.signals.tell("work:refunds")
    return again


async def paid_otherwise(system: System, tenant_id: int, refund_id: str, note: str, actor: str) -> Row:
    """Writes down that a person gave the money back without Stripe, and how (`note`: `bank transfer`, no account numbers); it
    counts as given back from then on. Says the new row. Raises as send_again does, ValidationFailed without a note."""
    how = note.strip()
    if not how or len(how) > LONGEST_NOTE:
        raise ValidationFailed(f"Say in 1 to {LONGEST_NOTE} characters how it was paid.")

    async def work(conn: Connection) -> Row:
        failed = await _failed(system, conn, tenant_id, refund_id, actor)
        now, new_id = system.clock.now(), system.ids.new("ref")
        await store.insert_paid_otherwise(conn, new_id, failed, actor, now)
        detail = {"amount": failed["amount"], "currency": failed["currency"], "because": how}
        await bookings.tell(
            conn, failed["tenant_id"], failed["order_id"], now, actor, "refund_paid_otherwise", **detail
        )
        made = await store.refund(conn, new_id)
        assert made is not None  # it was written just now
        return made

    made = await system.database.run(work)
    system.signals.tell(f"booking:{made['booking_id']}")
    return made


async def _failed(system: System, conn: Connection, tenant_id: int, refund_id: str, actor: str) -> Row:
    """The failed refund, its order locked and its task closed: whoever comes second finds it closed."""
    known = await store.refund(conn, refund_id)
    if known is None or known["tenant_id"] != tenant_id:
        raise NotFound(NO_SUCH_REFUND)
    row = await actions.locked(conn, refund_id)
    if row["status"] != "failed":
        raise Conflict(f"This refund did not fail: it is {row['status']}.")
    if not await close_task_about(conn, system.clock.now(), "refund_failed", refund_id, actor):
        raise Conflict(SEEN_TO)
    await actions.refuse_beside_dispute(conn, row["payment_id"])
    left = await store.left_of(conn, row["payment_id"])
    if row["amount"] > left:
        raise RefundRefused(
            f"Of this payment {left} {row['currency']} (in minor units) can still be given back.", left=left
        )
    return row
