"""An order that comes back from Stripe's books into a catalogue that is older than it."""

from __future__ import annotations

from holdfast.payments.recover import recover
from tests.payments.test_recover import restore_yesterdays_backup
from tests.support.system import Stage


async def test_f25_a_dish_that_the_restored_catalogue_does_not_know_is_kept_by_its_name(stage: Stage) -> None:
    placed = await stage.book(menu=[(stage.event.item_ids[0], 2), (stage.event.item_ids[1], 1)])
    await stage.pay(placed.checkout_session_id)
    await restore_yesterdays_backup(stage)
    await stage.execute("DELETE FROM menu_items WHERE item_id = %s", stage.event.item_ids[0])
    found = await recover(stage.system, str(placed.checkout_session_id), "operator")
    assert found.result == "recovered"
    lines = await stage.rows("SELECT label, quantity, item_id FROM order_lines WHERE kind = 'menu'")
    assert {(one["label"], one["quantity"], one["item_id"] is None) for one in lines} == {
        ("Sample pie", 2, True),
        ("Sample red", 1, False),
    }
    assert any("Sample pie" in repair for repair in found.repairs)
    await stage.assert_all_laws_hold()
