"""Appointments whose booking was lost, by a hand or an old version: each gets it again, once, with its slot (F01, F25)."""

from __future__ import annotations

import asyncio

import pytest

from holdfast import fix_missing_booking_records, validate_order_booking
from holdfast.bookings.records import ensure_bookings_of_provider
from holdfast.payments.store import lock_order
from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept
from holdfast.requests.lists import requests_of
from tests.support.appointments import Diary, diary
from tests.support.system import Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def lose_booking(stage: Stage, placed: PlacedRequest, *, keep_claims: bool = False) -> None:
    """Past triggers and foreign keys, as a restore leaves it. The slot stays taken; its claim may stay, too."""
    doomed = [
        "DELETE FROM message_tries WHERE message_id IN (SELECT message_id FROM messages WHERE booking_id = %s)",
        "DELETE FROM messages WHERE booking_id = %s",
        "DELETE FROM bookings WHERE booking_id = %s",
    ] + ([] if keep_claims else ["DELETE FROM claims WHERE booking_id = %s"])
    async with stage.system.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        for statement in doomed:
            await conn.execute(statement, (placed.booking_id,))


async def booking_of(stage: Stage, placed: PlacedRequest) -> dict[str, object]:
    return await stage.row("SELECT * FROM bookings WHERE order_id = %s", placed.order_id)


@pytest.mark.parametrize("keep_claims", [True, False], ids=["its claim is left", "nothing is left"])
async def test_reading_a_providers_requests_heals_once(
    stage: Stage, expert: Diary, keep_claims: bool
) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    respond_by = (await expert.order(placed))["respond_by"]
    await lose_booking(stage, placed, keep_claims=keep_claims)

    shown = await requests_of(stage.system, expert.provider_id)
    again = await requests_of(stage.system, expert.provider_id)

    assert [one["order_id"] for one in shown] == [placed.order_id]
    assert [one["booking_id"] for one in again] == [one["booking_id"] for one in shown]
    booking = await booking_of(stage, placed)
    assert (booking["status"], booking["seats"], booking["expires_at"]) == ("requested", 1, respond_by)
    assert await expert.slots_taken() == 1
    told = await stage.rows(
        "SELECT what, actor FROM timeline WHERE order_id = %s AND what = 'booking_made_again'",
        placed.order_id,
    )
    assert told == [{"what": "booking_made_again", "actor": "worker"}]
    await stage.run_jobs()
    messages = await stage.rows(
        "SELECT kind FROM messages WHERE booking_id = %s ORDER BY kind", booking["booking_id"]
    )
    assert [one["kind"] for one in messages] == ["request_received", "request_to_answer"]
    assert await validate_order_booking(stage.system, placed.order_id) == []
    await stage.assert_all_laws_hold()


async def test_it_can_be_answered_afterwards(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    await lose_booking(stage, placed)
    assert await ensure_bookings_of_provider(stage.system, expert.provider_id) == [placed.order_id]
    booking = await booking_of(stage, placed)
    answer = await accept(stage.system, str(booking["booking_id"]), "provider:1", expert.provider_id)
    assert answer.status == "confirmed"
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_two_readers_at_once_make_one_booking(stage: Stage, expert: Diary) -> None:
    """The second waits for the first one's lock, and then sees what that one made."""
    placed = await expert.requested(await expert.service(), expert.at())
    await lose_booking(stage, placed)
    readers = [asyncio.create_task(requests_of(stage.system, expert.provider_id)) for _ in range(4)]
    lists = await asyncio.gather(*readers)
    assert {one["booking_id"] for shown in lists for one in shown} == {
        (await booking_of(stage, placed))["booking_id"]
    }
    await stage.assert_all_laws_hold()


async def test_a_time_that_is_taken_stops_the_order_and_tells_a_person(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    placed = await expert.requested(service, expert.at())
    await lose_booking(stage, placed)
    await stage.execute("UPDATE units SET taken = 0 WHERE provider_id = %s", expert.provider_id)
    other = await expert.requested(await expert.service(), expert.at(), email="other@example.com")

    report = await fix_missing_booking_records(stage.system)

    assert (report.orders, report.with_bookings, report.missing) == (2, 1, 1)
    assert (report.fixed, report.stuck) == ([], [placed.order_id])
    assert "stuck" in await stage.tasks()
    [task] = await stage.rows("SELECT sentence FROM tasks WHERE kind = 'stuck'")
    assert "its provider has something else" in task["sentence"]
    assert await expert.status(other) == "requested"
    assert await expert.slots_taken() == 1
    await stage.assert_all_laws_hold()


async def test_a_hold_a_proposal_and_a_confirmed_one(stage: Stage, expert: Diary) -> None:
    """Each as it stood: the hold begins anew, the proposal takes no time before its yes, the confirmed one takes its own."""
    slot, proposed = await expert.service(), await expert.service("proposed")
    held = await expert.ask(slot, expert.at(hour=9))
    wished = await expert.requested(proposed, expert.at(hour=11), email="wish@example.com")
    sure = await expert.requested(slot, expert.at(hour=13), email="sure@example.com")
    await accept(stage.system, sure.booking_id, "provider:1")
    await stage.deliver()
    await stage.run_jobs()
    for placed in (held, wished, sure):
        await lose_booking(stage, placed)

    report = await fix_missing_booking_records(stage.system)

    assert (report.missing, sorted(report.fixed)) == (
        3,
        sorted(one.order_id for one in (held, wished, sure)),
    )
    found = await stage.rows(
        """SELECT o.order_id, b.status, count(c.unit_id) AS slots FROM orders o JOIN bookings b USING (order_id)
        LEFT JOIN claims c ON c.booking_id = b.booking_id AND c.released_at IS NULL GROUP BY o.order_id, b.status"""
    )
    assert {one["order_id"]: (one["status"], one["slots"]) for one in found} == {
        held.order_id: ("pending", 1),
        wished.order_id: ("requested", 0),
        sure.order_id: ("confirmed", 1),
    }
    again = await fix_missing_booking_records(stage.system)
    assert (again.orders, again.with_bookings, again.missing) == (3, 3, 0)
    await stage.settle_down()
    await stage.assert_all_laws_hold()


async def test_a_provider_with_nothing_lost_costs_one_query_and_no_lock(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    async with stage.system.database.transaction() as conn:
        assert await lock_order(conn, placed.order_id)
        assert await ensure_bookings_of_provider(stage.system, expert.provider_id) == []
        assert await ensure_bookings_of_provider(stage.system, 4711) == []
    await stage.assert_all_laws_hold()


async def test_a_service_that_became_longer_keeps_to_what_was_agreed(stage: Stage, expert: Diary) -> None:
    """Half an hour was agreed; the hour that the service takes now would end over the next customer's time."""
    service = await expert.service("proposed")
    placed = await expert.requested(service, expert.at(hour=9))
    await stage.execute("UPDATE services SET duration_minutes = 60 WHERE offering_id = %s", service)
    await expert.ask(await expert.service(), expert.at(hour=9, minute=30), email="next@example.com")
    answer = await accept(stage.system, placed.booking_id, "provider:1")
    assert answer.status == "confirmed"
    assert await expert.slots_taken() == 2
    await stage.deliver()
    await stage.assert_all_laws_hold()
