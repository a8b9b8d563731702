"""Two who come at the same time, put in a chosen order: the test holds a row's lock until all of them stand in line for it, one
behind the other, and then lets them go. PostgreSQL serves the line in the order of coming.

And what must be true after any race: one decision about the money, and Stripe's books agree with ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from holdfast.clock import ManualClock, monotonic
from holdfast.requests.actions import PlacedRequest
from holdfast.system import System
from tests.support.appointments import Diary
from tests.support.system import Stage

LONGEST_WAIT_S = 20.0
LOOK_AGAIN_S = 0.005
LIVE = {"pending", "requested", "confirmed", "in_progress", "completed", "no_show"}

Racer = Callable[[], Awaitable[Any]]


def whose_clock_says(stage: Stage, moment: datetime) -> System:
    """The same system as another process sees it, at a moment of its own."""
    return replace(stage.system, clock=ManualClock(moment))


async def one_after_the_other(stage: Stage, placed: PlacedRequest, *racers: Racer) -> list[Any]:
    """Each has begun before the first has the order; they get it in this order. Says what each answered or raised."""
    return await _in_line(
        stage, "SELECT FROM orders WHERE order_id = %s FOR NO KEY UPDATE", placed.order_id, racers
    )


async def one_after_the_other_at_the_diary(stage: Stage, provider_id: int, *racers: Racer) -> list[Any]:
    """The same at the provider's row, for those who want the same time with orders of their own."""
    return await _in_line(
        stage, "SELECT FROM providers WHERE provider_id = %s FOR NO KEY UPDATE", provider_id, racers
    )


async def all_at_once(*racers: Racer) -> list[Any]:
    return await asyncio.gather(*(racer() for racer in racers), return_exceptions=True)


async def _in_line(stage: Stage, lock: str, subject: str | int, racers: tuple[Racer, ...]) -> list[Any]:
    running: list[asyncio.Future[Any]] = []
    async with stage.system.database.transaction() as conn:
        await conn.execute(lock.encode(), (subject,))
        for racer in racers:
            running.append(asyncio.ensure_future(racer()))
            await _until_waiting(stage, len(running), running[-1])
    return await asyncio.gather(*running, return_exceptions=True)


async def _until_waiting(stage: Stage, count: int, latest: asyncio.Future[Any]) -> None:
    ends_at = monotonic() + LONGEST_WAIT_S
    while monotonic() < ends_at:
        row = await stage.row(
            """SELECT count(DISTINCT l.pid) AS n FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                WHERE NOT l.granted AND a.datname = current_database()"""
        )
        if row["n"] >= count:
            return
        assert not latest.done(), f"it did not wait for the lock: {latest}"
        await asyncio.sleep(LOOK_AGAIN_S)
    raise AssertionError("nobody waits for the lock")


def raised(results: list[Any], kind: type[Exception]) -> list[Any]:
    """Those of them; anything raised that is not of this kind fails the test."""
    others = [one for one in results if isinstance(one, BaseException) and not isinstance(one, kind)]
    assert not others, others
    return [one for one in results if isinstance(one, kind)]


async def let_it_end(stage: Stage) -> None:
    """Webhooks arrive, the worker does what is due, and what follows from that."""
    for _ in range(2):
        await stage.deliver()
        await stage.run_jobs()
        await stage.advance(seconds=11)


async def assert_one_decision(stage: Stage, diary: Diary, placed: PlacedRequest) -> str:
    """After everything has come to rest: says the booking's status. One decision at most about the authorisation, carried out;
    what was taken, what went back and who has the time are the same in Stripe's books and in ours."""
    order = await diary.order(placed)
    status = await diary.status(placed)
    assert status == order["status"]
    decided = await stage.rows(
        "SELECT action, status, amount FROM captures WHERE order_id = %s AND status <> 'failed'",
        placed.order_id,
    )
    assert len(decided) <= 1
    assert all(one["status"] == "done" for one in decided)
    await _assert_money(stage, placed, status)
    slots = await stage.row(
        """SELECT count(*) FILTER (WHERE c.released_at IS NULL) AS live, count(DISTINCT u.unit_id) FILTER (WHERE u.taken > 0
                  AND c.released_at IS NULL) AS taken
             FROM claims c JOIN units u USING (unit_id) WHERE c.booking_id = %s""",
        placed.booking_id,
    )
    assert slots["live"] == slots["taken"]
    assert slots["live"] <= (1 if status in LIVE else 0)
    told = await stage.rows("SELECT what FROM timeline WHERE order_id = %s", placed.order_id)
    ends = [
        one["what"]
        for one in told
        if one["what"] in {"declined", "cancelled", "expired", "authorisation_lost"}
    ]
    assert len(ends) == (0 if status in LIVE else 1), ends
    return status


async def _assert_money(stage: Stage, placed: PlacedRequest, status: str) -> None:
    [intent] = [one for one in await stage.ledger("payment_intent") if one["id"] == placed.payment_intent_id]
    refunded = sum(
        one["amount"]
        for one in await stage.ledger("refund")
        if one["payment_intent"] == intent["id"] and one["status"] in {"succeeded", "pending"}
    )
    ours = await stage.row(
        """SELECT coalesce((SELECT sum(captured) FROM payments WHERE order_id = %s), 0)::bigint AS taken,
                  coalesce((SELECT sum(amount) FROM refunds WHERE order_id = %s AND status <> 'failed'), 0)::bigint AS back""",
        placed.order_id,
        placed.order_id,
    )
    assert (ours["taken"], ours["back"]) == (intent["amount_received"], refunded)
    if status in {"confirmed", "in_progress", "completed", "no_show"}:
        assert (intent["status"], refunded) == ("succeeded", 0)
    elif status in {"declined", "cancelled", "expired"}:
        assert intent["status"] == "canceled" or intent["amount_received"] > 0
