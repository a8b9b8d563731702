"""Opening hours, exceptions and single slots: what clocks leave out is refused, what is booked is named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.test_api import ALWAYS, provider, refused, service
from tests.support.api import Api
from tests.support.appointments import diary
from tests.support.office import Office
from tests.support.system import Stage


def hours(*spans: tuple[int, str, str]) -> dict[str, Any]:
    return {"hours": [{"weekday": day, "opens": opens, "closes": closes} for day, opens, closes in spans]}


async def test_hours_are_replaced_whole(api: Api) -> None:
    one = await provider(api)
    path = f"/api/providers/{one}/hours"
    await api.http.put(path, json=ALWAYS, headers=api.as_("admin"))
    wanted = hours((5, "20:00", "24:00"), (6, "00:00", "02:30"), (1, "09:00", "12:00"), (1, "12:00", "13:00"))
    answer = await api.http.put(path, json=wanted, headers=api.as_("admin"))
    assert [(h["weekday"], h["opens"], h["closes"]) for h in answer.json()["hours"]] == [
        (1, "09:00", "12:00"),
        (1, "12:00", "13:00"),
        (5, "20:00", "24:00"),
        (6, "00:00", "02:30"),
    ]
    closed = await api.http.put(path, json={"hours": []}, headers=api.as_("admin"))
    assert closed.json()["hours"] == []


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([(1, "12:00", "09:00")], "closes must be after opens"),
        ([(1, "12:00", "12:00")], "closes must be after opens"),
        ([(1, "22:00", "02:00")], "hours past midnight are two"),
        ([(1, "09:00", "12:00"), (1, "11:59", "13:00")], "overlap"),
        ([(1, "09:00", "12:00"), (1, "09:00", "12:00")], "overlap"),
        ([(0, "09:00", "12:00")], ""),
        ([(8, "09:00", "12:00")], ""),
        ([(1, "24:00", "24:00")], "closes must be after opens"),
        ([(1, "09:00", "24:01")], "no time of day"),
        ([(1, "9", "12:00")], "no time of day"),
        ([(1, "09:60", "12:00")], "no time of day"),
        ([(1, "morning", "noon")], ""),
    ],
)
async def test_hours_that_make_no_sense(api: Api, spans: list[tuple[int, str, str]], said: str) -> None:
    one = await provider(api)
    path = f"/api/providers/{one}/hours"
    await api.http.put(path, json=ALWAYS, headers=api.as_("admin"))
    answer = await api.http.put(path, json=hours(*spans), headers=api.as_("admin"))
    assert said in refused(answer, 422, "validation_failed")["detail"]
    kept = await api.http.get(path, headers=api.as_("admin"))
    assert len(kept.json()["hours"]) == 7, "nothing was changed"


async def test_an_exception_is_made_listed_and_taken_back(api: Api) -> None:
    one = await provider(api)
    path = f"/api/providers/{one}/exceptions"
    body = {
        "kind": "closed",
        "starts_at": "2099-07-01T00:00",
        "ends_at": "2099-07-15T00:00",
        "note": "Holiday",
    }
    made = await api.http.post(path, json=body, headers=api.as_("admin"))
    assert (made.status_code, made.json()["starts_at"], made.json()["bookings"]) == (
        201,
        "2099-06-30T23:00:00Z",
        [],
    )
    twice = await api.http.post(path, json=body, headers=api.as_("admin"))
    assert twice.json()["exception_id"] == made.json()["exception_id"], "the same again is the same"
    week = f"/api/providers/{one}/hours"
    [listed] = (await api.http.get(week, headers=api.as_("admin"))).json()["exceptions"]
    assert (listed["exception_id"], listed["note"]) == (made.json()["exception_id"], "Holiday")
    own = f"{path}/{listed['exception_id']}"
    other = await provider(api, name="Other (sample)")
    foreign = f"/api/providers/{other}/exceptions/{listed['exception_id']}"
    refused(await api.http.delete(foreign, headers=api.as_("admin")), 404, "not_found")
    assert (await api.http.delete(own, headers=api.as_("admin"))).status_code == 204
    refused(await api.http.delete(own, headers=api.as_("admin")), 404, "not_found")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ends_at": "2099-07-01T00:00"}, "after starts_at"),
        ({"ends_at": "2099-06-01T00:00Z"}, "after starts_at"),
        ({"ends_at": "2101-07-01T00:00Z"}, "400 days"),
        ({"starts_at": "2001-07-01T00:00Z", "ends_at": "2001-07-02T00:00Z"}, "over"),
        ({"starts_at": "tomorrow"}, ""),
        ({"starts_at": 4_000_000_000}, ""),
        ({"starts_at": "2099-07-01"}, ""),
        ({"kind": "half-open"}, ""),
        ({"fold": 2}, ""),
    ],
)
async def test_exceptions_that_make_no_sense(api: Api, change: dict[str, Any], said: str) -> None:
    one = await provider(api)
    body = {"kind": "closed", "starts_at": "2099-07-01T00:00", "ends_at": "2099-07-15T00:00", **change}
    answer = await api.http.post(f"/api/providers/{one}/exceptions", json=body, headers=api.as_("admin"))
    assert said in refused(answer, 422, "validation_failed")["detail"]


async def test_a_single_slot_at_a_time_that_clocks_leave_out_or_show_twice(api: Api) -> None:
    """New York: on 14 March 2027 02:30 is skipped, on 7 November 01:30 comes twice."""
    one = await provider(api, time_zone="America/New_York")
    half_hour = await service(api, one, lead_minutes=0, horizon_days=730)
    path = f"/api/providers/{one}/slots"

    async def add(starts_at: str, **more: Any) -> Any:
        body = {"starts_at": starts_at, "offering_id": half_hour, **more}
        return await api.http.post(path, json=body, headers=api.as_("admin"))

    missing = refused(await add("2027-03-14T02:30"), 422, "validation_failed")
    assert "no 02:30 on 14 March 2027 in America/New_York" in missing["detail"]
    assert missing["errors"][0]["field"] == "starts_at"
    twice = refused(await add("2027-11-07T01:30"), 422, "validation_failed")
    assert "comes twice" in twice["detail"]
    assert "2027-11-07T01:30-04:00" in twice["detail"]
    told = [
        (await add("2027-11-07T01:30", fold=0)).json()["starts_at"],
        (await add("2027-11-07T01:30", fold=1)).json()["starts_at"],
        (await add("2027-11-07T01:30-04:00")).json()["starts_at"],
        (await add("2027-03-14T03:00")).json()["starts_at"],
    ]
    assert told == [
        "2027-11-07T05:30:00Z",
        "2027-11-07T06:30:00Z",
        "2027-11-07T05:30:00Z",
        "2027-03-14T07:00:00Z",
    ]
    asked = {"from": "2027-11-07", "to": "2027-11-07"}
    slots = (await api.http.get(path, params=asked)).json()["slots"]
    assert [slot["starts_at"] for slot in slots] == ["2027-11-07T05:30:00Z", "2027-11-07T06:30:00Z"]


async def test_a_single_slot_has_a_length_and_a_service_with_slots(api: Api) -> None:
    one, other = await provider(api), await provider(api, name="Other (sample)")
    video, foreign = await service(api, one, timing="none"), await service(api, other)
    path, headers = f"/api/providers/{one}/slots", api.as_("admin")
    at = {"starts_at": "2099-05-04T10:00"}
    made = await api.http.post(path, json={**at, "duration_minutes": 45}, headers=headers)
    assert (made.json()["kind"], made.json()["ends_at"]) == ("open", "2099-05-04T09:45:00Z")
    for body, status, code in (
        (at, 422, "validation_failed"),
        ({**at, "duration_minutes": 45, "offering_id": video}, 422, "validation_failed"),
        ({**at, "offering_id": video}, 422, "validation_failed"),
        ({**at, "offering_id": foreign}, 404, "not_found"),
        ({**at, "offering_id": 35}, 404, "not_found"),
        ({"starts_at": "2001-05-04T10:00", "duration_minutes": 45}, 422, "validation_failed"),
    ):
        refused(await api.http.post(path, json=body, headers=headers), status, code)


async def test_closing_over_bookings_keeps_them_and_names_them(stage: Stage, office: Office) -> None:
    own = await diary(stage)
    half_hour = await own.service()
    placed = await own.requested(half_hour, own.at(hour=10))
    await own.requested(half_hour, own.at(hour=14), email="second@example.com")
    body = {
        "kind": "closed",
        "starts_at": own.at(hour=9).isoformat(),
        "ends_at": own.at(hour=12).isoformat(),
    }
    path = f"/api/providers/{own.provider_id}/exceptions"
    made = (await office.http.post(path, json=body, headers=office.as_("admin"))).json()
    [inside] = made["bookings"]
    assert (inside["booking_id"], inside["status"], inside["name"]) == (
        placed.booking_id,
        "requested",
        "Sample Fan",
    )
    assert await own.status(placed) == "requested"
    assert await own.slots_taken() == 2
    await stage.assert_all_laws_hold()


async def test_the_timing_of_what_is_booked_stays(stage: Stage, office: Office) -> None:
    own = await diary(stage)
    half_hour = await own.service()
    placed = await own.requested(half_hour, own.at(hour=10))
    path = f"/api/admin/providers/{own.provider_id}/services/{half_hour}"
    headers = office.as_("admin")
    refused(await office.http.patch(path, json={"timing": "none"}, headers=headers), 409, "conflict")
    assert (await office.http.patch(path, json={"price": 9900}, headers=headers)).status_code == 200
    assert (await own.order(placed))["amount"] == 5000, "what was agreed is what is paid"
    await stage.assert_all_laws_hold()
