"""What a guest is told who cancels while the money is still moving."""

from __future__ import annotations

from holdfast.bookings.cancelling import request_cancel
from tests.support.system import Stage


async def test_f16_who_paid_just_before_cancelling_reads_what_goes_back(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (result.status, result.refund_amount) == ("cancelled", placed.amount)
    assert result.why != "Nothing was paid."
    await stage.run_jobs()
    assert [one["amount"] for one in await stage.ledger("refund")] == [placed.amount]
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_f16_a_cancellation_is_kept_whatever_is_wrong_with_stripe(stage: Stage) -> None:
    """Not only a time-out: here Stripe does not know the session, as with a key of another account."""
    placed = await stage.book()
    session_id = placed.checkout_session_id
    await stage.execute("UPDATE attempts SET session_id = 'cs_test_of_another_account'")
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (result.status, await stage.taken()) == ("pending", 2)
    await stage.execute("UPDATE attempts SET session_id = %s", session_id)
    await stage.advance(minutes=11)
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("cancelled", 0)
    await stage.assert_all_laws_hold()
