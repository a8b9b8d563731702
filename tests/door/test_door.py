"""At the door: valid once, and clear words for everything else; a scan that is sent again changes nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from holdfast.bookings.cancelling import request_cancel
from holdfast.catalog.actions import load_catalog
from holdfast.clock import rfc3339
from tests.door.conftest import Entrance
from tests.support.api import show


async def test_valid_once(entrance: Entrance) -> None:
    stage = entrance.stage
    pie, _ = stage.event.item_ids
    placed = await stage.paid(seats=3, menu=[(pie, 2)])
    seen = await entrance.scan(entrance.link(placed))
    assert (seen["result"], seen["title"]) == ("valid", "Valid")
    assert (seen["booking"]["name"], seen["booking"]["guests"]) == ("Sample Guest", 3)
    assert seen["booking"]["tables"] == [{"label": "Table 1", "guests": 3}]
    assert seen["booking"]["lines"] == [{"name": "Sample pie", "category": "food", "quantity": 2}]
    await stage.advance(minutes=12)
    again = await entrance.scan(placed.reference.lower())
    assert (again["result"], again["arrived_at"]) == ("already_used", seen["arrived_at"])
    story = await stage.rows("SELECT actor, detail FROM timeline WHERE what = 'arrived'")
    assert len(story) == 1
    assert story[0]["actor"].startswith("staff:hf_")
    assert await stage.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_the_same_scan_sent_again_is_the_same(entrance: Entrance) -> None:
    """The answer was lost on the way: the device sends it again, and again."""
    placed = await entrance.stage.paid()
    at = rfc3339(entrance.stage.clock.now() - timedelta(minutes=7))
    first = await entrance.scan(placed.reference, scan_id="scan-1", scanned_at=at)
    again = await asyncio.gather(
        *(entrance.scan(placed.reference, scan_id="scan-1", scanned_at=at) for _ in range(4))
    )
    assert first["arrived_at"] == at
    assert all(one == first for one in again)
    assert (await entrance.scan(placed.reference, scan_id="scan-2"))["result"] == "already_used"
    await entrance.stage.assert_all_laws_hold()


async def test_two_doors_at_the_same_moment_let_in_once(entrance: Entrance) -> None:
    placed = await entrance.stage.paid()
    seen = await asyncio.gather(
        *(entrance.scan(placed.reference, scan_id=f"device-{number}") for number in range(6))
    )
    assert sorted(one["result"] for one in seen) == ["already_used"] * 5 + ["valid"]
    assert (await entrance.list())["arrived"] == 2


async def test_who_has_just_paid_is_let_in(entrance: Entrance) -> None:
    """No webhook, no worker: the door asks Stripe itself."""
    placed = await entrance.stage.book()
    assert (await entrance.scan(placed.reference))["result"] == "not_paid"
    assert await entrance.stage.pay(placed.checkout_session_id) == 303
    await entrance.stage.advance(seconds=5)
    assert (await entrance.scan(placed.reference))["result"] == "valid"
    await entrance.stage.assert_all_laws_hold()


async def test_not_knowing_is_not_not_paid(entrance: Entrance) -> None:
    placed = await entrance.stage.book()
    await entrance.stage.stripe_away()
    seen = await entrance.scan(placed.reference)
    assert seen["result"] == "not_paid"
    assert "Stripe does not answer" in seen["text"]


async def test_cancelled_lapsed_and_unknown(entrance: Entrance) -> None:
    placed = await entrance.stage.paid()
    await request_cancel(entrance.stage.system, placed.booking_id, "customer")
    seen = await entrance.scan(placed.reference)
    assert (seen["result"], seen["kind"], seen["arrived_at"]) == ("cancelled", "bad", None)
    unknown = await entrance.scan("HF-22222222")
    assert (unknown["result"], unknown["booking"]) == ("unknown", None)
    assert (await entrance.scan("anything else"))["result"] == "unknown"
    assert (await entrance.list())["expected"] == 0
    await entrance.stage.assert_all_laws_hold()


async def test_wrong_evening_says_which(entrance: Entrance) -> None:
    placed = await entrance.stage.paid()
    other = await entrance.stage.row(
        """INSERT INTO offerings (tenant_id, kind, title, starts_at, time_zone, currency, created_at)
           SELECT tenant_id, kind, 'Another evening', starts_at + interval '1 day', time_zone, currency, created_at
             FROM offerings WHERE offering_id = %s RETURNING offering_id""",
        entrance.event_id,
    )
    seen = await entrance.scan(placed.reference, event=other["offering_id"])
    assert seen["result"] == "wrong_evening"
    assert seen["booking"]["title"] == "Dinner and a show"
    assert "name" not in seen["booking"]
    assert (await entrance.list())["arrived"] == 0


async def test_taken_back_within_ten_minutes(entrance: Entrance) -> None:
    placed = await entrance.stage.paid()
    address = f"/api/door/{entrance.event_id}/arrivals/{placed.booking_id}/undo"
    await entrance.scan(placed.reference)
    for _ in range(2):  # twice is once
        assert (await entrance.http.post(address, headers=entrance.as_("door"))).status_code == 204
    assert (await entrance.list())["arrived"] == 0
    assert (await entrance.scan(placed.reference))["result"] == "valid"
    await entrance.stage.advance(minutes=11)
    late = await entrance.http.post(address, headers=entrance.as_("door"))
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    told = await entrance.stage.rows("SELECT what FROM timeline WHERE what LIKE 'arriv%%' ORDER BY entry_id")
    assert [one["what"] for one in told] == ["arrived", "arrival_undone", "arrived"]
    await entrance.stage.assert_all_laws_hold()


async def test_who_is_still_to_come(entrance: Entrance) -> None:
    first = await entrance.stage.paid(seats=2)
    await entrance.stage.paid(seats=3, table=1, email="other@example.com")
    await entrance.scan(first.reference)
    found = await entrance.list()
    assert (found["expected"], found["arrived"]) == (5, 2)
    assert [(one["guests"], one["tables"]) for one in found["waiting"]] == [(3, "Table 2")]
    assert [one["reference"] for one in found["inside"]] == [first.reference]


async def test_only_the_door_of_the_own_business(entrance: Entrance) -> None:
    async with entrance.stage.system.database.transaction() as conn:
        elsewhere = show(id=900)
        elsewhere["tenant"]["slug"] = "elsewhere"
        await load_catalog(conn, entrance.stage.clock.now(), elsewhere)
    for event, scope, status in ((900, "door", 404), (99, "door", 404), (entrance.event_id, "bookings", 403)):
        for answer in (
            await entrance.http.get(f"/api/door/{event}/arrivals", headers=entrance.as_(scope)),
            await entrance.http.post(
                f"/api/door/{event}/arrivals", json={"code": "HF-22222222"}, headers=entrance.as_(scope)
            ),
            await entrance.http.post(f"/api/door/{event}/arrivals/bkg_1/undo", headers=entrance.as_(scope)),
        ):
            assert answer.status_code == status
    assert (await entrance.http.get(f"/api/door/{entrance.event_id}/arrivals")).status_code == 401


async def test_bad_input_is_a_sentence(entrance: Entrance) -> None:
    for body in (
        {},
        {"code": ""},
        {"code": 7},
        {"code": "x" * 301},
        {"code": "a\x00"},
        {"code": "x", "scanned_at": "now"},
    ):
        answer = await entrance.http.post(
            f"/api/door/{entrance.event_id}/arrivals", json=body, headers=entrance.as_("door")
        )
        assert answer.status_code == 422, body
