"""An appointment's refund goes by its own time, not by the offering's: it has none of its own, and the time may be moved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.bookings.cancelling import refund_preview, request_cancel
from holdfast.refunds.actions import refund_by_staff
from holdfast.requests.answers import accept
from holdfast.requests.moving import reschedule
from tests.support.appointments import Diary, diary
from tests.support.system import Stage

SECOND = timedelta(seconds=1)
HOURS = timedelta(hours=1)


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


@pytest.mark.parametrize(
    ("notice", "percent"),
    [
        (24 * HOURS + SECOND, 100),
        (24 * HOURS, 100),
        (24 * HOURS - SECOND, 50),
        (2 * HOURS + SECOND, 50),
        (2 * HOURS, 50),
        (2 * HOURS - SECOND, 0),
    ],
)
async def test_its_tiers_to_the_second_and_what_is_shown_is_done(
    stage: Stage, expert: Diary, notice: timedelta, percent: int
) -> None:
    starts = expert.at(3)
    placed = await expert.requested(await expert.service(), starts)
    await accept(stage.system, placed.booking_id, "provider:1", expert.provider_id)
    await stage.deliver()
    await stage.run_jobs()
    await stage.advance_to(starts - notice)
    offered = await refund_preview(stage.system, placed.booking_id)
    done = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (offered.amount, offered.percent) == (5000 * percent // 100, percent)
    assert (done.refund_amount, done.why) == (offered.amount, offered.why)
    await stage.run_jobs()
    assert sum(one["amount"] for one in await stage.ledger("refund")) == offered.amount
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_moved_it_goes_by_the_new_time(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at(3))
    await accept(stage.system, placed.booking_id, "provider:1", expert.provider_id)
    await stage.deliver()
    await stage.run_jobs()
    await reschedule(stage.system, placed.booking_id, expert.at(10), "customer")
    await stage.advance_to(expert.at(3) - HOURS)  # an hour before the time that it had
    assert (await refund_preview(stage.system, placed.booking_id)).percent == 100
    await stage.run_jobs()
    await stage.assert_all_laws_hold()


async def test_tiers_of_its_own_service_and_a_part_given_back_before(stage: Stage, expert: Diary) -> None:
    service = await expert.service(refund_tiers=[{"notice_hours": 48, "percent": 80}])
    placed = await expert.requested(service, expert.at(4))
    await accept(stage.system, placed.booking_id, "provider:1", expert.provider_id)
    await stage.deliver()
    await stage.run_jobs()
    await refund_by_staff(stage.system, placed.booking_id, 1000, "staff:hf_x")
    offered = await refund_preview(stage.system, placed.booking_id)
    assert (offered.amount, offered.percent) == (3200, 80)
    await stage.run_jobs()
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_a_service_without_a_time_gives_all_of_it_back(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service("none"))
    await accept(stage.system, placed.booking_id, "provider:1", expert.provider_id)
    await stage.deliver()
    await stage.run_jobs()
    done = await request_cancel(stage.system, placed.booking_id, "customer")
    assert (done.status, done.refund_amount) == ("cancelled", 5000)
    await stage.run_jobs()
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_f49_disputed_nothing_goes_back_beside_it(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at(3))
    await accept(stage.system, placed.booking_id, "provider:1", expert.provider_id)
    await stage.deliver()
    await stage.dashboard("open_dispute", payment=placed.payment_intent_id)
    await stage.deliver()
    await stage.settle_down()
    done = await request_cancel(stage.system, placed.booking_id, "provider:1")
    assert (done.status, done.refund_amount, "disputed" in done.why) == ("cancelled", 0, True)
    await stage.run_jobs()
    assert await stage.ledger("refund") == []
    await stage.assert_all_laws_hold()
