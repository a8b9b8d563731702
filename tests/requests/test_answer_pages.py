"""The links in a provider's message: opening one changes nothing, its button answers once, and whoever comes too late reads what
became of the request. Failure modes: F16, F30."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.requests.practice import FREE_CHAT, MEETING, Practice, open_practice
from tests.support.system import Stage


@pytest.fixture
async def practice(stage: Stage) -> AsyncIterator[Practice]:
    async with open_practice(stage) as opened:
        yield opened


async def test_looking_changes_nothing_and_the_button_accepts(practice: Practice) -> None:
    placed = await practice.requested(details="A song <b>please</b>")
    address = f"/answer/{await practice.answer_token(placed)}/accept"
    before = await practice.stage.story(placed)  # type: ignore[arg-type]
    pages = [await practice.http.get(address) for _ in range(3)]  # link previews, then the person
    assert {one.status_code for one in pages} == {200}
    page = pages[-1]
    assert "Accept this request?" in page.text
    assert "£45.00" in page.text
    assert "A song &lt;b&gt;please&lt;/b&gt;" in page.text
    assert page.headers["referrer-policy"] == "same-origin"
    assert "noindex" in page.headers["x-robots-tag"]
    assert await practice.stage.story(placed) == before  # type: ignore[arg-type]

    done = await practice.http.post(address)
    assert done.status_code == 200
    assert "Accepted" in done.text
    assert await practice.status(placed) == "confirmed"
    again = await practice.http.post(address)
    assert (again.status_code, "You have accepted this already" in again.text) == (409, True)
    other = await practice.http.get(address.replace("/accept", "/decline"))
    assert "You have accepted this already" in other.text
    assert "Yes, decline" not in other.text
    await practice.stage.assert_all_laws_hold()


async def test_declining_with_a_reason(practice: Practice) -> None:
    placed = await practice.requested()
    address = f"/answer/{await practice.answer_token(placed)}/decline"
    assert "Yes, decline" in (await practice.http.get(address)).text
    too_long = await practice.http.post(address, data={"reason": "x" * 501})
    assert (too_long.status_code, "Please shorten the reason" in too_long.text) == (422, True)
    assert "x" * 501 in too_long.text  # nothing typed is lost
    assert await practice.status(placed) == "requested"
    done = await practice.http.post(address, data={"reason": "On holiday then"})
    assert (done.status_code, "was not charged" in done.text) == (200, True)
    assert await practice.status(placed) == "declined"
    late = await practice.http.post(address.replace("/decline", "/accept"))
    assert late.status_code == 409
    assert "You have declined this already" in late.text
    assert "The customer was told: On holiday then" in late.text
    await practice.stage.assert_all_laws_hold()


async def test_forged_cut_off_and_other_links(practice: Practice) -> None:
    placed = await practice.requested()
    token = await practice.answer_token(placed)
    for wrong in (token[:-1], token + "x", "lnk_nothing", "x" * 500, "%E2%98%83", token.replace(".", "")):
        for method in ("GET", "POST"):
            page = await practice.http.request(method, f"/answer/{wrong}/accept")
            assert page.status_code == 404
            assert "This link opens nothing" in page.text
            assert "Traceback" not in page.text
    assert (await practice.http.get(f"/answer/{token}/perhaps")).status_code == 404
    assert await practice.status(placed) == "requested"
    await practice.stage.assert_all_laws_hold()


async def test_another_site_cannot_press_the_button(practice: Practice) -> None:
    placed = await practice.requested()
    address = f"/answer/{await practice.answer_token(placed)}/accept"
    refused = await practice.http.post(address, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403
    assert await practice.status(placed) == "requested"
    await practice.stage.assert_all_laws_hold()


async def test_too_late(practice: Practice) -> None:
    placed = await practice.requested()
    address = f"/answer/{await practice.answer_token(placed)}/accept"
    await practice.stage.advance(hours=49)
    shown = await practice.http.get(address)
    assert "The time to answer is over" in shown.text
    assert "Yes, accept" not in shown.text
    pressed = await practice.http.post(address)
    assert pressed.status_code == 409
    assert "The time to answer is over" in pressed.text
    assert await practice.status(placed) != "confirmed"
    await practice.stage.assert_all_laws_hold()


async def test_answered_elsewhere_meanwhile(practice: Practice) -> None:
    """On the page of requests, while the link lay in the mailbox."""
    placed = await practice.requested()
    await practice.sign_in()
    await practice.http.post(f"/provider/requests/{placed.booking_id}/decline", data={"reason": "No"})
    shown = await practice.http.post(f"/answer/{await practice.answer_token(placed)}/accept")
    assert shown.status_code == 409
    assert "This request needs no answer any more" in shown.text
    assert await practice.status(placed) == "declined"
    await practice.stage.assert_all_laws_hold()


async def test_a_time_that_is_taken_meanwhile(practice: Practice) -> None:
    """Two people propose overlapping times; the second yes is refused, and its link is still good."""
    first = await practice.requested(MEETING, at=practice.at(hour=11))
    second = await practice.requested(MEETING, at=practice.at(hour=11, minute=30), name="Second Fan")
    await practice.http.post(f"/answer/{await practice.answer_token(first)}/accept")
    token = await practice.answer_token(second)
    refused = await practice.http.post(f"/answer/{token}/accept")
    assert refused.status_code == 409
    assert "You have something else at that time" in refused.text
    assert "Yes, accept" in refused.text
    declined = await practice.http.post(f"/answer/{token}/decline", data={"reason": ""})
    assert declined.status_code == 200
    assert await practice.status(second) == "declined"
    await practice.stage.assert_all_laws_hold()


async def test_what_costs_nothing_is_confirmed_at_once(practice: Practice) -> None:
    placed = await practice.requested(FREE_CHAT)
    address = f"/answer/{await practice.answer_token(placed)}/accept"
    assert "It costs nothing" in (await practice.http.get(address)).text
    assert "It is confirmed" in (await practice.http.post(address)).text
    assert await practice.status(placed) == "confirmed"
    await practice.stage.assert_all_laws_hold()
