"""The door's page without scripts, and the two ways to it."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from tests.door.conftest import Entrance

HTML = {"Accept": "text/html"}


async def test_staff_come_in_by_their_key(entrance: Entrance) -> None:
    address = f"/door/{entrance.event_id}"
    first = await entrance.http.get(address, headers=HTML)
    assert (first.status_code, first.headers["location"]) == (303, f"/staff/events/{entrance.event_id}/door")
    assert (
        "/staff?next="
        in (await entrance.http.get(first.headers["location"], headers=HTML)).headers["location"]
    )
    await entrance.sign_in("door")
    answer = await entrance.http.get(first.headers["location"])
    cookie = answer.headers["set-cookie"]
    assert f"Path={address};" in cookie
    assert "HttpOnly" in cookie
    page = await entrance.http.get(answer.headers["location"])
    assert page.status_code == 200
    assert "still to come" in page.text


async def test_without_cookies_there_is_no_endless_round(entrance: Entrance) -> None:
    page = await entrance.http.get(f"/door/{entrance.event_id}?begun=yes", headers=HTML)
    assert page.status_code == 401


async def test_a_link_opens_one_evening_and_nothing_else(entrance: Entrance) -> None:
    placed = await entrance.stage.paid()
    await entrance.sign_in("admin")
    made = await entrance.http.post(f"/staff/events/{entrance.event_id}/door-link")
    link = unquote(re.search(r'readonly value="([^"]+)"', made.text)[1])  # type: ignore[index]
    entrance.http.cookies.clear()
    path = link.removeprefix("http://shop.test")
    opened = await entrance.http.get(path)
    assert (opened.status_code, opened.headers["location"]) == (303, f"/door/{entrance.event_id}?begun=yes")
    assert (await entrance.http.get(f"/door/{entrance.event_id}")).status_code == 200
    seen = await entrance.http.post(f"/door/{entrance.event_id}", data={"code": placed.reference})
    assert "Sample Guest" in seen.text
    [told] = await entrance.stage.rows("SELECT actor FROM timeline WHERE what = 'arrived'")
    assert told["actor"].startswith("door:hf_")
    assert (await entrance.http.get("/staff/bookings", headers=HTML)).status_code == 303  # to the sign-in
    tampered = path.replace(f"/door/{entrance.event_id}", f"/door/{entrance.event_id + 1}")
    assert (await entrance.http.get(tampered)).status_code == 401

    await entrance.stage.advance(days=36)  # the morning after
    assert (await entrance.http.get(path)).status_code == 401


async def test_revoking_the_key_closes_its_doors(entrance: Entrance) -> None:
    await entrance.sign_in("door")
    await entrance.http.get(f"/staff/events/{entrance.event_id}/door")
    address = f"/door/{entrance.event_id}/list"
    assert (await entrance.http.get(address)).status_code == 200
    await entrance.stage.execute("UPDATE api_keys SET revoked_at = created_at")
    assert (await entrance.http.get(address)).status_code == 401


async def test_only_an_administrator_makes_links(entrance: Entrance) -> None:
    await entrance.sign_in("door")
    refused = await entrance.http.post(f"/staff/events/{entrance.event_id}/door-link")
    assert refused.status_code == 403


async def test_a_form_and_its_answer(entrance: Entrance) -> None:
    placed = await entrance.stage.paid()
    await entrance.sign_in("door")
    await entrance.http.get(f"/staff/events/{entrance.event_id}/door")
    address = f"/door/{entrance.event_id}"
    form = {"code": placed.reference, "scan": "scn_1"}
    for _ in range(2):  # a reload sends the form again
        page = await entrance.http.post(address, data=form)
        assert 'data-result="valid"' in page.text
    assert "Already used" in (await entrance.http.post(address, data={"code": placed.reference})).text
    assert "No code" in (await entrance.http.post(address, data={})).text
    back = await entrance.http.post(f"{address}/undo", data={"booking_id": placed.booking_id})
    assert "Taken back" in back.text
    part = await entrance.http.post(address, data={"code": placed.reference, "part": "yes", "at": "nonsense"})
    assert "<html" not in part.text
    assert 'data-result="valid"' in part.text
    foreign = await entrance.http.post(address, data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403


async def test_the_way_from_the_kitchen(entrance: Entrance) -> None:
    await entrance.sign_in("door")
    kitchen = await entrance.http.get(f"/staff/events/{entrance.event_id}/kitchen")
    assert f'href="/staff/events/{entrance.event_id}/door"' in kitchen.text
    assert "door-link" not in kitchen.text
    assert urlsplit(str(kitchen.url)).path.endswith("/kitchen")
