"""Events that are handled again: by hand, after a law has mended what they need, and without asking Stripe in vain."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta

from holdfast.inbox.actions import replay
from holdfast.laws.order_has_booking import LAW
from holdfast.laws.repair import repair
from tests.support.system import Stage


async def test_f59_what_is_of_the_other_mode_is_not_applied_by_replaying_it(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    [event] = await stage.events("checkout.session.completed")
    other = deepcopy(event) | {"id": "evt_other_mode", "livemode": True}
    await stage.deliver([other])
    assert await replay(stage.system, since=stage.clock.now() - timedelta(days=1)) == ["evt_other_mode"]
    await stage.run_jobs()
    row = await stage.row("SELECT outcome, handled_at FROM webhook_events")
    assert (row["outcome"], row["handled_at"] is None) == ("other_mode", False)
    assert await stage.status(placed) == "pending"


async def lose_booking(stage: Stage, booking_id: str) -> None:
    """As a restore that left out a table: no trigger refuses it."""
    async with stage.system.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        for table in ("claims", "bookings"):
            await conn.execute(f"DELETE FROM {table} WHERE booking_id = %s", (booking_id,))
        await conn.execute("UPDATE units SET taken = 0")


async def test_f01_f05_money_for_an_order_that_lost_its_booking_waits_until_it_is_mended(
    stage: Stage,
) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await lose_booking(stage, placed.booking_id)
    await stage.deliver()
    await stage.settle_down()
    waiting = "SELECT type FROM webhook_events WHERE handled_at IS NULL"
    assert {row["type"] for row in await stage.rows(waiting)} >= {"checkout.session.completed"}
    [mended] = (await repair(stage.system, LAW, "worker")).mended
    assert mended == placed.order_id
    await stage.advance(hours=2)
    await stage.run_jobs()
    assert await stage.rows(waiting) == []
    assert (await stage.row("SELECT status FROM bookings"))["status"] == "confirmed"
    assert await stage.taken() == 2
    await stage.assert_all_laws_hold()


async def test_f58_f72_a_strangers_refund_costs_no_reads(stage: Stage) -> None:
    """Another product on the same account refunds often: first it is found out whose it is (rule 13)."""
    made = await stage.foreign_session(webhook=True)
    await stage.dashboard("refund", payment=made["payment_intent"])
    before = stage.system.stripe.reads  # type: ignore[attr-defined]
    await stage.deliver(await stage.events("charge.refunded"))
    await stage.settle_down()
    assert stage.system.stripe.reads == before  # type: ignore[attr-defined]
