"""Silence: a provider is reminded before the deadline, and past it the request declines by itself."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog

from holdfast.database.connection import Connection
from holdfast.errors import DatabaseUnavailable
from holdfast.payments import store as payments
from holdfast.requests import store, telling
from holdfast.requests.answers import end_request
from holdfast.system import System

AT_ONCE = 50
NO_ANSWER = "There was no answer in time."

Row = dict[str, Any]
log = structlog.get_logger()


async def decline_overdue(system: System) -> int:
    """Declines every request whose deadline is past and that was not accepted; says how many. One that cannot be declined is
    passed over, and does not hold up the others."""
    declined, passed_over = 0, list[str]()
    while True:
        now = system.clock.now()
        due = await system.database.read(partial(store.overdue, now=now, limit=AT_ONCE, but=passed_over))
        for order_id in due:
            if await _decline(system, order_id):
                declined += 1
            else:
                passed_over.append(order_id)
        if len(due) < AT_ONCE:
            return declined


async def _decline(system: System, order_id: str) -> bool:
    try:
        order = await system.database.run(lambda conn: decline_unanswered(system, conn, order_id))
    except DatabaseUnavailable:
        raise
    except Exception:  # a law tells of it; the others go on
        log.exception("request_not_declined", order_id=order_id)
        return False
    if order is None:
        return False
    system.signals.tell(*telling.subjects(order))
    return True


async def decline_unanswered(system: System, conn: Connection, order_id: str) -> Row | None:
    """Inside the caller's transaction, under the order's lock: who accepted at the same instant has won, then this is None."""
    order = await payments.lock_order(conn, order_id)
    if order is None or order["status"] != "requested" or order["accepted_at"] is not None:
        return None
    if order["respond_by"] > system.clock.now():
        return None
    await end_request(system, conn, order, "worker", "declined", reason=NO_ANSWER, why="unanswered")
    return order


async def remind_providers(system: System) -> int:
    """Reminds each provider once of a request that waits; says how many."""
    now = system.clock.now()
    waiting = await system.database.read(partial(store.waiting_without_reminder, now=now, limit=AT_ONCE))
    reminded = 0
    for row in waiting:
        try:
            await system.database.run(partial(_remind, system, order_id=row["order_id"]))
        except DatabaseUnavailable:
            raise
        except Exception:  # the others are reminded all the same
            log.exception("provider_not_reminded", order_id=row["order_id"])
        else:
            reminded += 1
    if reminded:
        system.signals.tell("work:messages")
    return reminded


async def _remind(system: System, conn: Connection, order_id: str) -> None:
    order = await payments.lock_order(conn, order_id)
    if order is None or order["status"] != "requested" or order["accepted_at"] is not None:
        return
    link_id = await telling.answer_link(system, conn, order, order["respond_by"])
    await telling.provider(system, conn, order, "request_reminder", "worker", link_id=link_id)
