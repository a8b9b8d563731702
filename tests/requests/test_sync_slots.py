"""Counts of slots: what cannot be set right, because another has the time, keeps no other count from being set right."""

from __future__ import annotations

import pytest

from holdfast.bookings.actions import sync_all_availability
from holdfast.requests.answers import decline
from tests.support.appointments import Diary, diary
from tests.support.system import Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def test_a_slot_that_was_given_away_by_hand(stage: Stage, expert: Diary) -> None:
    lost = await expert.requested(await expert.service(), expert.at())
    await stage.execute("UPDATE units SET taken = 0 WHERE provider_id = %s", expert.provider_id)
    await expert.requested(await expert.service(), expert.at(), email="other@example.com")
    third = await expert.requested(await expert.service(), expert.at(days=5), email="third@example.com")
    await stage.execute(
        """UPDATE units SET taken = 0 WHERE unit_id IN (SELECT unit_id FROM claims WHERE booking_id = %s)""",
        third.booking_id,
    )

    report = await sync_all_availability(stage.system)

    assert (report.corrected, await expert.slots_taken()) == (1, 2)
    # The time has two now, and the law tells of it; a person agrees on another time with one of them.
    await stage.execute(
        "UPDATE claims SET released_at = %s WHERE booking_id = %s", stage.clock.now(), lost.booking_id
    )
    await decline(stage.system, lost.booking_id, "provider:1", "I have promised this time to another.")
    assert (await sync_all_availability(stage.system)).corrected == 0
    await stage.settle_down()
    await stage.assert_all_laws_hold()
