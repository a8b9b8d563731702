"""Methods that pay days later: completed is not paid (F18)."""

from __future__ import annotations

import pytest

from holdfast.bookings.actions import open_checkout
from holdfast.bookings.cancelling import request_cancel
from holdfast.errors import Conflict
from tests.support.system import Stage


async def test_f18_under_way_then_paid(stage: Stage) -> None:
    """The seats wait for the bank beyond the end of the hold."""
    placed = await stage.book(2)
    assert await stage.pay(placed.checkout_session_id, method="bank_debit") == 303
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "pending"
    with pytest.raises(Conflict, match="waiting for the bank"):
        await open_checkout(stage.system, placed.booking_id)
    await stage.advance(days=3)
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("pending", 2)
    await stage.dashboard("settle", session=placed.checkout_session_id, outcome="succeed")
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f18_under_way_then_failed(stage: Stage) -> None:
    """The hold has its time still: the guest hears of it, and may pay in another way."""
    placed = await stage.book(2)
    await stage.pay(placed.checkout_session_id, method="bank_debit_fail")
    await stage.dashboard("settle", session=placed.checkout_session_id, outcome="fail")
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("pending", 2)
    assert await stage.messages(placed) == ["payment_failed"]
    await open_checkout(stage.system, placed.booking_id)
    again = await stage.row("SELECT session_id FROM attempts WHERE status = 'open'")
    await stage.pay(again["session_id"])
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    assert await stage.messages(placed) == ["booking_confirmed", "payment_failed"]
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("webhooks", [True, False], ids=["told", "asked"])
async def test_f18_failed_when_the_hold_is_long_over(stage: Stage, webhooks: bool) -> None:
    placed = await stage.book(2)
    await stage.pay(placed.checkout_session_id, method="bank_debit_fail")
    await stage.advance(days=3)
    await stage.run_jobs()
    assert await stage.status(placed) == "pending"
    await stage.dashboard("settle", session=placed.checkout_session_id, outcome="fail")
    if webhooks:
        await stage.deliver()
    await stage.advance(hours=1)
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("expired", 0)
    assert await stage.messages(placed) == ["payment_failed"]
    await stage.assert_all_laws_hold()


async def test_f18_paid_and_no_webhook_told(stage: Stage) -> None:
    placed = await stage.book(2)
    await stage.pay(placed.checkout_session_id, method="bank_debit")
    await stage.advance(minutes=2)
    await stage.run_jobs()
    await stage.dashboard("settle", session=placed.checkout_session_id, outcome="succeed")
    await stage.advance(hours=1)
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f16_f18_cancelled_while_the_bank_is_thinking(stage: Stage) -> None:
    """Money that is under way cannot be called back: the seats stay until it is known, then it goes back."""
    placed = await stage.book(2)
    await stage.pay(placed.checkout_session_id, method="bank_debit")
    await stage.deliver()
    await stage.run_jobs()
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert result.status == "pending"
    await stage.dashboard("settle", session=placed.checkout_session_id, outcome="succeed")
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("cancelled", 0)
    assert [one["amount"] for one in await stage.ledger("refund")] == [placed.amount]
    await stage.assert_all_laws_hold()


async def test_f18_f16_cancelled_and_the_bank_says_no(stage: Stage) -> None:
    placed = await stage.book(2)
    await stage.pay(placed.checkout_session_id, method="bank_debit_fail")
    await stage.deliver()
    await stage.run_jobs()
    await request_cancel(stage.system, placed.booking_id, "customer")
    await stage.dashboard("settle", session=placed.checkout_session_id, outcome="fail")
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("cancelled", 0)
    assert await stage.ledger("refund") == []
    await stage.assert_all_laws_hold()
