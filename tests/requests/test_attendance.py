"""Marking what took place, against what else may happen to the booking at the same moment. Failure modes: F16."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from holdfast.bookings.cancelling import request_cancel
from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.requests.answers import accept
from holdfast.requests.attendance import mark_attendance
from tests.requests.practice import Practice, open_practice
from tests.support.system import Stage


@pytest.fixture
async def practice(stage: Stage) -> AsyncIterator[Practice]:
    async with open_practice(stage) as opened:
        yield opened


async def test_from_the_second_in_which_it_begins(practice: Practice) -> None:
    system, placed = practice.stage.system, await practice.requested(at=practice.at(hour=10))
    await accept(system, placed.booking_id, "provider:1")
    await practice.stage.advance_to(practice.at(hour=10) - timedelta(seconds=1))
    with pytest.raises(Conflict, match="has not come yet"):
        await mark_attendance(system, placed.booking_id, "completed", "staff:test")
    await practice.stage.advance(seconds=1)
    assert await mark_attendance(system, placed.booking_id, "completed", "staff:test") == "completed"
    assert await mark_attendance(system, placed.booking_id, "completed", "staff:test") == "completed"
    told = await practice.stage.rows("SELECT actor FROM timeline WHERE what = 'completed'")
    assert [one["actor"] for one in told] == ["staff:test"]
    with pytest.raises(Conflict):
        await mark_attendance(system, placed.booking_id, "no_show", "staff:test")
    await practice.stage.assert_all_laws_hold()


async def test_what_cannot_be_marked(practice: Practice) -> None:
    system, placed = practice.stage.system, await practice.requested()
    await practice.stage.book()  # an evening's booking is no appointment
    [evening] = await practice.stage.rows(
        "SELECT booking_id FROM bookings WHERE booking_id <> %s", placed.booking_id
    )
    for booking_id, provider_id in (
        ("bkg_nothing", None),
        (evening["booking_id"], None),
        (placed.booking_id, practice.provider_id + 1),
    ):
        with pytest.raises(NotFound):
            await mark_attendance(system, booking_id, "completed", "x", provider_id)
    with pytest.raises(ValidationFailed):
        await mark_attendance(system, placed.booking_id, "cancelled", "x")
    with pytest.raises(Conflict, match="this one is requested"):
        await mark_attendance(system, placed.booking_id, "completed", "x", practice.provider_id)
    await practice.stage.assert_all_laws_hold()


async def test_marking_and_cancelling_at_once(practice: Practice) -> None:
    """Staff cancel while the provider marks: one of them comes first, and the other is told."""
    system, placed = practice.stage.system, await practice.requested()
    await accept(system, placed.booking_id, "provider:1")
    await practice.stage.advance(days=4)
    await asyncio.gather(
        mark_attendance(system, placed.booking_id, "no_show", "provider:1"),
        request_cancel(system, placed.booking_id, "staff:test"),
        return_exceptions=True,
    )
    status = await practice.status(placed)
    assert status in {"no_show", "cancelled"}
    too_late = (
        request_cancel(system, placed.booking_id, "staff:test")
        if status == "no_show"
        else mark_attendance(system, placed.booking_id, "no_show", "provider:1")
    )
    with pytest.raises(Conflict):
        await too_late
    await practice.stage.assert_all_laws_hold()
