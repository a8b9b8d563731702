"""An event that does not take place takes no money: who is paying gets it back, who has paid gets all of it back on asking."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.bookings.actions import open_checkout
from holdfast.bookings.cancelling import refund_preview, request_cancel
from holdfast.errors import Conflict
from tests.support.system import Stage


async def call_off(stage: Stage) -> None:
    await stage.execute("UPDATE offerings SET status = 'cancelled'")


async def test_its_open_sessions_are_closed(stage: Stage) -> None:
    placed = await stage.book()
    await call_off(stage)
    with pytest.raises(Conflict):
        await open_checkout(stage.system, placed.booking_id)
    await stage.advance(minutes=1)
    await stage.run_jobs()
    assert await stage.pay(placed.checkout_session_id) == 200  # nothing to pay any more
    assert (await stage.status(placed), await stage.taken()) == ("cancelled", 0)
    await stage.assert_all_laws_hold()


async def test_f16_who_pays_at_that_moment_gets_it_back(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await call_off(stage)
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("cancelled", 0)
    assert [one["amount"] for one in await stage.ledger("refund")] == [placed.amount]
    assert "booking_confirmed" not in await stage.messages(placed)
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_who_has_paid_gets_all_of_it_back_however_late(stage: Stage) -> None:
    placed = await stage.paid()
    await call_off(stage)
    await stage.execute(
        "UPDATE offerings SET starts_at = %s, ends_at = %s",
        stage.clock.now() - timedelta(hours=1),
        stage.clock.now() + timedelta(hours=2),
    )
    preview = await refund_preview(stage.system, placed.booking_id)
    assert (preview.amount, preview.percent) == (placed.amount, 100)
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (result.status, result.refund_amount) == ("cancelled", placed.amount)
    await stage.run_jobs()
    await stage.deliver()
    await stage.assert_all_laws_hold()
