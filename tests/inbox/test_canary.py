"""Our own event by Stripe's door: handled at once, about no money, and never mistaken for one of Stripe's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from holdfast.inbox import board_store
from holdfast.inbox.actions import replay
from holdfast.inbox.rules import CANARY_TYPE
from holdfast.laws.setup import State, events_check
from tests.support.system import Row, Stage


def canary(stage: Stage, number: int = 1, **changed: Any) -> Row:
    return {
        "id": f"evt_canary_{number}",
        "object": "event",
        "type": CANARY_TYPE,
        "created": int(stage.clock.now().timestamp()),
        "livemode": False,
        "data": {"object": {"id": "canary_1", "object": "canary"}},
        **changed,
    }


@pytest.mark.parametrize("changed", [{}, {"livemode": True}, {"account": "acct_connected"}, {"data": {}}])
async def test_it_is_handled_at_once_whatever_the_mode(stage: Stage, changed: Row) -> None:
    reads = stage.system.stripe.reads  # type: ignore[attr-defined]
    await stage.deliver([canary(stage, **changed)])
    await stage.run_jobs()
    row = await stage.row("SELECT outcome, handled_at, order_id, tries, error FROM webhook_events")
    assert row == {
        "outcome": "canary",
        "handled_at": stage.clock.now(),
        "order_id": None,
        "tries": 1,
        "error": None,
    }
    assert stage.system.stripe.reads == reads  # type: ignore[attr-defined]
    assert await stage.tasks() == []
    await stage.assert_all_laws_hold()


async def test_twice_and_replayed_it_is_still_one_canary(stage: Stage) -> None:
    assert [one.duplicate for one in await stage.deliver([canary(stage), canary(stage)])] == [False, True]
    await stage.run_jobs()
    await replay(stage.system, since=stage.clock.now() - timedelta(hours=1))
    await stage.run_jobs()
    assert (await stage.row("SELECT outcome FROM webhook_events"))["outcome"] == "canary"
    await stage.assert_all_laws_hold()


async def test_it_is_counted_apart_from_stripes_events(stage: Stage) -> None:
    placed = await stage.paid()
    await stage.deliver([canary(stage, number, livemode=True) for number in (1, 2)])
    await stage.run_jobs()
    tenant = stage.event.tenant_id

    async def listed(**asked: str) -> set[str]:
        wanted = {"state": None, "kind": None, "about": None, "before": None, **asked}
        async with stage.system.database.transaction() as conn:
            found = await board_store.events(conn, tenant, limit=100, **wanted)  # type: ignore[arg-type]
        return {event["type"] for event in found}

    assert CANARY_TYPE not in await listed()
    assert await listed(kind=CANARY_TYPE) == {CANARY_TYPE}
    assert await listed(about="evt_canary_1") == {CANARY_TYPE}
    async with stage.system.database.transaction() as conn:
        counted = await board_store.canaries(conn)
    assert (counted["canaries"], counted["waiting"]) == (2, 0)
    # One of the other mode is no sign that keys and endpoint are of two worlds (F59).
    assert (await events_check(stage.system)).state is State.OK
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()
