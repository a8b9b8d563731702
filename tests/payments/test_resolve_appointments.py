"""A person decides about an appointment that is stuck: its time has to be free, and it is had once."""

from __future__ import annotations

import pytest

from holdfast.bookings.records import fix_missing_booking_records
from holdfast.errors import SoldOut
from holdfast.payments.recover import recover
from holdfast.payments.resolve import resolve_stuck
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept
from holdfast.requests.moving import reschedule
from tests.requests.test_rebuilt import authorised, forget_everything
from tests.support.appointments import Diary, diary
from tests.support.system import Stage

STAFF = "staff:sample"


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def captured_and_taken(stage: Stage, expert: Diary, timing: str) -> tuple[PlacedRequest, PlacedRequest]:
    """Paid, lost by the database, and its time given to another meanwhile."""
    placed = await authorised(stage, expert, timing=timing)
    await accept(stage.system, placed.booking_id, "provider:1")
    await forget_everything(stage)
    other = await expert.requested(await expert.service(), expert.at(), email="other@example.com")
    found = await recover(stage.system, str(placed.payment_intent_id), STAFF)
    assert found.result == "unexplained"
    assert await expert.status(placed) == "stuck"
    return placed, other


@pytest.mark.parametrize("timing", ["slot", "proposed"])
async def test_f14_a_time_that_is_gone_cannot_be_accepted(stage: Stage, expert: Diary, timing: str) -> None:
    """Nobody is sent away by a machine, and a person cannot give one time to two."""
    placed, other = await captured_and_taken(stage, expert, timing)
    with pytest.raises(SoldOut):
        await resolve_stuck(stage.system, placed.booking_id, "accept", STAFF)
    assert (await expert.status(placed), await expert.slots_taken()) == ("stuck", 1)
    assert await resolve_stuck(stage.system, placed.booking_id, "refund", STAFF) == "cancelled"
    assert await expert.status(other) == "requested"
    await stage.settle_down()
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("timing", ["slot", "proposed"])
async def test_a_time_that_is_free_again_is_taken_with_it(stage: Stage, expert: Diary, timing: str) -> None:
    placed, other = await captured_and_taken(stage, expert, timing)
    await reschedule(stage.system, other.booking_id, expert.at(days=5), "customer")
    assert await resolve_stuck(stage.system, placed.booking_id, "accept", STAFF) == "confirmed"
    assert await expert.slots_taken() == 2
    assert (await expert.order(placed))["accepted_at"] is not None
    assert "provider_booking_confirmed" in await expert.messages(placed)
    await stage.settle_down()
    await stage.assert_all_laws_hold()


async def test_a_moved_one_takes_its_last_time_and_not_those_before(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    placed = await expert.requested(service, expert.at())
    await accept(stage.system, placed.booking_id, "provider:1")
    await reschedule(stage.system, placed.booking_id, expert.at(days=5), "customer")
    await stage.execute(
        "UPDATE orders SET status = 'stuck', stuck_reason = 'seats_gone' WHERE order_id = %s", placed.order_id
    )
    async with stage.system.database.transaction() as conn:
        await conn.execute("SELECT release_claims(%s, %s)", (placed.booking_id, stage.clock.now()))
    assert await resolve_stuck(stage.system, placed.booking_id, "accept", STAFF) == "confirmed"
    [taken] = await stage.rows(
        "SELECT lower(during) AS starts_at FROM units WHERE provider_id = %s AND taken > 0",
        expert.provider_id,
    )
    assert taken["starts_at"] == expert.at(days=5)
    assert (await fix_missing_booking_records(stage.system)).missing == 0
    await stage.settle_down()
    await stage.assert_all_laws_hold()
