"""Refunds that are due are asked for."""

from __future__ import annotations

import structlog

from holdfast.errors import DatabaseUnavailable
from holdfast.refunds import actions, store
from holdfast.system import System

AT_ONCE = 20

log = structlog.get_logger()


async def ask_for_due(system: System) -> int:
    """Claims what is owed and asks Stripe for it, one after the other; says how many."""
    now = system.clock.now()
    due = await system.database.run(lambda conn: store.claim_due(conn, now, actions.LEASE, AT_ONCE))
    for refund in due:
        try:
            await actions.ask_for(system, refund)
        except DatabaseUnavailable:
            raise
        except (
            Exception
        ):  # one that nobody foresaw must not hold up the others; it is due again when its lease ends
            log.exception("refund_not_asked_for", refund_id=refund["refund_id"])
    return len(due)
