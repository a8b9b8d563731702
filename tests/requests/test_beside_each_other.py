"""Slots with buffers: what somebody else's buffer takes is taken, and not something that was never offered."""

from __future__ import annotations

import pytest

from holdfast.errors import SlotTaken, ValidationFailed
from holdfast.requests.moving import reschedule
from tests.support.appointments import Diary, diary
from tests.support.system import Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def test_a_slot_whose_own_buffer_is_taken_is_taken(stage: Stage, expert: Diary) -> None:
    """The one before ends when this one begins; only the time that this one needs before it is taken."""
    service = await expert.service(buffer_before_minutes=15)
    await expert.requested(service, expert.at())
    with pytest.raises(SlotTaken) as taken:
        await expert.ask(service, expert.at(minute=30), email="second@example.com")
    assert taken.value.extra["free"]
    third = await expert.requested(service, expert.at(hour=14), email="third@example.com")
    with pytest.raises(SlotTaken):
        await reschedule(stage.system, third.booking_id, expert.at(minute=30), "customer")
    with pytest.raises(ValidationFailed):  # by nobody taken: out of hours
        await expert.ask(service, expert.at(hour=20), email="second@example.com")
    await stage.assert_all_laws_hold()
