"""What is stored is handled: applied, ignored, or kept until it is understood. Nothing is marked done before its effect is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from holdfast.errors import NotFound
from holdfast.inbox.actions import replay
from holdfast.inbox.jobs import handle_due
from holdfast.inbox.rules import NEEDED_TYPES
from tests.payments.test_recover import restore_yesterdays_backup
from tests.support.system import Row, Stage, thin


def foreign_event(kind: str, **changes: Any) -> Row:
    subject = {"id": "cs_test_theirs", "object": "checkout.session", "metadata": {}, **changes}
    return {
        "id": f"evt_{kind}",
        "object": "event",
        "type": kind,
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": subject},
    }


async def outcomes(stage: Stage) -> dict[str, str | None]:
    return {
        row["type"]: row["outcome"] for row in await stage.rows("SELECT type, outcome FROM webhook_events")
    }


async def test_f55_f56_types_that_are_not_ours_are_ignored_with_a_2xx(stage: Stage) -> None:
    await stage.receive(foreign_event("customer.created"))
    await stage.receive(foreign_event("some.type.of.next.year"))
    await stage.run_jobs()
    assert set((await outcomes(stage)).values()) == {"ignored"}
    assert "checkout.session.completed" in NEEDED_TYPES
    await stage.assert_all_laws_hold()


async def test_f04_f07_f08_f58_an_unknown_object_is_kept_and_set_aside_after_a_day(stage: Stage) -> None:
    """It may be early, or another system's: tried again at growing pauses, and after a day a person is told of the money."""
    made = await stage.foreign_session(webhook=True)
    await stage.deliver()
    await stage.run_jobs()
    row = await stage.row("SELECT * FROM webhook_events WHERE type = 'checkout.session.completed'")
    assert (row["outcome"], row["handled_at"]) == ("unknown_object", None)
    for hours in (1, 6, 12, 6):
        await stage.advance(hours=hours)
        await stage.run_jobs()
    row = await stage.row("SELECT * FROM webhook_events WHERE type = 'checkout.session.completed'")
    assert row["outcome"] == "not_ours"
    assert row["handled_at"] is not None
    assert 4 <= row["tries"] <= 12
    assert await stage.tasks() == ["unexplained_money"]
    assert made["id"] not in {
        one["session_id"] for one in await stage.rows("SELECT session_id FROM attempts")
    }
    await stage.assert_all_laws_hold()


async def test_f25_an_event_about_a_lost_order_rebuilds_it(stage: Stage) -> None:
    """Yesterday's backup was restored, and the webhook comes: our signed metadata in it is enough."""
    placed = await stage.book(3)
    await stage.pay(placed.checkout_session_id)
    await restore_yesterdays_backup(stage)
    await stage.deliver()
    await stage.settle_down()
    assert (await stage.status(placed), await stage.taken()) == ("confirmed", 3)
    assert (await stage.row("SELECT reference FROM bookings"))["reference"] == placed.reference
    await stage.assert_all_laws_hold()


async def test_f05_handled_is_set_with_the_effect(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    await stage.execute("ALTER TABLE payments ADD CONSTRAINT crash CHECK (false) NOT VALID")
    await stage.run_jobs()
    completed = "SELECT handled_at, error FROM webhook_events WHERE type = 'checkout.session.completed'"
    row = await stage.row(completed)
    assert (row["handled_at"], bool(row["error"])) == (None, True)
    await stage.execute("ALTER TABLE payments DROP CONSTRAINT crash")
    await stage.settle_down()
    row = await stage.row(completed)
    assert (row["handled_at"] is not None, row["error"]) == (True, None)
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f06_a_worker_that_died_with_the_event_in_its_hands(stage: Stage) -> None:
    """Its lease ends, and the next one has it."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    later = stage.clock.now() + timedelta(seconds=60)
    await stage.execute("UPDATE webhook_events SET tries = 1, try_at = %s", later)
    await stage.run_jobs()
    assert await stage.status(placed) == "pending"
    await stage.advance_to(later)
    assert await handle_due(stage.system) > 0
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f66_workers_share_the_inbox(stage: Stage) -> None:
    placed = [await stage.book(1, table=table, email=f"g{table}@example.com") for table in range(3)]
    for one in placed:
        await stage.pay(one.checkout_session_id)
    await stage.deliver()
    waiting = len(await stage.rows("SELECT FROM webhook_events"))
    done = await asyncio.gather(*(handle_due(stage.system) for _ in range(4)))
    assert sum(done) == waiting
    assert [await stage.status(one) for one in placed] == ["confirmed"] * 3
    await stage.assert_all_laws_hold()


async def test_f53_f62_replay_changes_nothing(stage: Stage) -> None:
    """Everything again, long after its signature would be stale: the same state, to the letter."""
    placed = await stage.paid(seats=2)
    await stage.dashboard("refund", session=placed.checkout_session_id, amount=100)
    await stage.deliver()
    await stage.run_jobs()
    before = await stage.story(placed)
    await stage.advance(days=10)
    due = await replay(stage.system, since=stage.clock.now() - timedelta(days=30))
    assert len(due) == len(await stage.events())
    await stage.run_jobs()
    assert await stage.story(placed) == before
    assert await replay(stage.system, failed=True) == []
    assert await replay(stage.system, event_ids=["evt_unknown"]) == []
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("kind", ["checkout.session.completed", "charge.refunded", "charge.dispute.created"])
async def test_a_thin_event_about_nothing_that_stripe_knows_is_put_off(stage: Stage, kind: str) -> None:
    await stage.receive(thin(foreign_event(kind)))
    await stage.run_jobs()
    row = await stage.row("SELECT handled_at, outcome, error FROM webhook_events")
    assert (row["handled_at"], row["outcome"]) == (None, "error")
    assert row["error"] == NotFound("Stripe does not know this object.").detail


async def test_f60_an_event_without_anything_that_can_be_read_is_looked_up(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    [completed] = await stage.events("checkout.session.completed")
    subject = completed["data"]["object"]
    strange = {**completed, "data": {"object": {"id": subject["id"], "object": "checkout.session.of.2031"}}}
    await stage.receive(strange)
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()
