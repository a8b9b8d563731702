"""Providers of a catalogue: loaded once or twice it is the same, and what is wrong is said with its place."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import pytest
import yaml

from tests.support.api import Api

SERVICE = {"title": "Half an hour", "timing": "slot", "price": "35.00"}


def document(**changes: Any) -> dict[str, Any]:
    one = {
        "name": "Expert (sample)",
        "hours": [{"days": ["mon", "sun"], "opens": "09:00", "closes": 1020}],
        "exceptions": [
            {"kind": "closed", "in_days": 4},
            {"kind": "open", "date": "2099-05-04", "closes": "12:00"},
        ],
        "services": [SERVICE],
        **changes,
    }
    return {"tenant": {"slug": "default", "name": "The Sample Room"}, "providers": [one]}


async def load(api: Api, wanted: dict[str, Any]) -> Any:
    return await api.http.post("/api/admin/catalog", json=wanted, headers=api.as_("admin"))


async def test_loading_twice_is_loading_once(api: Api) -> None:
    first = (await load(api, document())).json()
    assert (first["providers_created"], first["providers_updated"]) == (2, 0), first
    [one] = first["providers"]
    again = (await load(api, document())).json()
    assert (again["providers"], again["providers_created"], again["providers_updated"]) == ([one], 0, 2)
    week = (await api.http.get(f"/api/providers/{one}/hours", headers=api.as_("admin"))).json()
    assert [(h["weekday"], h["opens"], h["closes"]) for h in week["hours"]] == [
        (1, "09:00", "17:00"),  # YAML's 17:00 is 1020
        (7, "09:00", "17:00"),
    ]
    assert len(week["exceptions"]) == 2, "in four days was counted once"
    changed = document(hours=None, services=[{**SERVICE, "price": "40.00", "buffer_after_minutes": 5}])
    del changed["providers"][0]["hours"]
    await load(api, changed)
    shown = (await api.http.get(f"/api/providers/{one}")).json()
    assert (len(shown["opening_hours"]), len(shown["services"])) == (2, 1), "what is not named stays"
    assert (shown["services"][0]["price"], shown["services"][0]["buffer_after_minutes"]) == (4000, 5)


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        (
            {"hours": [{"days": ["mon"], "opens": "12:00", "closes": "09:00"}]},
            "providers.0",
            "closes must be after",
        ),
        (
            {"hours": [{"days": ["mon", "tue"], "opens": "09:00", "closes": "12:00"}] * 2},
            "providers.0",
            "overlap",
        ),
        (
            {"hours": [{"days": ["monday"], "opens": "09:00", "closes": "12:00"}]},
            "providers.0.hours.0.days.0",
            "",
        ),
        ({"exceptions": [{"kind": "closed"}]}, "providers.0.exceptions.0", "either date or in_days"),
        ({"services": [SERVICE, SERVICE]}, "providers.0", "there twice"),
        ({"services": [{**SERVICE, "price": "35.001"}]}, "", "finer"),
        ({"services": [{**SERVICE, "timing": "never"}]}, "providers.0.services.0.timing", ""),
        ({"services": [{**SERVICE, "pirce": 1}]}, "providers.0.services.0.pirce", ""),
        ({"time_zone": "Here"}, "providers.0.time_zone", "no time zone"),
    ],
)
async def test_what_makes_no_sense_is_said_with_its_place(
    api: Api, changes: dict[str, Any], field: str, said: str
) -> None:
    answer = await load(api, document(**changes))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert said in answer.json()["detail"]
    assert (await api.http.get("/api/providers")).json()["providers"] == []


async def test_ids_of_others_are_out_of_reach(api: Api) -> None:
    await load(api, document(id=7, services=[{**SERVICE, "id": 70}]))
    stolen = await load(api, document(name="Other (sample)", id=8, services=[{**SERVICE, "id": 70}]))
    assert (stolen.status_code, stolen.json()["code"]) == (409, "conflict")
    event = await load(api, document(name="Other (sample)", id=8, services=[{**SERVICE, "id": 35}]))
    assert (event.status_code, event.json()["code"]) == (409, "conflict")
    foreign = {**document(id=7), "tenant": {"slug": "other", "name": "Other"}}
    await api.load({"tenant": foreign["tenant"]})
    key = {"X-API-Key": await api.make_key("other", "admin")}
    refused = await api.http.post("/api/admin/catalog", json=foreign, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    new = await api.http.post("/api/admin/providers", json={"name": "New"}, headers=api.as_("admin"))
    assert new.json()["provider_id"] > 7, "a chosen id is not given again"


async def test_the_demonstrations_providers_can_be_booked(api: Api) -> None:
    text = (resources.files("holdfast.catalog") / "demo.yaml").read_text(encoding="utf-8")
    catalogue = yaml.safe_load(text)
    await api.load(copy.deepcopy(catalogue))
    await api.load(catalogue)
    listed = (await api.http.get("/api/providers")).json()["providers"]
    assert all("(demo)" in provider["name"] for provider in listed)
    services = [service for provider in listed for service in provider["services"]]
    assert {service["timing"] for service in services} == {"slot", "proposed", "none"}
    assert {service["price"] == 0 for service in services} == {True, False}
    until = (datetime.now(UTC) + timedelta(days=20)).isoformat()
    for provider in listed:
        offered = [one["offering_id"] for one in provider["services"] if one["timing"] == "slot"]
        asked = {"to": until}
        slots = (await api.http.get(f"/api/providers/{provider['provider_id']}/slots", params=asked)).json()
        assert {slot["offering_id"] for slot in slots["slots"]} == set(offered)
