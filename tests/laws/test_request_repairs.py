"""The laws of requests and slots in their own stories: silent while all goes well, whatever the timing of a service; and what
their repairs do where the simple way is barred (F28, F30, F38, F68)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.laws.check import check
from holdfast.laws.jobs import keep_laws
from holdfast.laws.registry import law_named
from holdfast.laws.repair import Repaired, repair
from holdfast.requests.answers import accept, decline
from tests.support.appointments import Diary, diary
from tests.support.system import Row, Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def found(stage: Stage, law: str) -> list[str]:
    async with stage.system.database.transaction() as conn:
        finding = await check(conn, stage.clock.now(), law_named(law))
    return [violation.subject for violation in finding.sample]


async def mend(stage: Stage, law: str, actor: str = "operator") -> Repaired:
    return await repair(stage.system, law_named(law), actor)


async def tasks_of(stage: Stage, kind: str) -> list[Row]:
    return await stage.rows("SELECT subject, sentence FROM tasks WHERE kind = %s AND done_at IS NULL", kind)


@pytest.mark.parametrize("timing", ["slot", "proposed", "none"])
@pytest.mark.parametrize("price", [5000, 0], ids=["paid", "free"])
async def test_no_law_is_alarmed_by_an_ordinary_request(
    stage: Stage, expert: Diary, timing: str, price: int
) -> None:
    """Asked at the law's limits: eleven minutes after each step, when whatever is late would show."""
    service = await expert.service(timing, price=price)
    yes, no, silent = [
        await expert.ask(service, None if timing == "none" else expert.at(hour=hour), email=f"fan{hour}@example.com")
        for hour in (9, 11, 13)
    ]  # fmt: skip
    await stage.assert_all_laws_hold()
    for placed in (yes, no, silent):
        if placed.payment_intent_id:
            await expert.authorise(placed)
    await stage.deliver()
    await stage.advance(minutes=11)
    await stage.assert_all_laws_hold()
    await accept(stage.system, yes.booking_id, "provider:1")
    await decline(stage.system, no.booking_id, "provider:1", "Not then.")
    await stage.deliver()
    await stage.advance(minutes=16)
    await stage.assert_all_laws_hold()
    assert [await expert.status(one) for one in (yes, no, silent)] == ["confirmed", "declined", "requested"]
    await stage.advance(days=2)
    await stage.run_jobs()
    await stage.deliver()
    await stage.advance(minutes=16)
    assert await expert.status(silent) == "declined"
    await stage.assert_all_laws_hold()


async def test_what_can_still_be_answered_before_it_lapses_is_put_before_a_person_once(
    stage: Stage, expert: Diary
) -> None:
    placed = await expert.requested(await expert.service(), expert.at(days=20))
    attempt = await stage.row("SELECT attempt_id, capture_before FROM attempts")
    # A deadline that the rules would never set: past the last day of the card's authorisation.
    late = attempt["capture_before"] - timedelta(hours=1)
    await stage.execute("UPDATE orders SET respond_by = %s", late)
    await stage.execute("UPDATE bookings SET expires_at = %s", late)
    await stage.advance_to(attempt["capture_before"] - timedelta(hours=23))

    law = "authorisation_is_settled_before_it_lapses"
    assert await found(stage, law) == [attempt["attempt_id"]]
    assert list((await mend(stage, law)).mended) == [attempt["attempt_id"]]
    assert await found(stage, law) == []
    [task] = await tasks_of(stage, "authorisation_lapses")
    assert (task["subject"], "lapses within a day" in task["sentence"]) == (attempt["attempt_id"], True)
    answer = await accept(stage.system, placed.booking_id, "staff:hf_ab")
    assert answer.status == "confirmed"
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_an_acceptance_that_stripe_does_not_answer_for_is_captured_when_it_does(
    stage: Stage, expert: Diary
) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    await stage.stripe_away()
    answer = await accept(stage.system, placed.booking_id, "provider:1")
    assert (answer.status, answer.accepted) == ("requested", True)
    await stage.advance(minutes=16)
    assert await found(stage, "accepted_request_is_captured") == [placed.order_id]
    [capture] = await found(stage, "capture_is_carried_out")
    away = await mend(stage, "accepted_request_is_captured")
    assert away.mended == {}
    assert "Stripe" in away.left[placed.order_id]
    assert (await mend(stage, "capture_is_carried_out")).mended == {}
    await stage.stripe_back()
    assert list((await mend(stage, "capture_is_carried_out")).mended) == [capture]
    assert await expert.status(placed) == "confirmed"
    assert await expert.intent(placed) == "succeeded"
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_a_worker_that_comes_back_declines_what_is_overdue(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(respond_minutes=60), expert.at())
    await stage.advance(minutes=71)
    assert await found(stage, "overdue_request_is_declined") == [placed.order_id]
    assert await found(stage, "hold_does_not_outlive_its_expiry") == []
    assert await keep_laws(stage.system) >= 1
    assert await expert.status(placed) == "declined"
    assert await expert.intent(placed) == "canceled"
    assert await expert.slots_taken() == 0
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_a_provider_whom_nothing_reaches_is_told_by_a_person(stage: Stage, expert: Diary) -> None:
    await stage.execute("UPDATE providers SET email = NULL")
    placed = await expert.requested(await expert.service(), expert.at())
    await stage.advance(minutes=6)
    law = "provider_is_told_of_request"
    assert await found(stage, law) == [placed.booking_id]
    assert list((await mend(stage, law)).mended) == [placed.booking_id]
    assert (await mend(stage, law)).found == 0
    [task] = await tasks_of(stage, "provider_not_told")
    assert task["subject"] == placed.booking_id
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_an_authorisation_that_somebody_cancelled_at_stripe_ends_the_request(
    stage: Stage, expert: Diary
) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    assert placed.payment_intent_id
    await stage.system.stripe.cancel_payment_intent(placed.payment_intent_id)
    await stage.execute("UPDATE attempts SET evidence = '{}'")
    law = "requested_order_has_its_authorisation"
    assert await found(stage, law) == [placed.order_id]
    assert list((await mend(stage, law)).mended) == [placed.order_id]
    assert await expert.status(placed) == "expired"
    assert await expert.slots_taken() == 0
    assert "authorisation_lost" in await expert.messages(placed)
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_a_time_that_somebody_else_has_stops_the_booking(stage: Stage, expert: Diary) -> None:
    service = await expert.service()
    placed = await expert.requested(service, expert.at())
    await stage.execute("UPDATE claims SET released_at = %s", stage.clock.now())
    await stage.execute("UPDATE units SET taken = 0 WHERE kind = 'slot'")
    other = await expert.requested(await expert.service(), expert.at(), email="other@example.com")
    law = "appointment_has_its_slot"
    assert await found(stage, law) == [placed.booking_id]
    done = await mend(stage, law)
    assert "a person decides" in done.mended[placed.booking_id]
    assert [await expert.status(one) for one in (placed, other)] == ["stuck", "requested"]
    assert await tasks_of(stage, "stuck")
    await stage.deliver()
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("timing", ["slot", "proposed", "none"])
async def test_money_of_a_request_that_was_let_go_takes_its_time_again(
    stage: Stage, expert: Diary, timing: str
) -> None:
    """Captured, and its booking ended all the same, by a hand or a restore: it has its time again, as long as that is free."""
    placed = await expert.requested(await expert.service(timing), None if timing == "none" else expert.at())
    await accept(stage.system, placed.booking_id, "provider:1")
    await stage.deliver()
    await stage.run_jobs()
    async with stage.system.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("UPDATE claims SET released_at = %s", (stage.clock.now(),))
        await conn.execute("UPDATE units SET taken = 0 WHERE kind = 'slot'")
        await conn.execute("UPDATE orders SET status = 'expired'")
        await conn.execute("UPDATE bookings SET status = 'expired', ended_at = created_at")
    law = "late_money_is_resolved"
    assert len(await found(stage, law)) == 1
    done = await mend(stage, law)
    assert list(done.mended.values()) == ["Its seats were free: confirmed."]
    assert await expert.status(placed) == "confirmed"
    assert await expert.slots_taken() == (0 if timing == "none" else 1)
    await stage.assert_all_laws_hold()
