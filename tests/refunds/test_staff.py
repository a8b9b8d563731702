"""Giving money back by hand, and what follows when a refund has failed: each once, whatever is pressed twice."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from holdfast.bookings.actions import Placed
from holdfast.errors import Conflict
from holdfast.payments.resolve import resolve_stuck
from holdfast.refunds import failed
from tests.support.office import Office
from tests.support.system import REFUND_FAILS_CARD, Stage


async def asked(office: Office, placed: Placed, body: Any, key: str = "", **headers: str) -> httpx.Response:
    if key:
        headers["Idempotency-Key"] = key
    path = f"/api/admin/bookings/{placed.reference}/refunds"
    return await office.http.post(path, json=body, headers={**office.as_("admin"), **headers})


async def test_f35_a_part_with_its_reason_once_and_never_more_than_is_left(office: Office) -> None:
    placed = await office.stage.paid()
    first = await asked(office, placed, {"amount": 5000, "reason": "The heating was broken"}, "one")
    again = await asked(office, placed, {"amount": 5000, "reason": "The heating was broken"}, "one")
    assert (first.status_code, first.json()["status"]) == (201, "owed")
    assert again.json() == first.json()
    other = await asked(office, placed, {"amount": 6000}, "one")
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    above = await asked(office, placed, {"amount": placed.amount})
    assert (above.status_code, above.json()["code"], above.json()["left"]) == (
        409,
        "refund_refused",
        placed.amount - 5000,
    )
    rest = await asked(office, placed, {})
    assert (rest.status_code, rest.json()["amount"]) == (201, placed.amount - 5000)
    story = await office.stage.rows(
        "SELECT detail FROM timeline WHERE what = 'refund_owed' ORDER BY entry_id"
    )
    assert story[0]["detail"]["because"] == "The heating was broken"
    await office.stage.run_jobs()
    await office.stage.deliver()
    await office.stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    "body",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": 1.5},
        {"amount": "5"},
        {"amount": True},
        {"reason": "x" * 201},
        [],
    ],
)
async def test_bad_input_is_refused_with_a_sentence(office: Office, body: Any) -> None:
    placed = await office.stage.paid()
    answer = await asked(office, placed, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert await office.stage.rows("SELECT refund_id FROM refunds") == []
    await office.stage.assert_all_laws_hold()


async def test_who_may_not(office: Office) -> None:
    placed = await office.stage.paid()
    path = f"/api/admin/bookings/{placed.reference}/refunds"
    assert (await office.http.post(path, json={})).status_code == 401
    assert (await office.http.post(path, json={}, headers=office.as_("bookings"))).status_code == 403
    assert (await office.http.post(path, json={}, headers=office.as_("other"))).status_code == 404


async def test_f35_a_request_that_was_cut_off_goes_on_with_its_refund(office: Office) -> None:
    """The process died after the refund was owed and before its answer was kept."""
    placed = await office.stage.paid()
    first = await asked(office, placed, {"amount": 5000}, "cut off")
    await office.stage.execute(
        "UPDATE idempotency_keys SET answer = NULL, status = NULL, leased_until = created_at"
    )
    await office.stage.advance(minutes=1)
    again = await asked(office, placed, {"amount": 5000}, "cut off")
    assert again.json()["refund_id"] == first.json()["refund_id"]
    assert len(await office.stage.rows("SELECT refund_id FROM refunds")) == 1
    await office.stage.assert_all_laws_hold()


async def test_f35_the_form_pressed_twice_is_one_refund(office: Office) -> None:
    placed = await office.stage.paid()
    await office.sign_in()
    page = await office.http.get(f"/staff/bookings/{placed.booking_id}")
    found = re.search(r'name="refund_id" value="(ref_[0-9a-z]{26})"', page.text)
    assert found
    form = {"amount": "20.00", "reason": "Sorry", "refund_id": found[1]}
    path = f"/staff/bookings/{placed.booking_id}/refund"
    for _ in range(2):
        assert (await office.http.post(path, data=form)).status_code == 303
    assert [one["amount"] for one in await office.stage.rows("SELECT amount FROM refunds")] == [2000]
    changed = await office.http.post(path, data={**form, "amount": "30.00"})
    assert changed.status_code == 409
    assert "used before" in changed.text
    other = await office.stage.paid(email="other@example.com", table=1)
    stolen = await office.http.post(f"/staff/bookings/{other.booking_id}/refund", data=form)
    assert stolen.status_code == 409
    assert (await office.http.post(path, data={**form, "refund_id": "ref_x'--"})).status_code == 422
    await office.stage.assert_all_laws_hold()


async def test_f49_every_way_of_giving_back_is_closed_beside_a_dispute(office: Office) -> None:
    stage = office.stage
    placed = await stage.paid()
    await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.settle_down()
    answer = await asked(office, placed, {"amount": 100})
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_refused")
    await office.sign_in()
    page = await office.http.get(f"/staff/bookings/{placed.booking_id}")
    assert "Refunds are blocked" in page.text
    assert 'name="refund_id"' not in page.text
    form = await office.http.post(f"/staff/bookings/{placed.booking_id}/refund", data={"amount": "1.00"})
    assert form.status_code == 409
    listed = await office.http.get("/staff/bookings")
    assert "Disputed" in listed.text
    view = (
        await office.http.get(f"/api/admin/bookings/{placed.booking_id}", headers=office.as_("bookings"))
    ).json()
    assert (view["disputed"], view["disputes"][0]["status"]) == (True, "needs_response")
    cancelled = await office.http.post(
        f"/api/bookings/{placed.reference}/cancel", json={}, headers=office.as_("bookings")
    )
    assert (cancelled.status_code, cancelled.json()["refund"]["amount"]) == (200, 0)
    await stage.run_jobs()
    assert await stage.ledger("refund") == []
    await stage.assert_all_laws_hold()


async def test_f49_giving_a_stuck_one_back_beside_a_dispute_promises_nothing(stage: Stage) -> None:
    placed = await stage.paid()
    await stage.execute("UPDATE orders SET status = 'stuck', stuck_reason = 'amount'")
    await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.settle_down()
    assert await resolve_stuck(stage.system, placed.booking_id, "refund", "staff:hf_x") == "cancelled"
    await stage.run_jobs()
    assert await stage.rows("SELECT refund_id FROM refunds") == []
    row = await stage.row("SELECT body_text FROM messages WHERE kind = 'booking_cancelled'")
    assert "the bank decides" in row["body_text"]
    await stage.assert_all_laws_hold()


async def failing(stage: Stage) -> tuple[Placed, str]:
    """Given back in part, and sent back by the bank days later."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id, REFUND_FAILS_CARD)
    await stage.deliver()
    await stage.run_jobs()
    [attempt] = await stage.rows("SELECT payment_intent_id FROM payments")
    await stage.dashboard("refund", payment=attempt["payment_intent_id"], amount=3000)
    await stage.advance(days=11)
    await stage.deliver()
    await stage.run_jobs()
    [refund] = await stage.rows("SELECT refund_id, status FROM refunds")
    assert refund["status"] == "failed"
    return placed, str(refund["refund_id"])


async def test_f45_it_counts_as_not_given_back_and_is_sent_again_once(stage: Stage) -> None:
    _, refund_id = await failing(stage)
    tenant = stage.event.tenant_id
    answers = await asyncio.gather(
        *(failed.send_again(stage.system, tenant, refund_id, "staff:hf_x") for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Conflict) for one in answers) == 4
    with pytest.raises(Conflict, match="seen to"):
        await failed.paid_otherwise(stage.system, tenant, refund_id, "cash", "staff:hf_x")
    await stage.run_jobs()
    assert [one["amount"] for one in await stage.ledger("refund")] == [3000, 3000]
    assert await stage.rows("SELECT task_id FROM tasks WHERE done_at IS NULL") == []
    await stage.deliver()
    await stage.assert_all_laws_hold()


async def test_f45_paid_in_another_way_it_counts_as_given_back(office: Office) -> None:
    stage = office.stage
    placed, refund_id = await failing(stage)
    path = f"/api/admin/refunds/{refund_id}/paid-otherwise"
    for note in ("", " ", "x" * 201, "two\nlines"):
        empty = await office.http.post(path, json={"note": note}, headers=office.as_("admin"))
        assert empty.status_code == 422, note
    assert (
        await office.http.post(path, json={"note": "cash"}, headers=office.as_("other"))
    ).status_code == 404
    assert (
        await office.http.post(path, json={"note": "cash"}, headers=office.as_("door"))
    ).status_code == 403
    done = await office.http.post(path, json={"note": "bank transfer"}, headers=office.as_("admin"))
    assert (done.status_code, done.json()["status"], done.json()["reason"]) == (201, "succeeded", "otherwise")
    twice = await office.http.post(path, json={"note": "bank transfer"}, headers=office.as_("admin"))
    assert twice.status_code == 409
    above = await asked(office, placed, {"amount": placed.amount})
    assert above.json()["left"] == placed.amount - 3000
    again = await office.http.post(f"/api/admin/refunds/{refund_id}/again", headers=office.as_("admin"))
    assert again.status_code == 409
    await stage.run_jobs()
    assert len(await stage.ledger("refund")) == 1
    await stage.assert_all_laws_hold()


async def test_staff_see_what_failed_and_choose(office: Office) -> None:
    _, refund_id = await failing(office.stage)
    await office.sign_in()
    tasks = await office.http.get("/staff/tasks")
    assert f"/staff/refunds/{refund_id}" in tasks.text
    page = await office.http.get(f"/staff/refunds/{refund_id}")
    assert "The money is with you again" in page.text
    empty = await office.http.post(f"/staff/refunds/{refund_id}/paid-otherwise", data={"note": " "})
    assert empty.status_code == 422
    done = await office.http.post(f"/staff/refunds/{refund_id}/paid-otherwise", data={"note": "cash"})
    assert done.status_code == 303
    assert "Paid in another way" in (await office.http.get(done.headers["location"])).text
    late = await office.http.post(f"/staff/refunds/{refund_id}/again")
    assert late.status_code == 409
    assert "seen to" in late.text
    await office.sign_in("other")
    assert (await office.http.get(f"/staff/refunds/{refund_id}")).status_code == 404
    await office.stage.assert_all_laws_hold()


async def test_f45_f49_a_failed_refund_beside_a_dispute_waits_for_the_bank(stage: Stage) -> None:
    placed, refund_id = await failing(stage)
    await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.settle_down()
    for way in (
        failed.send_again(stage.system, stage.event.tenant_id, refund_id, "staff:hf_x"),
        failed.paid_otherwise(stage.system, stage.event.tenant_id, refund_id, "cash", "staff:hf_x"),
    ):
        with pytest.raises(Conflict, match="disputed"):
            await way
    assert "refund_failed" in [
        one["kind"] for one in await stage.rows("SELECT kind FROM tasks WHERE done_at IS NULL")
    ]
    await stage.assert_all_laws_hold()
