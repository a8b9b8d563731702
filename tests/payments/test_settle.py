"""The one door: whoever paid has a booking, however we came to hear of it."""

from __future__ import annotations

import asyncio
import random

import pytest

from holdfast.bookings.actions import Placed, hold, open_checkout
from holdfast.errors import StripeUnavailable
from holdfast.inbox.jobs import handle_due
from holdfast.payments.checkout import session_params
from holdfast.payments.settle import settle, settle_booking
from holdfast.stripe_gateway.evidence import from_event
from holdfast.system import open_system
from tests.support.system import DECLINED_CARD, Row, Stage, stage_settings, thin


async def test_paid_and_told_by_webhook(stage: Stage) -> None:
    pie, red = stage.event.item_ids
    placed = await stage.book(2, menu=[(pie, 2), (red, 1)])
    assert (placed.status, placed.amount) == ("pending", 2 * 8500 + 2 * 1850 + 3200)
    assert await stage.pay(placed.checkout_session_id) == 303

    await stage.deliver()
    await stage.run_jobs()

    story = await stage.story(placed)
    assert story["order"][0]["status"] == "confirmed"
    assert [(p["purpose"], p["captured"], p["card_last4"]) for p in story["payments"]] == [
        ("order", placed.amount, "4242")
    ]
    assert story["claims"] == [{"unit_id": stage.event.unit_ids[0], "seats": 2, "live": True, "taken": 2}]
    assert story["messages"] == [{"kind": "booking_confirmed", "status": "sent"}]
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("lost", [{"lose": 1}, {"never_generate": 1}], ids=["lost", "never_generated"])
async def test_f01_f03_f23_no_webhook_ever_and_the_tab_is_closed(stage: Stage, lost: dict[str, int]) -> None:
    """Drill 2. Nobody tells us and nobody comes back: the worker asks, and the guest has a mail within three minutes."""
    await stage.faults(webhooks=lost)
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)

    for _ in range(3):
        await stage.advance(minutes=1)
        await stage.run_jobs()

    assert await stage.status(placed) == "confirmed"
    payment = await stage.row("SELECT found_by FROM payments")
    assert payment["found_by"] == "sweep"
    assert await stage.messages(placed) == ["booking_confirmed"]
    await stage.assert_all_laws_hold()


async def test_f01_f09_the_page_settles_what_no_webhook_told(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    assert await settle_booking(stage.system, placed.booking_id, "page") == "settled"
    assert await stage.status(placed) == "confirmed"
    reads = stage.system.stripe.reads  # type: ignore[attr-defined]
    await settle_booking(stage.system, placed.booking_id, "page")
    assert stage.system.stripe.reads == reads  # type: ignore[attr-defined]  # what is settled is not asked about
    await stage.assert_all_laws_hold()


async def test_a_page_asks_stripe_at_most_once_in_two_seconds(stage: Stage) -> None:
    placed = await stage.book()
    for _ in range(3):
        await settle_booking(stage.system, placed.booking_id, "page")
    assert stage.system.stripe.reads == 1  # type: ignore[attr-defined]
    await stage.advance(seconds=2)
    await settle_booking(stage.system, placed.booking_id, "page")
    assert stage.system.stripe.reads == 2  # type: ignore[attr-defined]


async def test_f23_stripe_away_is_unknown_and_not_failed(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.stripe_away()
    assert await settle_booking(stage.system, placed.booking_id, "page") == "unknown"
    assert await stage.status(placed) == "pending"
    await stage.stripe_back()
    await stage.advance(seconds=2)
    assert await settle_booking(stage.system, placed.booking_id, "page") == "settled"
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f09_f61_f66_webhooks_page_and_sweep_at_once(stage: Stage) -> None:
    """Drill 3. Ten at the same time, some of them bringing evidence: one confirmation, one payment, one mail."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    events = await stage.events()
    attempt = await stage.row("SELECT attempt_id FROM attempts")

    await asyncio.gather(
        *(stage.receive(event) for event in [*events, *events]),
        *(settle(stage.system, attempt["attempt_id"], found_by="page") for _ in range(4)),
        *(settle_booking(stage.system, placed.booking_id, "page") for _ in range(3)),
    )
    await asyncio.gather(stage.run_jobs(), stage.run_jobs())

    story = await stage.story(placed)
    assert (story["order"][0]["status"], len(story["payments"]), len(story["messages"])) == (
        "confirmed",
        1,
        1,
    )
    told = await stage.rows("SELECT what FROM timeline WHERE what = 'confirmed'")
    assert len(told) == 1
    await stage.assert_all_laws_hold()


async def test_f26_f63_f64_webhooks_three_days_late_and_backwards(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.advance(minutes=2)
    await stage.run_jobs()
    before = await stage.story(placed)
    await stage.advance(days=3)
    await stage.deliver(reversed(await stage.events()))
    await stage.run_jobs()
    assert await stage.story(placed) == before
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("seed", range(3))
async def test_f13_thin_events_are_looked_up(stage: Stage, seed: int) -> None:
    """b13 of the facts: only ids arrive, in any order, beside snapshots."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    events = [thin(event) for event in await stage.events()]
    random.Random(seed).shuffle(events)
    await stage.deliver(events)
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    assert {row["outcome"] for row in await stage.rows("SELECT outcome FROM webhook_events")} <= {
        "applied",
        "ignored",
    }
    await stage.assert_all_laws_hold()


async def test_drill_1_a_crash_between_payment_and_booking(stage: Stage) -> None:
    """F05, F09, F67: everything that follows from the money is one transaction. Here the last write of it is refused."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.execute("ALTER TABLE messages ADD CONSTRAINT crash CHECK (false) NOT VALID")
    await stage.deliver()
    await stage.run_jobs()
    story = await stage.story(placed)
    assert (story["order"][0]["status"], story["payments"], story["messages"]) == ("pending", [], [])
    due = await stage.rows("SELECT FROM webhook_events WHERE handled_at IS NULL AND error IS NOT NULL")
    assert due

    await stage.execute("ALTER TABLE messages DROP CONSTRAINT crash")
    await stage.advance(seconds=2)
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    assert await stage.messages(placed) == ["booking_confirmed"]
    await stage.settle_down()
    await stage.assert_all_laws_hold()


async def test_f10_f11_f33_the_answer_to_the_creation_is_lost(stage: Stage) -> None:
    """Drill 3: Stripe made the session, and we did not hear of it. The guest cannot have its address, we ask again under
    the same key, and there is one session, not two."""
    placed, session = await made_but_not_heard_of(stage)
    attempt = await stage.row("SELECT status, session_id FROM attempts")
    assert (attempt["status"], attempt["session_id"]) == ("planned", None)
    await stage.advance(minutes=1)
    await stage.run_jobs()
    assert [one["id"] for one in await stage.ledger("checkout.session")] == [session["id"]]
    assert await open_checkout(stage.system, placed.booking_id) == session["url"]
    await stage.pay(session["id"])
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f11_stripe_away_while_booking_keeps_the_hold(stage: Stage) -> None:
    await stage.stripe_away()
    with pytest.raises(StripeUnavailable) as away:
        await stage.book()
    assert set(away.value.extra) >= {"order_id", "booking_id", "reference", "token", "booking_url"}
    assert await stage.taken() == 2
    await stage.stripe_back()
    await stage.advance(minutes=1)
    await stage.run_jobs()
    [session] = await stage.ledger("checkout.session")
    assert await open_checkout(stage.system, away.value.extra["booking_id"]) == session["url"]
    await stage.assert_all_laws_hold()


async def test_f08_the_webhook_comes_before_our_answer(stage: Stage) -> None:
    """Drill 3: the session is paid while the attempt does not know its id yet; its own id in the event is enough."""
    _, session = await made_but_not_heard_of(stage)
    await stage.pay(session["id"])
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.row("SELECT status FROM orders"))["status"] == "confirmed"
    attempt = await stage.row("SELECT status, session_id, payment_intent_id FROM attempts")
    assert (attempt["status"], attempt["session_id"]) == ("complete", session["id"])
    await stage.assert_all_laws_hold()


async def test_f42_killed_before_stripe_heard_of_it(stage: Stage) -> None:
    """Drill 1: the hold is committed and the process is gone. The worker makes the session that the guest will pay."""
    placed = await hold(stage.system, stage.wish())
    assert await stage.ledger("checkout.session") == []
    await stage.advance(minutes=1)
    await stage.run_jobs()
    [session] = await stage.ledger("checkout.session")
    await stage.pay(session["id"])
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f34_past_the_life_of_the_key_it_is_looked_for(stage: Stage) -> None:
    """A day later the key may be forgotten: the list of sessions says whether there is one, and nothing is made anew."""
    _, session = await made_but_not_heard_of(stage)
    await stage.pay(session["id"])
    await stage.advance(hours=25)
    await stage.run_jobs()
    assert [one["id"] for one in await stage.ledger("checkout.session")] == [session["id"]]
    assert (await stage.row("SELECT status FROM orders"))["status"] == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f17_declined_then_paid(stage: Stage) -> None:
    """A decline is news, not an end."""
    placed = await stage.book()
    assert await stage.pay(placed.checkout_session_id, DECLINED_CARD) == 402
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "pending"
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    await stage.deliver(await stage.events("payment_intent.payment_failed"))
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f19_a_total_of_nothing_is_confirmed_without_stripe(stage: Stage) -> None:
    await stage.execute("UPDATE units SET price = 0")
    await stage.stripe_away()
    placed = await stage.book()
    assert (placed.status, placed.amount, placed.checkout_url) == ("confirmed", 0, None)
    assert await stage.messages(placed) == ["booking_confirmed"]
    await stage.assert_all_laws_hold()


async def test_f27_f73_somebody_elses_payment_confirms_nothing(stage: Stage) -> None:
    """A session that was paid for another booking is presented for this one: a person looks, nothing is confirmed."""
    mine, theirs = await stage.book(), await stage.book(email="other@example.com", table=1)
    await stage.pay(theirs.checkout_session_id)
    attempt = await stage.row("SELECT attempt_id FROM attempts WHERE order_id = %s", mine.order_id)
    [completed] = await stage.events("checkout.session.completed")
    settled = await settle(
        stage.system, attempt["attempt_id"], evidence=from_event(completed), found_by="page"
    )
    assert settled.status == "stuck"
    assert await stage.tasks() == ["stuck"]


async def made_but_not_heard_of(stage: Stage) -> tuple[Placed, Row]:
    """Stripe made the session, and the process died before it could write that down."""
    placed = await hold(stage.system, stage.wish())
    attempt = await stage.row("SELECT * FROM attempts")
    params = await session_params(stage.system, attempt)
    session = await stage.system.stripe.create_checkout_session(
        params, f"checkout:{attempt['attempt_id']}:{attempt['key_version']}"
    )
    return placed, session


async def test_f06_f69_another_process_goes_on(stage: Stage, database_url: str) -> None:
    """What one process stored, any other handles: the row is the queue, and nothing was only in memory."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    async with open_system(stage_settings(database_url, stage.sandbox), clock=stage.clock) as another:
        assert await handle_due(another) > 0
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()
