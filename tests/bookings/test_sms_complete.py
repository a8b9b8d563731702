"""Completing what an SMS began: chosen, said, paid or confirmed; in every order in which guests and the clock may meet."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from holdfast.bookings.actions import open_checkout
from holdfast.bookings.cancelling import request_cancel
from holdfast.errors import Conflict, HoldfastError
from holdfast.payments.jobs import let_due_lapse
from tests.bookings.till import ADA, Till

BY_SMS = {"booking_started": ("sms", "sent"), "booking_confirmed": ("sms", "sent")}


async def paid(till: Till, session_id: str | None) -> None:
    assert await till.stage.pay(session_id) == 303
    await till.stage.deliver()
    await till.stage.run_jobs()


async def test_choose_pay_and_hear_by_sms(till: Till) -> None:
    begun = await till.begun()
    pie, _ = till.stage.event.item_ids
    answer = await till.complete(
        begun,
        units=[{"unit_id": till.tables[1], "seats": 3}],
        menu=[{"item_id": pie, "quantity": 2}],
    )
    placed = answer.json()
    assert (answer.status_code, placed["status"]) == (200, "pending"), answer.text
    assert placed["amount"] == 3 * 8500 + 2 * 1850
    assert [await till.stage.taken(table) for table in range(3)] == [0, 3, 0]
    await paid(till, placed["checkout_session_id"])
    booking = await till.booking(begun)
    assert (booking["status"], booking["contact_name"], booking["seats"]) == ("confirmed", "Ada Example", 3)
    assert await till.sent(begun) == BY_SMS
    assert begun["booking_url"] in (await till.texts())[-1]
    await till.stage.assert_all_laws_hold()


async def test_with_an_address_the_ticket_goes_there_and_the_customer_is_that_person(till: Till) -> None:
    known = await till.stage.book(1, table=2, email="ada@example.com", with_checkout=False)
    begun = await till.begun()
    answer = await till.complete(begun, customer={"name": "Ada Example", "email": "Ada@Example.com"}, seats=2)
    await paid(till, answer.json()["checkout_session_id"])
    booking = await till.booking(begun)
    assert (booking["contact_email"], booking["contact_phone"]) == ("ada@example.com", ADA)
    assert booking["customer_id"] == known.customer_id
    assert await till.sent(begun) == {**BY_SMS, "booking_confirmed": ("email", "sent")}
    await till.stage.assert_all_laws_hold()


async def test_what_costs_nothing_waits_for_a_yes(till: Till) -> None:
    await till.make_free()
    begun = await till.begun()
    await till.stage.run_jobs()
    assert await till.status(begun) == "pending", "a number that somebody typed in is nobody's yes"
    with pytest.raises(Conflict):
        await open_checkout(till.stage.system, begun["pending_booking_id"])
    answer = await till.complete(begun)
    assert (answer.json()["status"], answer.json()["checkout_url"]) == ("confirmed", None)
    await till.stage.run_jobs()
    assert await till.sent(begun) == BY_SMS
    assert await till.stage.ledger("checkout.session") == []

    twice = await till.complete(begun, seats=4)
    assert (twice.status_code, twice.json()["code"]) == (409, "conflict")
    assert (await till.booking(begun))["seats"] == 2
    assert await till.sent(begun) == BY_SMS
    await till.stage.assert_all_laws_hold()


async def test_a_free_booking_that_nobody_confirms_lapses(till: Till) -> None:
    await till.make_free()
    begun = await till.begun()
    await till.stage.advance(minutes=31)
    await till.stage.run_jobs()
    assert (await till.status(begun), await till.stage.taken()) == ("expired", 0)
    late = await till.complete(begun)
    assert (late.status_code, late.json()["code"]) == (409, "expired")
    assert await till.stage.taken() == 0
    await till.stage.assert_all_laws_hold()


async def test_f29_choosing_again_while_a_payment_page_is_open_closes_it(till: Till) -> None:
    begun = await till.begun()
    first = (await till.complete(begun)).json()
    second = (await till.complete(begun, units=[{"unit_id": till.tables[2], "seats": 1}])).json()
    assert second["checkout_session_id"] != first["checkout_session_id"]
    assert second["amount"] == 8500
    assert await till.stage.pay(first["checkout_session_id"]) == 200, "the old page takes no money"
    assert [one["status"] for one in await till.attempts(begun)].count("open") == 1
    await paid(till, second["checkout_session_id"])
    assert await till.status(begun) == "confirmed"
    assert [await till.stage.taken(table) for table in range(3)] == [0, 0, 1]
    await till.stage.assert_all_laws_hold()


async def test_paid_on_the_page_that_another_window_was_about_to_close(till: Till) -> None:
    """What was paid for is what is booked: the other window's choice comes too late, and says so."""
    begun = await till.begun()
    placed = (await till.complete(begun)).json()
    assert await till.stage.pay(placed["checkout_session_id"]) == 303
    late = await till.complete(begun, units=[{"unit_id": till.tables[2], "seats": 4}])
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert await till.status(begun) == "confirmed"
    assert [await till.stage.taken(table) for table in range(3)] == [2, 0, 0]
    await till.stage.deliver()
    await till.stage.assert_all_laws_hold()


async def test_two_windows_at_once(till: Till) -> None:
    begun = await till.begun()
    answers = await asyncio.gather(
        *(till.complete(begun, units=[{"unit_id": table, "seats": 2}]) for table in till.tables)
    )
    assert {answer.status_code for answer in answers} <= {200, 409, 503}, [a.text for a in answers]
    assert any(answer.status_code == 200 for answer in answers)
    open_ones = [one for one in await till.attempts(begun) if one["status"] == "open"]
    assert len(open_ones) <= 1, "two pages to pay at for one booking"
    final = (await till.complete(begun)).json()
    assert sum([await till.stage.taken(table) for table in range(3)]) == 2
    await paid(till, final["checkout_session_id"])
    assert await till.status(begun) == "confirmed"
    await till.stage.assert_all_laws_hold()


async def test_f37_sold_out_meanwhile_keeps_what_is_held(till: Till) -> None:
    begun = await till.begun()
    await till.stage.book(4, table=1, with_checkout=False)
    refused = await till.complete(begun, units=[{"unit_id": till.tables[1], "seats": 2}])
    assert (refused.status_code, refused.json()["code"]) == (409, "sold_out")
    assert {one["label"] for one in refused.json()["free"]} == {"Table 1", "Table 3"}
    assert [await till.stage.taken(table) for table in range(3)] == [2, 4, 0]
    own = await till.complete(begun, units=[{"unit_id": till.tables[0], "seats": 4}])
    assert own.status_code == 200, "the two seats that they hold count as free for them"
    await till.stage.assert_all_laws_hold()


async def test_two_guests_want_each_others_table(till: Till) -> None:
    """Whole or not at all, and nobody waits for the other for ever (F66)."""
    one, other = await till.begun(seats=4), await till.begun("07700 900456", seats=4)
    first, second = till.tables[:2]
    answers = await asyncio.gather(
        till.complete(one, units=[{"unit_id": second, "seats": 4}]),
        till.complete(other, units=[{"unit_id": first, "seats": 4}]),
    )
    assert {answer.status_code for answer in answers} == {409}
    assert [await till.stage.taken(table) for table in range(3)] == [4, 4, 0]
    await till.stage.assert_all_laws_hold()


async def test_completing_at_the_moment_of_expiry(till: Till) -> None:
    begun = await till.begun()
    await till.stage.advance(minutes=30)
    answer, _ = await asyncio.gather(till.complete(begun), let_due_lapse(till.stage.system))
    assert (answer.status_code, answer.json()["code"]) == (409, "expired")
    await till.stage.run_jobs()
    assert (await till.status(begun), await till.stage.taken()) == ("expired", 0)
    assert await till.attempts(begun) == []
    await till.stage.assert_all_laws_hold()


async def test_completed_in_the_last_second_is_paid_or_let_go_never_both(till: Till) -> None:
    begun = await till.begun()
    await till.stage.advance(minutes=29, seconds=58)
    placed = (await till.complete(begun)).json()
    assert placed["status"] == "pending"
    await till.stage.advance(seconds=3)
    payment, _ = await asyncio.gather(
        till.stage.pay(placed["checkout_session_id"]), let_due_lapse(till.stage.system)
    )
    await till.stage.deliver()
    await till.stage.settle_down()
    assert await till.status(begun) == ("confirmed" if payment == 303 else "expired")
    await till.stage.assert_all_laws_hold()


async def test_cancelled_by_the_guest_then_completed(till: Till) -> None:
    begun = await till.begun()
    await request_cancel(till.stage.system, begun["pending_booking_id"], "customer")
    refused = await till.complete(begun)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert await till.stage.taken() == 0
    await till.stage.assert_all_laws_hold()


async def test_the_event_is_called_off_meanwhile(till: Till) -> None:
    begun = await till.begun()
    await till.stage.execute(
        "UPDATE offerings SET status = 'cancelled' WHERE offering_id = %s", till.event_id
    )
    refused = await till.complete(begun)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert await till.attempts(begun) == []


async def test_the_event_closes_its_sale_meanwhile(till: Till) -> None:
    """Who holds seats may still have them."""
    begun = await till.begun()
    now = till.stage.clock.now()
    await till.stage.execute(
        "UPDATE offerings SET on_sale_until = %s WHERE offering_id = %s",
        now + timedelta(minutes=5), till.event_id,
    )  # fmt: skip
    await till.stage.advance(minutes=6)
    placed = await till.complete(begun)
    assert placed.status_code == 200, placed.text
    await paid(till, placed.json()["checkout_session_id"])
    assert await till.status(begun) == "confirmed"
    await till.stage.assert_all_laws_hold()


async def test_nothing_can_be_paid_before_anybody_has_chosen(till: Till) -> None:
    begun = await till.begun()
    with pytest.raises(HoldfastError, match="complete it first"):
        await open_checkout(till.stage.system, begun["pending_booking_id"])
    assert (await till.send(begun, path="/pay")).headers["location"] == f"/b/{begun['token']}"
    assert await till.attempts(begun) == []
    await till.stage.assert_all_laws_hold()


async def test_f08_stripe_is_away_when_it_is_completed(till: Till) -> None:
    """What was chosen is kept; paying is possible as soon as Stripe answers."""
    begun = await till.begun()
    await till.stage.stripe_away()
    answer = await till.complete(begun, units=[{"unit_id": till.tables[1], "seats": 3}])
    assert (answer.status_code, answer.json()["code"]) == (503, "stripe_unavailable")
    booking = await till.booking(begun)
    assert (booking["contact_name"], booking["seats"], booking["amount"]) == ("Ada Example", 3, 3 * 8500)
    await till.stage.stripe_back()
    await till.stage.advance(minutes=2)
    placed = await till.complete(begun, units=[{"unit_id": till.tables[1], "seats": 3}])
    assert placed.status_code == 200, placed.text
    await paid(till, placed.json()["checkout_session_id"])
    assert await till.status(begun) == "confirmed"
    await till.stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    "body",
    [
        {"customer": {"name": ""}},
        {"customer": {}},
        {"customer": {"name": "Ada", "email": "nowhere"}},
        {"customer": {"name": "A" * 500}},
        {"seats": 0},
        {"seats": 100_000},
        {"units": [{"unit_id": 1, "seats": 1}, {"unit_id": 1, "seats": 1}]},
        {"units": [{"unit_id": 999_999_999, "seats": 1}]},
        {"units": [{"unit_id": 1, "seats": 1}], "seats": 2},
        {"menu": [{"item_id": 999_999_999, "quantity": 1}]},
        {"menu": [{"item_id": 1, "quantity": -1}]},
    ],
    ids=lambda body: str(body)[:50],
)
async def test_bad_input_changes_nothing(till: Till, body: dict[str, object]) -> None:
    begun = await till.begun()
    before = await till.booking(begun)
    refused = await till.complete(begun, **body)
    assert refused.status_code in {409, 422}, refused.text
    assert await till.booking(begun) == before
    assert await till.stage.taken() == 2
    await till.stage.assert_all_laws_hold()


async def test_only_who_has_the_link_completes_it(till: Till) -> None:
    begun = await till.begun()
    other = await till.begun("07700 900456")
    for token in ("", "x", other["token"], begun["token"] + "x", begun["token"][:-1]):
        refused = await till.complete({**begun, "token": token})
        assert refused.status_code in {404, 422}, refused.text
    assert await till.status(begun) == "pending"
    assert (await till.booking(begun))["contact_name"] == ""
    await till.stage.assert_all_laws_hold()
