"""Open attempts are asked about, and holds that nobody can pay any more are let go."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from holdfast.errors import DatabaseUnavailable, HoldfastError, Unavailable, unforeseen
from holdfast.payments import store
from holdfast.payments.rules import ASK_AGAIN, Step
from holdfast.payments.settle import let_lapse, look_at
from holdfast.system import System

LEASE = timedelta(seconds=60)
AT_ONCE = 50
TOGETHER = 6

log = structlog.get_logger()


async def ask_about_due(system: System) -> int:
    """Claims the attempts whose time has come and looks at each: +1, +2, +5, +15, +31 minutes, then when the hold ends. One
    that Stripe does not answer for keeps its hold and is asked about again when its lease ends (rule 8)."""
    now = system.clock.now()
    due = await system.database.run(lambda conn: store.claim_due_attempts(conn, now, LEASE, AT_ONCE))
    room = asyncio.Semaphore(TOGETHER)

    async def look(attempt_id: str) -> None:
        async with room:
            try:
                await look_at(system, attempt_id, "sweep")
            except Unavailable as problem:
                await _put_off(system, attempt_id, problem.detail, LEASE)
            except (
                HoldfastError
            ) as problem:  # an answer, and the next one will hardly be another: a wrong key, say
                await _put_off(system, attempt_id, problem.detail, ASK_AGAIN)
            except (
                Exception
            ) as problem:  # one that nobody foresaw must not keep the others from being asked about
                log.exception("attempt_not_settled", attempt_id=attempt_id)
                await _put_off(system, attempt_id, unforeseen(problem), ASK_AGAIN)

    async with asyncio.TaskGroup() as group:
        for attempt_id in due:
            group.create_task(look(attempt_id))
    return len(due)


async def _put_off(system: System, attempt_id: str, why: str, pause: timedelta) -> None:
    async with system.database.transaction() as conn:
        await store.note_error(conn, attempt_id, why, system.clock.now() + pause)


async def let_due_lapse(system: System) -> int:
    """Holds that are over and have no attempt that anybody could still pay; says how many were let go. One that cannot be let
    go is passed over, so that it neither holds up the others nor makes the worker run in circles."""
    let_go, passed_over = 0, list[str]()
    while True:
        due = await _lapsed(system, passed_over)
        for order_id in due:
            if await _let_go(system, order_id):
                let_go += 1
            else:
                passed_over.append(order_id)
        if len(due) < AT_ONCE:
            return let_go


async def _lapsed(system: System, passed_over: list[str]) -> list[str]:
    now = system.clock.now()
    return await system.database.read(
        lambda conn: store.lapsed_without_open_attempt(conn, now, AT_ONCE, passed_over)
    )


async def _let_go(system: System, order_id: str) -> bool:
    try:
        return (await let_lapse(system, order_id)).step is not Step.NOTHING
    except DatabaseUnavailable:
        raise
    except Exception:  # as above
        log.exception("hold_not_let_go", order_id=order_id)
        return False
