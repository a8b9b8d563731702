"""Money that comes late, twice, or for something else: who paid in time is never sent away, the rest goes back once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.bookings.actions import Placed, open_checkout
from tests.support.system import Stage

ONE_SECOND = timedelta(seconds=1)
TWENTY_MINUTES = timedelta(minutes=20)


async def climb_the_fence(stage: Stage, placed: Placed) -> None:
    """The hold is let go though its session can still be paid: what an older release did, or a hand in the database."""
    await stage.rows("SELECT release_claims(%s, %s)", placed.booking_id, stage.clock.now())
    await stage.execute(
        "UPDATE bookings SET ended_at = %s WHERE order_id = %s", stage.clock.now(), placed.order_id
    )
    await stage.execute("UPDATE orders SET status = 'expired' WHERE order_id = %s", placed.order_id)
    await stage.execute(
        "UPDATE attempts SET status = 'expired', ask_at = NULL, closed_at = %s WHERE order_id = %s",
        stage.clock.now(),
        placed.order_id,
    )


async def pay_at(stage: Stage, placed: Placed, after_the_end: timedelta) -> None:
    await stage.advance_to(placed.expires_at + after_the_end)
    assert await stage.pay(placed.checkout_session_id) == 303


@pytest.mark.parametrize(
    "after", [-ONE_SECOND, ONE_SECOND, TWENTY_MINUTES], ids=["1s_before", "1s_after", "20min_after"]
)
async def test_f13_paid_around_the_end_while_the_seats_are_held(stage: Stage, after: timedelta) -> None:
    """Drill 4. A hold that still has its seats is confirmed however late."""
    placed = await stage.book()
    await pay_at(stage, placed, after)
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    assert await stage.ledger("refund") == []
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    "after", [-ONE_SECOND, ONE_SECOND, TWENTY_MINUTES], ids=["1s_before", "1s_after", "20min_after"]
)
async def test_f13_let_go_and_the_seats_are_free_again(stage: Stage, after: timedelta) -> None:
    """Drill 4, the first rung: the same seats are taken again."""
    placed = await stage.book(3)
    await climb_the_fence(stage, placed)
    assert await stage.taken() == 0
    await pay_at(stage, placed, after)
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.status(placed), await stage.taken()) == ("confirmed", 3)
    assert await stage.messages(placed) == ["booking_confirmed"]
    await stage.assert_all_laws_hold()


async def test_f13_let_go_and_only_the_buffer_has_room(stage: Stage) -> None:
    """The second rung: the organiser's reserve."""
    reserve = await add_buffer(stage, seats=4)
    placed = await stage.book(3)
    await climb_the_fence(stage, placed)
    await stage.paid(seats=4, email="other@example.com")
    await pay_at(stage, placed, TWENTY_MINUTES)
    await stage.deliver()
    await stage.run_jobs()
    story = await stage.story(placed)
    assert story["order"][0]["status"] == "confirmed"
    live = [(claim["unit_id"], claim["seats"], claim["taken"]) for claim in story["claims"] if claim["live"]]
    assert live == [(reserve, 3, 3)]
    await stage.assert_all_laws_hold()


async def add_buffer(stage: Stage, seats: int) -> int:
    row = await stage.row(
        """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, price, buffer)
           VALUES (%s, %s, 'table', 'Reserve', %s, 8500, true) RETURNING unit_id""",
        stage.event.tenant_id,
        stage.event.offering_id,
        seats,
    )
    return int(row["unit_id"])


async def test_f13_f41_late_and_gone_goes_back_once(stage: Stage) -> None:
    """The third rung: one refund, a message that says why, and a line for the staff."""
    placed = await stage.book(3)
    await climb_the_fence(stage, placed)
    await stage.paid(seats=4, email="other@example.com")
    await pay_at(stage, placed, ONE_SECOND)
    await stage.deliver()
    await stage.run_jobs()
    await stage.deliver()
    await stage.deliver(await stage.events())
    await stage.run_jobs()

    story = await stage.story(placed)
    assert (story["order"][0]["status"], await stage.taken()) == ("expired", 4)
    [refund] = await stage.ledger("refund")
    assert (refund["amount"], refund["status"]) == (placed.amount, "succeeded")
    assert [(one["reason"], one["status"]) for one in story["refunds"]] == [("late", "succeeded")]
    assert await stage.messages(placed) == ["money_returned"]
    told = await stage.rows("SELECT what FROM timeline WHERE order_id = %s", placed.order_id)
    assert "money_goes_back" in {row["what"] for row in told}
    await stage.assert_all_laws_hold()


async def test_f14_in_time_and_gone_is_for_a_person(stage: Stage) -> None:
    """Our fault, so no machine sends the guest away."""
    placed = await stage.book(3)
    await climb_the_fence(stage, placed)
    await stage.paid(seats=4, email="other@example.com")
    await pay_at(stage, placed, -ONE_SECOND)
    await stage.advance(minutes=40)
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "stuck"
    assert await stage.tasks() == ["stuck"]
    assert await stage.ledger("refund") == []
    await stage.assert_all_laws_hold()


async def two_open_sessions(stage: Stage) -> tuple[Placed, str, str]:
    """The first was believed closed, so there is a second: two tabs that can both be paid."""
    placed = await stage.book()
    await stage.execute(
        "UPDATE attempts SET status = 'expired', ask_at = NULL, closed_at = %s", stage.clock.now()
    )
    await open_checkout(stage.system, placed.booking_id)
    second = await stage.row("SELECT session_id FROM attempts WHERE status = 'open'")
    assert placed.checkout_session_id is not None
    return placed, placed.checkout_session_id, second["session_id"]


@pytest.mark.parametrize("backwards", [False, True], ids=["in_order", "backwards"])
async def test_f31_f32_two_payments_one_is_kept(stage: Stage, backwards: bool) -> None:
    """Drill 9: the other goes back once, and the booking stands."""
    placed, first, second = await two_open_sessions(stage)
    await stage.pay(first)
    await stage.pay(second)
    events = await stage.events()
    await stage.deliver(reversed(events) if backwards else events)
    await stage.run_jobs()
    await stage.deliver(events)
    await stage.run_jobs()

    story = await stage.story(placed)
    assert story["order"][0]["status"] == "confirmed"
    assert sorted(one["purpose"] for one in story["payments"]) == ["order", "returned"]
    kept = next(one for one in story["payments"] if one["purpose"] == "order")
    [refund] = await stage.ledger("refund")
    assert refund["amount"] == placed.amount
    assert refund["payment_intent"] != kept["payment_intent_id"]
    assert await stage.messages(placed) == ["booking_confirmed", "money_returned"]
    await stage.settle_down()
    assert len(await stage.ledger("refund")) == 1
    await stage.assert_all_laws_hold()


async def test_f31_what_is_still_open_is_closed_once_it_is_paid(stage: Stage) -> None:
    """The second tab cannot be paid any more."""
    placed, first, second = await two_open_sessions(stage)
    await stage.pay(first)
    await stage.deliver()
    await stage.advance(minutes=1)
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    assert await stage.pay(second) == 200
    states = {one["id"]: one["status"] for one in await stage.ledger("checkout.session")}
    assert states == {first: "complete", second: "expired"}
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("other", ["price = 8499", "currency = 'EUR'"], ids=["f21_amount", "f22_currency"])
async def test_f21_f22_another_sum_or_currency_is_for_a_person(stage: Stage, other: str) -> None:
    """The price was changed behind the session's back. Nothing is guessed: stuck, one task, the money on record."""
    placed = await stage.book()
    if "price" in other:
        await stage.execute(
            """WITH line AS (UPDATE order_lines SET unit_amount = 8499, amount = 16998),
                    attempt AS (UPDATE attempts SET amount = 16998)
               UPDATE orders SET amount = 16998"""
        )
    else:
        await stage.execute(
            "WITH attempt AS (UPDATE attempts SET currency = 'EUR') UPDATE orders SET currency = 'EUR'"
        )
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    story = await stage.story(placed)
    assert (story["order"][0]["status"], story["order"][0]["stuck_reason"]) == ("stuck", "amount")
    assert [one["captured"] for one in story["payments"]] == [17000]
    assert (await stage.tasks(), await stage.messages(placed)) == (["stuck"], [])
    await stage.deliver(await stage.events())
    await stage.run_jobs()
    assert await stage.tasks() == ["stuck"]
    await stage.assert_all_laws_hold()
