"""A provider's own hours: saved whole, mistakes beside their field, exceptions, single slots, clock changes, the calendar."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from holdfast.providers import own_forms
from holdfast.providers.own_forms import Typed
from tests.requests.practice import FREE_CHAT, LESSON, MEETING, Practice, open_practice
from tests.support.system import Stage

BERLIN = "Europe/Berlin"


@pytest.fixture
async def practice(stage: Stage) -> AsyncIterator[Practice]:
    async with open_practice(stage) as opened:
        await opened.sign_in()
        yield opened


async def test_the_week_is_saved_whole(practice: Practice) -> None:
    page = await practice.http.get("/provider/hours")
    assert page.text.count('value="09:00"') == 7
    form = {"opens-1-0": "08:30", "closes-1-0": "12:00", "opens-1-1": "13:00", "closes-1-1": "24:00"}
    saved = await practice.http.post("/provider/hours/week", data=form)
    assert saved.headers["location"] == "/provider/hours?said=hours"
    rows = await practice.stage.rows(
        "SELECT weekday, opens::text, closes::text FROM opening_hours ORDER BY opens"
    )
    assert [tuple(row.values()) for row in rows] == [(1, "08:30:00", "12:00:00"), (1, "13:00:00", "24:00:00")]
    shown = await practice.http.get("/provider/hours")
    assert 'name="opens-1-2"' in shown.text  # room for a third
    assert 'name="opens-2-2"' not in shown.text
    await practice.stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("form", "field", "said"),
    [
        ({"opens-2-0": "9", "closes-2-0": "17:00"}, "opens-2-0", "9 is no time of day"),
        ({"opens-2-0": "09:00", "closes-2-0": "25:00"}, "closes-2-0", "25:00 is no time of day"),
        ({"opens-2-0": "09:00"}, "closes-2-0", "Tuesday: say when these hours end."),
        ({"opens-3-0": "17:00", "closes-3-0": "09:00"}, "opens-3-0", "closes must be after opens"),
        (
            {"opens-4-0": "09:00", "closes-4-0": "12:00", "opens-4-1": "11:00", "closes-4-1": "13:00"},
            "opens-4-0",
            "overlap",
        ),
    ],
)
async def test_hours_that_cannot_be(practice: Practice, form: dict[str, str], field: str, said: str) -> None:
    before = await practice.stage.rows("SELECT * FROM opening_hours ORDER BY weekday")
    page = await practice.http.post("/provider/hours/week", data=form)
    assert page.status_code == 422
    assert said in page.text
    assert f'aria-describedby="error-{field}"' in page.text
    assert f'href="#field-{field}"' in page.text
    assert all(f'value="{value}"' in page.text for value in form.values())  # nothing typed is lost
    assert await practice.stage.rows("SELECT * FROM opening_hours ORDER BY weekday") == before
    await practice.stage.assert_all_laws_hold()


async def test_closing_over_a_booking_says_so(practice: Practice) -> None:
    placed = await practice.requested(LESSON, at=practice.at(hour=10))
    day = practice.at().date().isoformat()
    form = {"kind": "closed", "from-day": day, "note": "Holiday <3"}
    saved = await practice.http.post("/provider/hours/exceptions", data=form)
    assert saved.status_code == 303
    page = await practice.http.get(saved.headers["location"])
    assert "Bookings in the time that you have closed" in page.text
    assert placed.reference in page.text
    assert "Holiday &lt;3" in page.text
    [made] = await practice.stage.rows(
        "SELECT exception_id, upper(during) - lower(during) AS long FROM opening_exceptions"
    )
    assert made["long"].total_seconds() >= 23 * 3600  # the whole day
    gone = await practice.http.post(f"/provider/hours/exceptions/{made['exception_id']}/remove")
    assert gone.status_code == 303
    assert (
        await practice.http.post(f"/provider/hours/exceptions/{made['exception_id']}/remove")
    ).status_code == 404
    assert (await practice.http.post(f"/provider/hours/exceptions/{2**70}/remove")).status_code == 404
    assert await practice.status(placed) == "requested"
    await practice.stage.assert_all_laws_hold()


async def test_a_single_slot_is_offered(practice: Practice) -> None:
    offering, day = practice.services[LESSON], practice.at().date().isoformat()
    form = {"offering": str(offering), "day": day, "time": "19:15"}
    saved = await practice.http.post("/provider/hours/slots", data=form)
    assert saved.headers["location"].startswith("/provider/hours?said=slot")
    free = await practice.http.get(f"/provider/calendar?day={day}")
    assert "<li>19:15</li>" in free.text
    for wrong, field in (
        ({**form, "offering": str(practice.services[MEETING])}, "offering"),
        ({**form, "offering": "x"}, "offering"),
        ({**form, "time": ""}, "time"),
        ({**form, "time": "7pm"}, "time"),
        ({**form, "day": "someday"}, "day"),
        ({**form, "day": "2020-01-01"}, "time"),
    ):
        page = await practice.http.post("/provider/hours/slots", data=wrong)
        assert (page.status_code, f'id="error-{field}"' in page.text) == (422, True), wrong
    await practice.stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"kind": "maybe", "from-day": "2030-01-01"}, "kind"),
        ({"kind": "closed", "from-day": ""}, "from-day"),
        ({"kind": "closed", "from-day": "2030-01-02", "until-day": "2030-01-01"}, "until-day"),
        (
            {"kind": "closed", "from-day": "2030-01-02", "from-time": "12:00", "until-time": "11:00"},
            "until-time",
        ),
        ({"kind": "open", "from-day": "2030-01-02", "from-time": "noon"}, "from-time"),
        ({"kind": "closed", "from-day": "2020-01-02"}, "until-day"),
        ({"kind": "closed", "from-day": "2030-01-02", "until-day": "2032-01-02"}, "until-day"),
        ({"kind": "closed", "from-day": "9999-12-31"}, "from-day"),
        ({"kind": "closed", "from-day": "2030-01-02", "note": "\x07"}, "note"),
    ],
)
async def test_exceptions_that_cannot_be(practice: Practice, form: dict[str, str], field: str) -> None:
    page = await practice.http.post("/provider/hours/exceptions", data=form)
    assert page.status_code == 422
    assert f'id="error-{field}"' in page.text
    assert await practice.stage.rows("SELECT FROM opening_exceptions") == []
    await practice.stage.assert_all_laws_hold()


async def test_the_calendars_link_is_shown_and_made_anew(practice: Practice) -> None:
    def link(text: str) -> str:
        found = re.search(r'readonly value="([^"]+)"', text)
        assert found
        return found[1]

    await practice.requested()
    old = link((await practice.http.get("/provider/hours")).text)
    feed = await practice.http.get(old)
    assert (feed.status_code, "BEGIN:VEVENT" in feed.text) == (200, True)
    await practice.http.post("/provider/hours/calendar-link")
    new = link((await practice.http.get("/provider/hours")).text)
    assert new != old
    assert (await practice.http.get(old)).status_code in {401, 403, 404}
    assert (await practice.http.get(new)).status_code == 200
    await practice.stage.assert_all_laws_hold()


async def test_what_is_free_next(practice: Practice) -> None:
    page = await practice.http.get("/provider/hours")
    for title in (LESSON, FREE_CHAT):
        assert f"<h3>{title}</h3>" in page.text
    assert f"<h3>{MEETING}</h3>" not in page.text
    assert page.text.count('<ul class="free-times">') == 2
    await practice.stage.assert_all_laws_hold()


def test_a_time_that_clocks_leave_out() -> None:
    services = [{"offering_id": 7}]
    typed = Typed({"offering": "7", "day": "2027-03-28", "time": "02:30"})
    assert own_forms.single_slot(typed, services, BERLIN) is None
    assert "clocks go forward" in typed.errors["time"]
    assert not own_forms.comes_twice(typed, BERLIN)


def test_a_time_that_comes_twice_has_to_say_which() -> None:
    services = [{"offering_id": 7}]
    form = {"offering": "7", "day": "2027-10-31", "time": "02:30"}
    typed = Typed(form)
    assert own_forms.single_slot(typed, services, BERLIN) is None
    assert "comes twice" in typed.errors["time"]
    assert own_forms.comes_twice(typed, BERLIN)
    moments = [
        own_forms.single_slot(Typed({**form, "fold": which}), services, BERLIN) for which in ("0", "1")
    ]
    assert [one["starts_at"] for one in moments if one] == [
        datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
        datetime(2027, 10, 31, 1, 30, tzinfo=UTC),
    ]


def test_closed_on_the_night_of_the_clock_change_is_all_of_it() -> None:
    typed = Typed({"kind": "closed", "from-day": "2027-10-31", "from-time": "02:00", "until-time": "02:59"})
    found = own_forms.exception(typed, BERLIN)
    assert found
    assert (found["ends_at"] - found["starts_at"]).total_seconds() == (59 + 60) * 60
    whole = own_forms.exception(Typed({"kind": "closed", "from-day": "2027-10-31"}), BERLIN)
    assert whole
    assert (whole["ends_at"] - whole["starts_at"]).total_seconds() == 25 * 3600
