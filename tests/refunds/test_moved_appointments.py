"""Moving a booking does not buy notice: it gives back no more than it would have when the customer moved it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from holdfast.bookings.cancelling import refund_preview, request_cancel
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept
from holdfast.requests.moving import reschedule
from tests.support.appointments import Diary, diary
from tests.support.system import Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def confirmed(stage: Stage, expert: Diary, **service: Any) -> PlacedRequest:
    """At 50 pounds, in three days; may be moved until it begins."""
    placed = await expert.requested(await expert.service(reschedule_minutes=0, **service), expert.at())
    await accept(stage.system, placed.booking_id, "provider:1")
    return placed


async def test_moved_at_short_notice_and_then_cancelled(stage: Stage, expert: Diary) -> None:
    placed, was, later = await confirmed(stage, expert), expert.at(), expert.at(days=20)
    await stage.advance_to(was - timedelta(hours=3))
    assert (await refund_preview(stage.system, placed.booking_id)).percent == 50
    await reschedule(stage.system, placed.booking_id, later, "customer")
    offered = await refund_preview(stage.system, placed.booking_id)
    assert (offered.amount, offered.percent) == (2500, 50)
    assert "moved" in offered.why
    done = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (done.status, done.refund_amount) == ("cancelled", 2500)
    await stage.settle_down()
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize(("seconds", "percent"), [(0, 100), (1, 50)])
async def test_at_the_boundary_of_a_tier(stage: Stage, expert: Diary, seconds: int, percent: int) -> None:
    """24 h 0 min 0 s before it would have begun, and a second later."""
    placed, was, later = await confirmed(stage, expert), expert.at(), expert.at(days=20)
    await stage.advance_to(was - timedelta(hours=24) + timedelta(seconds=seconds))
    await reschedule(stage.system, placed.booking_id, later, "customer")
    assert (await refund_preview(stage.system, placed.booking_id)).percent == percent
    await stage.assert_all_laws_hold()


async def test_less_notice_of_the_new_time_gives_less(stage: Stage, expert: Diary) -> None:
    placed, was, later = await confirmed(stage, expert), expert.at(), expert.at(days=20)
    await stage.advance_to(was - timedelta(hours=3))
    await reschedule(stage.system, placed.booking_id, later, "customer")
    await stage.advance_to(later - timedelta(hours=1))
    assert (await refund_preview(stage.system, placed.booking_id)).percent == 0
    await stage.assert_all_laws_hold()


async def test_moved_by_the_staff_or_before_the_yes_costs_nothing(stage: Stage, expert: Diary) -> None:
    placed, was, later = await confirmed(stage, expert), expert.at(), expert.at(days=20)
    await stage.advance_to(was - timedelta(hours=3))
    await reschedule(stage.system, placed.booking_id, later, "staff:sample")
    assert (await refund_preview(stage.system, placed.booking_id)).percent == 100

    service = await expert.service(reschedule_minutes=0)
    waiting = await expert.requested(service, later + timedelta(hours=1), email="second@example.com")
    await reschedule(stage.system, waiting.booking_id, later + timedelta(hours=2), "customer")
    await accept(stage.system, waiting.booking_id, "provider:1")
    assert (await refund_preview(stage.system, waiting.booking_id)).percent == 100
    await stage.settle_down()
    await stage.assert_all_laws_hold()
