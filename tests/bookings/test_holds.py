"""Holds in a crowd: no seat twice, no count that drifts, no booking that is half made."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from holdfast.bookings.actions import Placed, place_booking, sync_all_availability
from holdfast.bookings.cancelling import request_cancel
from holdfast.errors import NotFound, NotOnSale, SoldOut, StripeRefused, ValidationFailed
from tests.support.system import Stage


async def test_f37_twenty_at_once_for_four_seats(stage: Stage) -> None:
    """Drill 6. Four get one, sixteen hear what is still free."""
    wishes = [stage.wish(1, email=f"g{number}@example.com", with_checkout=False) for number in range(20)]
    answers = await asyncio.gather(
        *(place_booking(stage.system, wish) for wish in wishes), return_exceptions=True
    )
    assert sum(isinstance(answer, Placed) for answer in answers) == 4
    refused = [answer for answer in answers if isinstance(answer, SoldOut)]
    assert len(refused) == 16
    assert {one["label"] for one in refused[-1].extra["free"]} == {"Table 2", "Table 3"}
    assert await stage.taken() == 4
    await stage.assert_all_laws_hold()


async def test_f66_two_tables_each_in_either_order_do_not_lock_each_other_out(stage: Stage) -> None:
    first, second, _ = stage.event.unit_ids
    wishes = [
        stage.wish(units=units, email=f"g{number}@example.com", with_checkout=False)
        for number, units in enumerate([[(first, 1), (second, 1)], [(second, 1), (first, 1)]] * 4)
    ]
    answers = await asyncio.gather(
        *(place_booking(stage.system, wish) for wish in wishes), return_exceptions=True
    )
    assert sum(isinstance(answer, Placed) for answer in answers) == 4
    assert sum(isinstance(answer, SoldOut) for answer in answers) == 4
    await stage.assert_all_laws_hold()


async def test_f37_one_table_too_many_takes_none(stage: Stage) -> None:
    await stage.book(4, table=1, with_checkout=False)
    with pytest.raises(SoldOut):
        await stage.book(units=[(stage.event.unit_ids[0], 2), (stage.event.unit_ids[1], 1)])
    assert [await stage.taken(table) for table in range(2)] == [0, 4]
    assert len(await stage.rows("SELECT FROM orders")) == 1
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("seats", [5, 100000])
async def test_more_than_a_table_has(stage: Stage, seats: int) -> None:
    with pytest.raises(ValidationFailed):
        await stage.book(seats)


async def test_a_table_or_dish_of_another_event(stage: Stage) -> None:
    with pytest.raises(ValidationFailed):
        await stage.book(units=[(987654, 1)])
    with pytest.raises(ValidationFailed):
        await stage.book(menu=[(987654, 1)])
    await stage.execute("UPDATE menu_items SET active = false")
    with pytest.raises(ValidationFailed):
        await stage.book(menu=[(stage.event.item_ids[0], 1)])
    await stage.execute("UPDATE units SET buffer = true")
    with pytest.raises(ValidationFailed):
        await stage.book()
    assert await stage.rows("SELECT FROM orders") == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("status = 'closed'", NotOnSale),
        ("status = 'cancelled'", NotOnSale),
        ("status = 'draft'", NotFound),
        ("starts_at = created_at", NotOnSale),
        ("on_sale_from = created_at + interval '1 second'", NotOnSale),
        ("on_sale_until = created_at", NotOnSale),
    ],
)
async def test_what_is_not_on_sale_cannot_be_held(stage: Stage, change: str, error: type[Exception]) -> None:
    await stage.execute(f"UPDATE offerings SET {change}")
    with pytest.raises(error):
        await stage.book()


async def test_a_table_that_is_sold_whole_is_taken_whole(stage: Stage) -> None:
    await stage.execute("UPDATE units SET pricing = 'per_unit', price = 30000")
    placed = await stage.book(2)
    assert (placed.amount, await stage.taken()) == (30000, 4)
    with pytest.raises(SoldOut):
        await stage.book(1, email="other@example.com")
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_a_sum_that_stripe_will_not_charge_holds_no_seats(stage: Stage) -> None:
    """Below Stripe's least sum: refused in one sentence, and the seats are free again at once."""
    await stage.execute("UPDATE units SET price = 1")
    with pytest.raises(StripeRefused):
        await stage.book(1)
    assert await stage.taken() == 0
    await stage.assert_all_laws_hold()


async def test_f40_sync_sets_right_what_a_hand_put_wrong(stage: Stage) -> None:
    placed = await stage.paid(seats=3)
    await stage.execute("UPDATE units SET taken = 1 WHERE unit_id = %s", stage.event.unit_ids[0])
    await stage.execute("UPDATE units SET taken = 2 WHERE unit_id = %s", stage.event.unit_ids[1])
    report = await sync_all_availability(stage.system)
    assert (report.checked, report.corrected) == (3, 2)
    assert [(one["before"], one["after"]) for one in report.corrections] == [(1, 3), (2, 0)]
    again = await sync_all_availability(stage.system, stage.event.tenant_id)
    assert (again.checked, again.corrected) == (3, 0)
    assert (await sync_all_availability(stage.system, 987654)).checked == 0
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_f40_f71_sync_while_people_book_and_cancel(stage: Stage) -> None:
    """The count is right at every moment, so nothing is ever corrected."""

    async def book_and_cancel(number: int) -> None:
        for _ in range(3):
            placed = await stage.book(
                1, table=number % 3, email=f"g{number}@example.com", with_checkout=False
            )
            await request_cancel(stage.system, placed.booking_id, "customer")

    reports = await asyncio.gather(
        *(sync_all_availability(stage.system) for _ in range(6)),
        *(book_and_cancel(number) for number in range(6)),
    )
    assert all(report.corrected == 0 for report in reports if report is not None)
    assert [await stage.taken(table) for table in range(3)] == [0, 0, 0]
    await stage.assert_all_laws_hold()


async def test_f43_the_price_and_the_tiers_stay_as_they_were_agreed(stage: Stage) -> None:
    placed = await stage.book(2)
    await stage.execute("UPDATE units SET price = 1")
    await stage.execute("UPDATE offerings SET refund_tiers = '[]', version = version + 1")
    await stage.pay(placed.checkout_session_id)
    await stage.deliver()
    await stage.run_jobs()
    assert (await stage.story(placed))["payments"][0]["captured"] == 17000
    result = await request_cancel(stage.system, placed.booking_id, "customer")
    assert result.refund_amount == 17000
    await stage.run_jobs()
    await stage.assert_all_laws_hold()


async def test_drill_12_the_mail_server_is_away_for_an_hour(stage: Stage) -> None:
    """F67, F68: the law says so after five minutes, and the mail goes out once when it is back."""
    await stage.faults(mail={"defer": 1})
    placed = await stage.paid()
    await stage.advance(minutes=6)
    with pytest.raises(AssertionError, match="confirmation_is_delivered"):
        await stage.assert_all_laws_hold()
    for _ in range(6):
        await stage.advance(minutes=9)
        await stage.run_jobs()
    assert (await stage.story(placed))["messages"] == [{"kind": "booking_confirmed", "status": "queued"}]
    await stage.faults(mail={"defer": 0})
    await stage.advance(hours=1)
    await stage.run_jobs()
    await stage.advance(hours=1)
    await stage.run_jobs()
    mails = (await stage.http.get("/control/messages")).json()["messages"]
    assert len([mail for mail in mails if "guest@example.com" in str(mail)]) == 1
    await stage.assert_all_laws_hold()


async def test_drill_12_no_worker_runs(stage: Stage) -> None:
    """F69: whoever opens the page is settled by that; who does not is seen by a law within minutes."""
    await stage.faults(webhooks={"lose": 1})
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    stage.clock.advance(seconds=timedelta(minutes=20).total_seconds())
    await stage.settle_down()
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()
