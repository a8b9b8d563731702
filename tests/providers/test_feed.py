"""The calendar feed: stable entries that follow what happens to a booking, behind an address that nobody guesses."""

from __future__ import annotations

from typing import Any

from icalendar import Calendar

from holdfast.requests.answers import accept, decline
from holdfast.requests.moving import reschedule
from tests.providers.test_api import refused
from tests.support.appointments import Diary, diary
from tests.support.office import Office
from tests.support.system import Stage


async def address(office: Office, own: Diary, *, rotate: bool = False) -> str:
    path = f"/api/providers/{own.provider_id}/calendar-link"
    made = await office.http.post(path, json={"rotate": rotate}, headers=office.as_("admin"))
    assert made.status_code == 201, made.text
    return str(made.json()["url"])


async def entries(office: Office, url: str) -> dict[str, Any]:
    """By UID."""
    answer = await office.http.get(url)
    assert answer.status_code == 200, answer.text
    return {str(e["uid"]): e for e in Calendar.from_ical(answer.content).walk("VEVENT")}


async def test_an_entry_follows_its_booking(stage: Stage, office: Office) -> None:
    own = await diary(stage, time_zone="Europe/Berlin")
    half_hour = await own.service()
    url = await address(office, own)
    held = await own.ask(half_hour, own.at(hour=9))
    assert await entries(office, url) == {}, "not authorised, and perhaps never will be"
    placed = await own.requested(
        half_hour, own.at(hour=10), email="second@example.com", details="Secret words"
    )
    uid = f"{placed.booking_id}@holdfast"

    entry = (await entries(office, url))[uid]
    assert (entry["status"], entry["sequence"], entry["dtstart"].dt) == ("TENTATIVE", 0, own.at(hour=10))
    assert str(entry["summary"]) == "Sample Fan: Half an hour (sample)"
    text = entry.to_ical().decode()
    for private in ("second@example.com", "Secret words", placed.token, held.token):
        assert private not in text, "a feed is read by programs of others"

    await accept(stage.system, placed.booking_id, f"provider:{own.provider_id}")
    await stage.run_jobs()
    await stage.deliver()
    await stage.run_jobs()
    confirmed = (await entries(office, url))[uid]
    assert (confirmed["status"], confirmed["sequence"]) == ("CONFIRMED", 1)

    await stage.advance(minutes=1)
    await reschedule(stage.system, placed.booking_id, own.at(days=4, hour=11), "customer")
    moved = (await entries(office, url))[uid]
    assert moved["dtstart"].dt == own.at(days=4, hour=11)
    assert moved["sequence"] > confirmed["sequence"]
    assert moved["last-modified"].dt > confirmed["last-modified"].dt
    await stage.assert_all_laws_hold()


async def test_what_does_not_take_place_is_taken_out_of_calendars(stage: Stage, office: Office) -> None:
    own = await diary(stage)
    placed = await own.requested(await own.service(), own.at())
    url = await address(office, own)
    [before] = (await entries(office, url)).values()
    await decline(stage.system, placed.booking_id, f"provider:{own.provider_id}", "Away")
    [after] = (await entries(office, url)).values()
    assert (after["status"], after["transp"], after["uid"]) == ("CANCELLED", "TRANSPARENT", before["uid"])
    assert after["sequence"] > before["sequence"]
    await stage.assert_all_laws_hold()


async def test_nobody_guesses_the_address_and_an_old_one_is_dead(stage: Stage, office: Office) -> None:
    own, other = await diary(stage), await diary(stage, name="Other (sample)")
    url = await address(office, own)
    assert await address(office, own) == url, "asking again changes nothing"
    plain = f"/api/providers/{own.provider_id}/calendar.ics"
    token = url.partition("token=")[2]
    for wrong in (
        plain,
        f"{plain}?token=",
        f"{plain}?token={token[:-1]}",
        f"{plain}?token={token}x",
        f"{plain}?token=%C3%A4",
        f"/api/providers/{other.provider_id}/calendar.ics?token={token}",
        f"/api/providers/999999/calendar.ics?token={token}",
    ):
        refused(await office.http.get(wrong), 404, "not_found")
    new = await address(office, own, rotate=True)
    assert new != url
    refused(await office.http.get(url), 404, "not_found")
    assert (await office.http.get(new)).status_code == 200
    await stage.assert_all_laws_hold()


async def test_what_has_not_changed_is_not_sent_again(stage: Stage, office: Office) -> None:
    own = await diary(stage)
    half_hour = await own.service()
    url = await address(office, own)
    first = await office.http.get(url)
    assert first.headers["content-type"].startswith("text/calendar")
    assert first.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": first.headers["etag"]}
    await stage.advance(minutes=30)
    same = await office.http.get(url, headers=known)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    await own.requested(half_hour, own.at())
    changed = await office.http.get(url, headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    await stage.assert_all_laws_hold()
