"""A provider's list of requests, answers given there, the diary and the staff's way in. Failure modes: F01, F25, F30."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from holdfast.providers import actions
from holdfast.providers.schemas import ProviderIn
from holdfast.tenants.actions import create_key
from tests.requests.practice import FREE_CHAT, LESSON, MEETING, MESSAGE, Practice, open_practice
from tests.support.system import Stage


@pytest.fixture
async def practice(stage: Stage) -> AsyncIterator[Practice]:
    async with open_practice(stage) as opened:
        yield opened


async def test_nobody_sees_requests_without_signing_in(practice: Practice) -> None:
    for path in ("requests", "calendar", "hours", "live"):
        answer = await practice.http.get(f"/provider/{path}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/provider?next=/provider/{path}")
    posted = await practice.http.post("/provider/requests/bkg_x/accept")
    assert (posted.status_code, posted.headers["location"]) == (303, "/provider")
    assert (await practice.http.get("/providers")).status_code != 303  # public, and no part of this


async def test_a_request_from_new_to_past(practice: Practice) -> None:
    placed = await practice.requested(details="Bring <pens>")
    await practice.sign_in()
    page = await practice.http.get("/provider/requests")
    for words in (
        "Sample Fan",
        LESSON,
        "£45.00",
        "Bring &lt;pens&gt;",
        "10:00",
        "Central European",
        ">2 days<",
    ):
        assert words in page.text, words
    assert "fan@example.com" not in page.text  # not before it is agreed
    done = await practice.http.post(f"/provider/requests/{placed.booking_id}/accept")
    assert done.headers["location"] == "/provider/requests?list=new&said=confirmed"
    assert await practice.status(placed) == "confirmed"
    upcoming = await practice.http.get("/provider/requests?list=upcoming")
    assert "fan@example.com" in upcoming.text
    assert "It took place" not in upcoming.text

    early = await mark(practice, placed.booking_id, "completed")
    assert early == (409, "Its time has not come yet.")
    await practice.stage.advance(days=4)
    assert (await practice.http.get("/provider/requests")).status_code == 303  # a session lasts half a day
    await practice.sign_in()
    past = await practice.http.get("/provider/requests?list=past")
    assert "It took place" in past.text
    assert await mark(practice, placed.booking_id, "perhaps") == (422, "Say whether it took place")
    marked = await practice.http.post(
        f"/provider/requests/{placed.booking_id}/attendance", data={"outcome": "no_show", "list": "past"}
    )
    assert marked.headers["location"] == "/provider/requests?list=past&said=no_show"
    assert await practice.status(placed) == "no_show"
    assert await mark(practice, placed.booking_id, "completed") == (
        409,
        "It was marked before: it was a no-show.",
    )
    told = await practice.stage.rows(
        "SELECT actor, what FROM timeline WHERE what IN ('accepted', 'no_show') ORDER BY 2"
    )
    assert [(one["actor"], one["what"]) for one in told] == [
        (f"provider:{practice.provider_id}", "accepted"),
        (f"provider:{practice.provider_id}", "no_show"),
    ]
    await practice.stage.assert_all_laws_hold()


async def mark(practice: Practice, booking_id: str, outcome: str) -> tuple[int, str]:
    """The status, and the sentence above the list."""
    form = {"outcome": outcome, "list": "past"}
    answer = await practice.http.post(f"/provider/requests/{booking_id}/attendance", data=form)
    found = re.search(r"This could not be done</p>\s*<p>([^<]+)", answer.text)
    assert found, answer.text
    said = found[1]
    return answer.status_code, said if outcome != "perhaps" else said[:25]


async def test_answering_twice_and_the_other_way(practice: Practice) -> None:
    yes, no = await practice.requested(), await practice.requested(at=practice.at(hour=12))
    await practice.sign_in()
    for _ in range(2):  # accepted twice is accepted once
        done = await practice.http.post(f"/provider/requests/{yes.booking_id}/accept")
        assert done.status_code == 303
    refused = await practice.http.post(f"/provider/requests/{yes.booking_id}/decline", data={"reason": "Oh"})
    assert refused.status_code == 409
    assert "This request was accepted; cancel the booking instead." in refused.text

    long = await practice.http.post(f"/provider/requests/{no.booking_id}/decline", data={"reason": "y" * 501})
    assert (long.status_code, "it has 501" in long.text, "y" * 501 in long.text) == (422, True, True)
    odd = await practice.http.post(f"/provider/requests/{no.booking_id}/decline", data={"reason": "\x07"})
    assert (odd.status_code, "cannot be shown" in odd.text) == (422, True)
    assert await practice.status(no) == "requested"
    for _ in range(2):
        done = await practice.http.post(
            f"/provider/requests/{no.booking_id}/decline", data={"reason": "Away"}
        )
        assert done.headers["location"] == "/provider/requests?list=new&said=declined"
    late = await practice.http.post(f"/provider/requests/{no.booking_id}/accept")
    assert (late.status_code, "This request was declined already." in late.text) == (409, True)
    declined = await practice.http.get("/provider/requests?list=declined")
    assert "The customer was told: Away" in declined.text
    await practice.stage.assert_all_laws_hold()


async def test_another_providers_booking_does_not_exist(practice: Practice) -> None:
    placed = await practice.requested()
    stage = practice.stage
    async with stage.system.database.transaction() as conn:
        now = stage.clock.now()
        wanted = ProviderIn(name="Another Expert (demo)", email="another@example.com")
        other = await actions.create_provider(conn, now, practice.tenant_id, wanted)
        practice.keys["other"], _ = await create_key(
            conn, stage.system.ids, now, practice.tenant_id, "other", ("provider",), other
        )
    await practice.sign_in("other")
    assert "Sample Fan" not in (await practice.http.get("/provider/requests")).text
    for what in ("accept", "decline", "attendance"):
        data = {"outcome": "completed"} if what == "attendance" else {}
        answer = await practice.http.post(f"/provider/requests/{placed.booking_id}/{what}", data=data)
        assert answer.status_code == 404
    gone = await practice.http.post("/provider/requests/bkg_nothing/accept")
    assert gone.status_code == 404
    assert await practice.status(placed) == "requested"
    await stage.assert_all_laws_hold()


async def test_forms_of_other_sites_are_refused(practice: Practice) -> None:
    placed = await practice.requested()
    await practice.sign_in()
    for path in (f"requests/{placed.booking_id}/accept", "hours/week", "hours/calendar-link", "sign-out"):
        refused = await practice.http.post(f"/provider/{path}", headers={"Sec-Fetch-Site": "cross-site"})
        assert refused.status_code == 403
    assert await practice.status(placed) == "requested"
    await practice.stage.assert_all_laws_hold()


async def test_reading_the_list_mends_an_order_that_lost_its_booking(practice: Practice) -> None:
    """Put there by an old version or a foreign hand: the trigger that refuses it did not exist then."""
    placed = await practice.requested()
    stage = practice.stage
    async with stage.system.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        for table in ("messages", "claims", "bookings"):
            await conn.execute(f"DELETE FROM {table} WHERE booking_id = %s", (placed.booking_id,))
        await conn.execute("UPDATE units SET taken = 0 WHERE kind = 'slot'")
    await practice.sign_in()
    pages = [await practice.http.get("/provider/requests") for _ in range(2)]
    assert all(page.text.count("Waiting for you") == 1 for page in pages)
    healed = await stage.rows("SELECT what FROM timeline WHERE what = 'booking_made_again'")
    assert len(healed) == 1
    await stage.assert_all_laws_hold()


async def test_a_booking_without_a_time_is_done_when_the_provider_says_so(practice: Practice) -> None:
    placed = await practice.requested(MESSAGE)
    await practice.sign_in()
    await practice.http.post(f"/provider/requests/{placed.booking_id}/accept")
    upcoming = await practice.http.get("/provider/requests?list=upcoming")
    assert "No fixed time" in upcoming.text
    assert "It is done" in upcoming.text
    assert "Nobody came" not in upcoming.text
    assert (await mark(practice, placed.booking_id, "no_show"))[0] == 409
    form = {"outcome": "completed", "list": "upcoming"}
    await practice.http.post(f"/provider/requests/{placed.booking_id}/attendance", data=form)
    assert await practice.status(placed) == "completed"
    await practice.stage.assert_all_laws_hold()


async def test_what_only_the_provider_may_mark(practice: Practice) -> None:
    """A request that is not confirmed, or was declined, cannot have taken place."""
    placed = await practice.requested()
    await practice.sign_in()
    status, said = await mark(practice, placed.booking_id, "completed")
    assert (status, "this one is requested" in said) == (409, True)
    await practice.stage.assert_all_laws_hold()


async def test_the_diary(practice: Practice) -> None:
    placed = await practice.requested(at=practice.at(hour=10))
    proposed = await practice.requested(MEETING, at=practice.at(hour=14))
    await practice.ask(FREE_CHAT, at=practice.at(hour=16))
    held = await practice.ask(LESSON, at=practice.at(hour=15))
    await practice.sign_in()
    day = practice.at().date().isoformat()
    week = await practice.http.get(f"/provider/calendar?day={day}")
    [section] = re.findall(
        rf'<section class="diary-day" aria-labelledby="day-{day}">.*?</section>', week.text, re.DOTALL
    )
    assert "10:00–10:30" in section
    assert "14:00–15:00" in section
    assert "Held while the customer pays" in section
    assert f"#{placed.booking_id}" in section
    assert f"#{proposed.booking_id}" in section
    assert held.reference not in section
    assert re.search(rf"\d+ free: {re.escape(LESSON)}", section)
    assert "10:00</li>" not in section  # taken, so it is not free
    month = await practice.http.get(f"/provider/calendar?view=month&day={day}")
    assert f'id="day-{day}"' in month.text
    assert "Nothing booked, nothing free." not in month.text  # days without anything are left out
    for odd in ("9999-12-31", "0001-01-01", "yesterday", "2026-02-30"):
        assert (await practice.http.get(f"/provider/calendar?view=odd&day={odd}")).status_code == 200
    await practice.stage.assert_all_laws_hold()


async def test_staff_open_a_providers_pages(practice: Practice) -> None:
    placed = await practice.requested()
    answer = await practice.http.post("/staff/sign-in", data={"key": practice.keys["admin"]})
    assert answer.status_code == 303
    listed = await practice.http.get("/staff/providers")
    assert "Sample Expert (demo)" in listed.text
    opened = await practice.http.get(f"/staff/providers/{practice.provider_id}")
    assert opened.headers["location"] == "/provider/requests"
    assert "Path=/provider;" in opened.headers["set-cookie"]
    page = await practice.http.get("/provider/requests")
    assert "Sample Fan" in page.text
    assert "with the staff" in page.text
    await practice.http.post(f"/provider/requests/{placed.booking_id}/accept")
    [told] = await practice.stage.rows("SELECT actor FROM timeline WHERE what = 'accepted'")
    assert told["actor"].startswith("staff:hf_")
    for unknown in (practice.provider_id + 100, 0, 2**70):
        assert (await practice.http.get(f"/staff/providers/{unknown}")).status_code in {404, 422}
    await practice.stage.assert_all_laws_hold()


async def test_a_yes_while_stripe_is_away_is_kept(practice: Practice) -> None:
    """The provider need not come back: the capture follows by itself (F30)."""
    placed = await practice.requested()
    await practice.sign_in()
    await practice.stage.stripe_away()
    done = await practice.http.post(f"/provider/requests/{placed.booking_id}/accept")
    assert done.headers["location"] == "/provider/requests?list=new&said=accepted"
    page = await practice.http.get("/provider/requests?list=new")
    assert "The card is being charged" in page.text
    assert "Yes, accept" not in page.text
    refused = await practice.http.post(f"/provider/requests/{placed.booking_id}/decline")
    assert refused.status_code == 409
    await practice.stage.stripe_back()
    await practice.stage.advance(minutes=10)
    await practice.stage.run_jobs()
    assert await practice.status(placed) == "confirmed"
    assert "Sample Fan" in (await practice.http.get("/provider/requests?list=upcoming")).text
    await practice.stage.assert_all_laws_hold()
