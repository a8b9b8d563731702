"""Refunds that are due are asked for, and pending ones looked at until they are over."""

from __future__ import annotations

from typing import Any

import structlog

from holdfast.errors import DatabaseUnavailable, HoldfastError
from holdfast.refunds import actions, rules, store
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


async def look_at_pending(system: System) -> int:
    """Asks Stripe what became of pending refunds whose time has come, in case the webhook was lost (F45); says how many. One that
    Stripe does not answer for is looked at again at its next time."""
    now = system.clock.now()
    due = await system.database.run(lambda conn: store.claim_pending(conn, now, actions.LEASE, AT_ONCE))
    for refund in due:
        try:
            await _look_at(system, refund)
        except DatabaseUnavailable:
            raise
        except Exception:  # as above
            log.exception("refund_not_looked_at", refund_id=refund["refund_id"])
    return len(due)


async def _look_at(system: System, refund: dict[str, Any]) -> None:
    refund_id, now = refund["refund_id"], system.clock.now()
    try:
        answer = await system.stripe.refund(refund["stripe_refund_id"])
    except HoldfastError as unknown:
        log.warning("refund_not_looked_at", refund_id=refund_id, why=unknown.detail)
    else:
        await system.database.run(lambda conn: actions.record(system, conn, refund_id, answer))
    later = rules.next_look(refund["created_at"], now)
    await system.database.run(lambda conn: store.look_later(conn, refund_id, later))
