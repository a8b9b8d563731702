"""Money on record that was never answered, as a hand or a half-done restore leaves it: not let go, but answered by its law."""

from __future__ import annotations

from datetime import timedelta

from holdfast.laws.paid_has_booking import LAW
from holdfast.laws.repair import repair
from holdfast.payments.jobs import let_due_lapse
from tests.support.system import Stage


async def test_f09_a_hold_whose_payment_is_on_record_is_not_let_go(stage: Stage) -> None:
    placed = await stage.paid()
    async with stage.system.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("UPDATE orders SET status = 'pending'")
        await conn.execute("UPDATE bookings SET status = 'pending', confirmed_at = NULL")
    await stage.advance_to(placed.expires_at + timedelta(minutes=20))
    assert await let_due_lapse(stage.system) == 0
    assert (await stage.status(placed), await stage.taken()) == ("pending", 2)
    assert len((await repair(stage.system, LAW, "worker")).mended) == 1
    assert (await stage.status(placed), await stage.taken()) == ("confirmed", 2)
    assert await stage.ledger("refund") == []
    await stage.assert_all_laws_hold()
