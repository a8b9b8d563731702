"""Refunds that are due are asked for."""

from __future__ import annotations

from holdfast.refunds import actions, store
from holdfast.system import System

AT_ONCE = 20


async def ask_for_due(system: System) -> int:
    """Claims what is owed and asks Stripe for it, one after the other; says how many."""
    now = system.clock.now()
    async with system.database.transaction() as conn:
        due = await store.claim_due(conn, now, actions.LEASE, AT_ONCE)
    for refund in due:
        await actions.ask_for(system, refund)
    return len(due)
