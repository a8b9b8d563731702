"""A yes is to the time that was read: not to one that the customer moved the request to meanwhile."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from holdfast.requests.moving import reschedule
from tests.requests.practice import LESSON, MEETING, MESSAGE, Practice, open_practice
from tests.support.system import Stage


@pytest.fixture
async def practice(stage: Stage) -> AsyncIterator[Practice]:
    async with open_practice(stage) as opened:
        yield opened


def hidden(page: str) -> dict[str, str]:
    """What the form sends besides its button."""
    return dict(re.findall(r'name="(seen)" value="([^"]+)"', page))


@pytest.mark.parametrize("title", [LESSON, MEETING])
async def test_moved_after_the_link_was_opened(practice: Practice, title: str) -> None:
    stage = practice.stage
    placed = await practice.requested(title)
    address = f"/answer/{await practice.answer_token(placed)}/accept"
    read = hidden((await practice.http.get(address)).text)
    assert read
    await reschedule(stage.system, placed.booking_id, practice.at(days=9, hour=16), "customer")
    answer = await practice.http.post(address, data=read)
    assert answer.status_code == 409
    assert "another time" in answer.text
    assert await practice.status(placed) == "requested"
    assert await stage.rows("SELECT 1 FROM captures") == []
    again = await practice.http.post(address, data=hidden(answer.text))  # the page shows the new time by now
    assert again.status_code == 200
    assert await practice.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_moved_while_the_list_is_open(practice: Practice) -> None:
    stage = practice.stage
    placed = await practice.requested()
    await practice.sign_in()
    read = hidden((await practice.http.get("/provider/requests")).text)
    await reschedule(stage.system, placed.booking_id, practice.at(days=9), "customer")
    address = f"/provider/requests/{placed.booking_id}/accept"
    assert (await practice.http.post(address, data=read)).status_code == 409
    assert await practice.status(placed) == "requested"
    assert (await practice.http.post(address, data={"seen": "yesterday"})).status_code == 303  # names no time
    assert await practice.status(placed) == "confirmed"
    await stage.assert_all_laws_hold()


async def test_over_http(practice: Practice) -> None:
    stage = practice.stage
    placed = await practice.requested()
    address = f"/api/booking-requests/{placed.booking_id}/accept"
    key = {"Authorization": f"Bearer {practice.keys['provider']}"}
    await reschedule(stage.system, placed.booking_id, practice.at(days=9), "customer")
    old = await practice.http.post(address, headers=key, json={"starts_at": practice.at().isoformat()})
    assert (old.status_code, old.json()["code"]) == (409, "conflict")
    assert (await practice.http.post(address, headers=key, json={"starts_at": "soon"})).status_code == 422
    done = await practice.http.post(address, headers=key, json={"starts_at": practice.at(days=9).isoformat()})
    assert (done.status_code, done.json()["status"]) == (200, "confirmed")
    await stage.assert_all_laws_hold()


async def test_what_has_no_time(practice: Practice) -> None:
    placed = await practice.requested(MESSAGE)
    address = f"/answer/{await practice.answer_token(placed)}/accept"
    assert hidden((await practice.http.get(address)).text) == {}
    assert (await practice.http.post(address)).status_code == 200
    assert await practice.status(placed) == "confirmed"
    await practice.stage.assert_all_laws_hold()
