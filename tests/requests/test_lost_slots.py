"""A slot that was lost by hand or by a bug: nobody is charged for a time that the provider has given to another."""

from __future__ import annotations

import pytest

from holdfast.errors import SlotTaken
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept, decline
from tests.support.appointments import Diary, diary
from tests.support.system import Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def without_its_slot(stage: Stage, expert: Diary) -> PlacedRequest:
    placed = await expert.requested(await expert.service(), expert.at())
    async with stage.system.database.transaction() as conn:
        await conn.execute("SELECT release_claims(%s, %s)", (placed.booking_id, stage.clock.now()))
    return placed


async def test_accepted_it_takes_its_slot_again(stage: Stage, expert: Diary) -> None:
    placed = await without_its_slot(stage, expert)
    assert (await accept(stage.system, placed.booking_id, "provider:1")).status == "confirmed"
    assert await expert.slots_taken() == 1
    await stage.settle_down()
    await stage.assert_all_laws_hold()


async def test_given_to_another_it_cannot_be_accepted(stage: Stage, expert: Diary) -> None:
    placed = await without_its_slot(stage, expert)
    await expert.requested(await expert.service(), expert.at(), email="other@example.com")
    with pytest.raises(SlotTaken):
        await accept(stage.system, placed.booking_id, "provider:1")
    assert await expert.intent(placed) == "requires_capture"
    assert await stage.rows("SELECT 1 FROM captures") == []
    await decline(stage.system, placed.booking_id, "provider:1")
    await stage.settle_down()
    assert await expert.intent(placed) == "canceled"
    await stage.assert_all_laws_hold()
