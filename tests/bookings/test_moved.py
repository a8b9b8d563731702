"""An event that moves while seats are held, and afterwards (F43)."""

from __future__ import annotations

from datetime import timedelta

from holdfast.catalog.actions import update_event
from holdfast.catalog.schemas import EventPatch
from tests.support.system import Stage


async def _move(stage: Stage) -> None:
    event = await stage.row("SELECT starts_at FROM offerings WHERE offering_id = %s", stage.event.offering_id)
    later = (event["starts_at"] + timedelta(days=1)).isoformat()
    patch = EventPatch.model_validate({"starts_at": later, "ends_at": None})
    async with stage.system.database.transaction() as conn:
        await update_event(conn, stage.clock.now(), stage.event.tenant_id, stage.event.offering_id, patch)


async def test_f43_who_has_booked_is_told_once(stage: Stage) -> None:
    placed = await stage.paid(seats=2)
    await _move(stage)
    await stage.run_jobs()
    assert await stage.messages(placed) == ["booking_confirmed", "booking_moved"]
    await stage.assert_all_laws_hold()
    await _move(stage)
    await stage.run_jobs()
    assert await stage.messages(placed) == ["booking_confirmed", "booking_moved", "booking_moved"]
    await stage.assert_all_laws_hold()


async def test_f43_who_pays_meanwhile_is_told_with_the_confirmation(stage: Stage) -> None:
    placed = await stage.book(2)
    await _move(stage)
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    assert sorted(await stage.messages(placed)) == ["booking_confirmed", "booking_moved"]
    await stage.assert_all_laws_hold()


async def test_who_books_after_the_move_is_not_told_of_it(stage: Stage) -> None:
    await _move(stage)
    placed = await stage.paid(seats=1)
    assert await stage.messages(placed) == ["booking_confirmed"]
    await stage.assert_all_laws_hold()
