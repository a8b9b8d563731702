"""Choosing a provider, a service and a time: what is wrong is said beside it, nothing typed is lost, and the same form sent twice
is one request. F11, F37 at the door."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from holdfast.providers.rules import slot_id
from tests.requests.practice import FREE_CHAT, LESSON, MEETING, MESSAGE, Practice, open_practice
from tests.support.system import Stage

CONTACT = {"name": "Sample Fan", "email": "fan@example.com", "phone": "", "details": "Only a sample"}


@pytest.fixture
async def practice(stage: Stage) -> AsyncIterator[Practice]:
    async with open_practice(stage) as opened:
        yield opened


def address(practice: Practice, title: str = LESSON) -> str:
    return f"/p/{practice.provider_id}/{practice.services[title]}"


async def filled(practice: Practice, title: str = LESSON, **changes: str) -> dict[str, str]:
    """The form as the page gives it, filled in."""
    page = (await practice.http.get(address(practice, title))).text
    form = re.search(r'name="form" value="([^"]+)"', page)
    assert form
    typed = {**CONTACT, "form": form[1]}
    if title in {LESSON, FREE_CHAT}:
        typed["slot"] = slot_id(practice.services[title], practice.at())
    return {**typed, **changes}


async def bookings(practice: Practice) -> int:
    return int((await practice.stage.row("SELECT count(*) AS n FROM bookings"))["n"])


async def send(practice: Practice, typed: dict[str, str], title: str = LESSON) -> httpx.Response:
    return await practice.http.post(address(practice, title), data=typed)


async def test_the_same_form_sent_twice_is_one_request(practice: Practice) -> None:
    typed = await filled(practice)
    first, second = await send(practice, typed), await send(practice, typed)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"] == second.headers["location"]
    assert re.fullmatch(r"/b/[\w-]+/card", first.headers["location"])
    assert await bookings(practice) == 1
    await practice.stage.assert_all_laws_hold()


async def test_two_clicks_at_the_same_instant_are_one_request(practice: Practice) -> None:
    typed = await filled(practice)
    answers = await asyncio.gather(*(send(practice, typed) for _ in range(4)))
    assert {one.status_code for one in answers} == {303}, [one.text[:200] for one in answers]
    assert len({one.headers["location"] for one in answers}) == 1
    assert await bookings(practice) == 1
    await practice.stage.assert_all_laws_hold()


async def test_a_changed_form_sent_again_lets_its_own_time_go_first(practice: Practice) -> None:
    typed = await filled(practice)
    first = await send(practice, typed)
    second = await send(practice, {**typed, "email": "right@example.com"})
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"] != second.headers["location"]
    rows = await practice.stage.rows(
        "SELECT status, contact_email FROM bookings ORDER BY created_at, booking_id"
    )
    assert sorted((row["status"], row["contact_email"]) for row in rows) == [
        ("cancelled", "fan@example.com"),
        ("pending", "right@example.com"),
    ]
    page = (await practice.http.get(address(practice))).text
    assert "You have begun a request here" in page
    await practice.stage.assert_all_laws_hold()


async def test_a_taken_time_offers_the_nearest_and_keeps_what_was_typed(practice: Practice) -> None:
    typed = await filled(practice)
    await practice.ask()
    answer = await send(practice, typed)
    assert answer.status_code == 409
    assert "Somebody was quicker" in answer.text
    assert 'value="fan@example.com"' in answer.text
    assert "Only a sample" in answer.text
    near = re.findall(r'id="near-([0-9a-z-]+)"', answer.text)
    assert slot_id(practice.services[LESSON], practice.at() + timedelta(minutes=30)) in near
    assert slot_id(practice.services[LESSON], practice.at()) not in near
    again = await send(practice, {**typed, "slot": near[0]})
    assert again.status_code == 303
    await practice.stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("title", "changes", "sentence"),
    [
        (LESSON, {"slot": ""}, "Choose a time."),
        (LESSON, {"slot": "zz-!"}, "This time is not one of those below."),
        (LESSON, {"slot": "1-tkcsjk"}, "This time belongs to another service."),
        (LESSON, {"name": " "}, "Tell us your name."),
        (LESSON, {"name": "x" * 121}, "Please shorten the name"),
        (LESSON, {"email": ""}, "Tell us your e-mail address"),
        (LESSON, {"email": "nobody"}, "This is not an e-mail address"),
        (LESSON, {"phone": "12"}, "This is not a telephone number"),
        (LESSON, {"details": "x" * 2001}, "The details are too long"),
        (LESSON, {"email": "Expert@example.com"}, "cannot send a request to themselves"),
        (MEETING, {"date": "", "time": "10:00"}, "Choose a day."),
        (MEETING, {"date": "2031-02-30", "time": "10:00"}, "Choose a day, such as"),
        (MEETING, {"date": "2031-02-03", "time": "25:00"}, "Choose a time, such as"),
        (MEETING, {"date": "2020-02-03", "time": "10:00"}, "That time is past."),
        (MEETING, {"date": "2199-02-03", "time": "10:00"}, "too far ahead"),
        (
            MEETING,
            {"date": "9999-12-31", "time": "23:59", "zone": "America/Anchorage"},
            "Choose a day that a calendar has.",
        ),
        (MEETING, {"date": "2027-03-28", "time": "02:30", "zone": "Europe/Berlin"}, "02:30"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_lost(
    practice: Practice, title: str, changes: dict[str, str], sentence: str
) -> None:
    answer = await send(practice, await filled(practice, title, **changes), title)
    assert answer.status_code == 422
    said = unescape(answer.text)
    assert sentence in said, re.findall(r"field-error[^>]*>([^<]+)", said)
    for name in ("name", "email"):
        assert f'value="{changes.get(name, CONTACT[name])[:300]}"' in said
    assert await bookings(practice) == 0
    await practice.stage.assert_all_laws_hold()


async def test_a_time_that_is_not_offered(practice: Practice) -> None:
    """Before opening, past, and beside the steps: none of them is a server's fault or a taken slot."""
    offering = practice.services[LESSON]
    for at in (practice.at(hour=3), practice.at(days=-3), practice.at(minute=7)):
        answer = await send(practice, await filled(practice, slot=slot_id(offering, at)))
        assert answer.status_code == 422, at
        assert "This could not be asked for" in answer.text
    assert await bookings(practice) == 0


async def test_looking_at_another_day_keeps_what_was_typed(practice: Practice) -> None:
    day = practice.at(days=5).date()
    answer = await send(practice, {**await filled(practice), "show": day.isoformat(), "email": "half a"})
    assert answer.status_code == 200
    assert f'data-day="{day.isoformat()}"' in answer.text
    assert 'value="half a"' in answer.text
    assert await bookings(practice) == 0


@pytest.mark.parametrize(
    "query", ["day=tomorrow", "day=0001-01-01", "day=9999-12-31", "zone=Nowhere/At_all", "slot=%3Cb%3E"]
)
async def test_odd_addresses_open_the_calendar_all_the_same(practice: Practice, query: str) -> None:
    answer = await practice.http.get(f"{address(practice)}?{query}")
    assert answer.status_code == 200
    assert 'id="calendar"' in answer.text
    assert "<b>" not in answer.text


async def test_times_on_the_clock_that_was_chosen(practice: Practice) -> None:
    day = practice.at().date().isoformat()
    page = (await practice.http.get(f"{address(practice)}?zone=America/New_York&day={day}")).text
    assert "New York time" in page
    assert "Berlin time" in page
    practice.http.cookies.set("holdfast_zone", "Asia%2FTokyo", domain="shop.test")
    page = (await practice.http.get(f"{address(practice)}?day={day}")).text
    assert "Tokyo time" in page


async def test_an_address_with_a_slot_opens_its_day_and_has_it_chosen(practice: Practice) -> None:
    slot = slot_id(practice.services[LESSON], practice.at(days=20))
    page = (await practice.http.get(f"{address(practice)}?slot={slot}")).text
    assert f'data-day="{practice.at(days=20).date().isoformat()}"' in page
    assert re.search(rf'value="{slot}" checked', page)


@pytest.mark.parametrize(
    ("cookie", "shown"),
    [
        ("America%2FNew_York", "New York time"),
        ("Etc%2FGMT%2B5", "GMT+5 time"),
        ("..%2F..%2Fpasswd", "Berlin time"),
        ("x" * 300, "Berlin time"),
    ],
)
async def test_the_clock_that_the_browser_said(practice: Practice, cookie: str, shown: str) -> None:
    page = await practice.http.get(address(practice), headers={"Cookie": f"holdfast_zone={cookie}"})
    assert f"On the clock of {shown}" in page.text


async def test_what_is_not_there(practice: Practice) -> None:
    missing = [
        "/p/999",
        "/p/0",
        f"/p/{2**63}",
        f"/p/{practice.provider_id}/999",
        f"/p/{practice.provider_id + 1}/{practice.services[LESSON]}",
        f"/p/{practice.provider_id}/{practice.stage.event.offering_id}",
        f"/p/{practice.provider_id}/{2**63}",
    ]
    for path in missing:
        assert (await practice.http.get(path)).status_code == 404, path
    assert (await practice.http.get("/p/somebody")).status_code in {404, 422}


async def test_who_no_longer_offers_it(practice: Practice) -> None:
    typed = await filled(practice)
    await practice.stage.execute(
        "UPDATE offerings SET status = 'closed' WHERE offering_id = %s", practice.services[LESSON]
    )
    page = await practice.http.get(address(practice))
    assert "This is not on sale just now" in page.text
    assert "<form" not in page.text
    assert (await send(practice, typed)).status_code == 409
    await practice.stage.execute(
        "UPDATE providers SET active = false WHERE provider_id = %s", practice.provider_id
    )
    assert (
        "Nothing can be booked here just now" in (await practice.http.get(f"/p/{practice.provider_id}")).text
    )
    assert "Sample Expert" not in (await practice.http.get("/providers")).text
    assert await bookings(practice) == 0


async def test_lists_name_everybody_and_everything(practice: Practice) -> None:
    everybody = (await practice.http.get("/providers")).text
    assert "Sample Expert (demo)" in everybody
    services = (await practice.http.get(f"/p/{practice.provider_id}")).text
    for title in (LESSON, MEETING, MESSAGE, FREE_CHAT):
        assert title in services
    assert "Who can be booked" in (await practice.http.get("/")).text
    assert (await practice.http.get("/providers?tenant=nobody-at-all")).status_code == 200


async def test_a_form_from_elsewhere_is_refused(practice: Practice) -> None:
    """CSRF."""
    answer = await practice.http.post(
        address(practice), data=await filled(practice), headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert await bookings(practice) == 0


async def test_without_stripe_the_request_is_kept(practice: Practice) -> None:
    """F10: the intent could not be made; the card page says so, and works once Stripe is back."""
    await practice.stage.stripe_away()
    answer = await send(practice, await filled(practice))
    assert answer.status_code == 303
    away = await practice.http.get(answer.headers["location"])
    assert (away.status_code, "cannot be reached just now" in away.text) == (503, True)
    await practice.stage.stripe_back()
    await practice.stage.advance(minutes=1)
    back = await practice.http.get(answer.headers["location"])
    assert back.status_code == 200
    await practice.stage.assert_all_laws_hold()


async def test_ask_again_fills_everything_in(practice: Practice) -> None:
    placed: Any = await practice.ask(details="Bring the <old> book")
    page = await practice.http.get(f"{address(practice)}?from={placed.token}")
    assert 'value="fan@example.com"' in page.text
    assert "Bring the &lt;old&gt; book" in page.text
    assert "noindex" in page.headers["x-robots-tag"]
    assert "fan@example.com" not in (await practice.http.get(f"{address(practice)}?from=nothing")).text
    assert (
        "fan@example.com"
        not in (await practice.http.get(f"{address(practice, MEETING)}?from={placed.token}")).text
    )
