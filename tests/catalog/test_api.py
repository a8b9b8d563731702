"""Catalogues: put in whole, twice, changed, and refused in sentences."""

from __future__ import annotations

import copy
from importlib import resources
from typing import Any

import pytest
import yaml

from tests.support.api import Api, show

EVENT = {
    "title": "New",
    "starts_at": "2099-05-01T18:30:00+01:00",
    "units": [
        {"label": "Table 1", "capacity": 4, "price": 8500, "plan": {"x": 10, "y": 20, "shape": "round"}}
    ],
    "menu": [{"name": "Pie", "price": 1850}],
}


async def test_an_event_is_put_on_sale_changed_and_closed(api: Api) -> None:
    made = await api.http.post("/api/admin/events", json=EVENT, headers=api.as_("admin"))
    assert made.status_code == 201, made.text
    event = made.json()
    assert (event["starts_at"], event["currency"], event["version"]) == ("2099-05-01T17:30:00Z", "GBP", 1)
    path = f"/api/admin/events/{event['event_id']}"
    shown = (await api.http.get(f"/api/events/{event['event_id']}")).json()
    assert (shown["units"][0]["price"], shown["units"][0]["plan"]) == (
        8500,
        {"x": 10, "y": 20, "shape": "round"},
    )

    patch = {"venue": "Elsewhere", "units": [{"label": "Table 2", "capacity": 2, "price": 9000}]}
    changed = (await api.http.patch(path, json=patch, headers=api.as_("admin"))).json()
    assert (changed["version"], [unit["label"] for unit in changed["units"]]) == (2, ["Table 1", "Table 2"])
    assert changed["title"] == "New"
    renamed = (await api.http.patch(path, json={"title": "Newer"}, headers=api.as_("admin"))).json()
    assert (renamed["title"], renamed["version"]) == ("Newer", 2), "only time and place make a new version"
    closed = (await api.http.patch(path, json={"status": "closed"}, headers=api.as_("admin"))).json()
    assert closed["status"] == "closed"


async def test_creating_twice_with_one_key_is_creating_once(api: Api) -> None:
    headers = {**api.as_("admin"), "Idempotency-Key": "new event"}
    first = await api.http.post("/api/admin/events", json=EVENT, headers=headers)
    second = await api.http.post("/api/admin/events", json=EVENT, headers=headers)
    assert first.json() == second.json()
    other = await api.http.post("/api/admin/events", json={**EVENT, "title": "Other"}, headers=headers)
    assert other.status_code == 409
    listed = (await api.http.get("/api/admin/events", headers=api.as_("admin"))).json()["events"]
    assert [event["title"] for event in listed].count("New") == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"starts_at": "2099-05-01T18:30:00"}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
        ({"ends_at": "2099-05-01T10:00:00Z"}, ""),
        ({"currency": "EUROS"}, "currency"),
        ({"units": []}, "units"),
        ({"units": [{"label": "T", "capacity": 0, "price": 1}]}, "units.0.capacity"),
        ({"units": [{"label": "T", "capacity": 4, "price": 85.5}]}, "units.0.price"),
        ({"units": [{"label": "T", "capacity": 4, "price": "8500"}]}, "units.0.price"),
        ({"units": [{"label": "T", "capacity": 4, "price": -1}]}, "units.0.price"),
        ({"units": [{"label": "T", "capacity": 4, "price": 1}] * 2}, ""),
        (
            {"units": [{"label": "T", "capacity": 4, "price": 1, "plan": {"x": float("1e400")}}]},
            "units.0.plan.x",
        ),
        ({"refund_tiers": [{"notice_hours": 1, "percent": 101}]}, "refund_tiers.0.percent"),
        ({"tittle": "misspelt"}, "tittle"),
    ],
)
async def test_events_that_make_no_sense(api: Api, change: dict[str, Any], field: str) -> None:
    import json

    body = json.dumps({**EVENT, **change})
    headers = {**api.as_("admin"), "Content-Type": "application/json"}
    answer = await api.http.post("/api/admin/events", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text
    assert answer.json()["errors"][0]["field"] == field


async def test_a_capacity_never_falls_below_what_is_taken(api: Api) -> None:
    units = (await api.http.get("/api/events/35")).json()["units"]
    body = {
        "units": [{"unit_id": units[0]["unit_id"], "seats": 3}],
        "customer": {"name": "Ada", "email": "ada@example.com"},
        "checkout": False,
    }
    assert (await api.http.post("/api/events/35/bookings", json=body)).status_code == 201
    smaller = {"units": [{"label": "Table 1", "capacity": 2, "price": 8500}]}
    refused = await api.http.patch("/api/admin/events/35", json=smaller, headers=api.as_("admin"))
    assert (refused.status_code, refused.json()["code"], refused.json()["taken"]) == (409, "conflict", 3)
    exact = {"units": [{"label": "Table 1", "capacity": 3, "price": 8500}]}
    assert (
        await api.http.patch("/api/admin/events/35", json=exact, headers=api.as_("admin"))
    ).status_code == 200


async def test_loading_twice_is_loading_once(api: Api) -> None:
    first = await api.http.post("/api/admin/catalog", json=show(), headers=api.as_("admin"))
    assert first.json() == {
        "tenant": "default",
        "events": [35],
        "created": 0,
        "updated": 1,
        "providers": [],
        "providers_created": 0,
        "providers_updated": 0,
    }
    before = (await api.http.get("/api/admin/events/35", headers=api.as_("admin"))).json()
    assert before["version"] == 1, "a relative date was counted once"
    unnamed = show(id=None, starts_in_days=None, starts_at="2099-01-01T19:00:00", title="By its title")
    created = (await api.http.post("/api/admin/catalog", json=unnamed, headers=api.as_("admin"))).json()
    again = (await api.http.post("/api/admin/catalog", json=unnamed, headers=api.as_("admin"))).json()
    assert (created["created"], again["created"], created["events"]) == (1, 0, again["events"])
    shown = (await api.http.get(f"/api/events/{created['events'][0]}")).json()
    assert shown["starts_at"] == "2099-01-01T19:00:00Z", "read on the clocks of the place"


async def test_a_catalogue_is_loaded_whole_or_not_at_all(api: Api) -> None:
    document = show()
    document["events"].append({**copy.deepcopy(document["events"][0]), "id": 36, "title": "Second"})
    document["events"][1]["units"][0]["price"] = "12.345"
    answer = await api.http.post("/api/admin/catalog", json=document, headers=api.as_("admin"))
    assert answer.status_code == 422
    assert "finer" in answer.json()["detail"]
    assert (await api.http.get("/api/events/36")).status_code == 404


async def test_a_chosen_id_is_not_given_to_another_event(api: Api) -> None:
    await api.load(show(id=36, title="Chosen"))
    made = (await api.http.post("/api/admin/events", json=EVENT, headers=api.as_("admin"))).json()
    assert made["event_id"] > 36


async def test_another_tenants_events_and_ids_are_out_of_reach(api: Api) -> None:
    foreign = {**show(id=50), "tenant": {"slug": "other", "name": "Other"}}
    await api.load(foreign)
    other = {"X-API-Key": await api.make_key("other", "admin")}
    assert (
        await api.http.patch("/api/admin/events/35", json={"title": "Mine"}, headers=other)
    ).status_code == 404
    assert (await api.http.post("/api/admin/catalog", json=show(), headers=other)).status_code == 403
    stolen = {**show(id=35), "tenant": {"slug": "other", "name": "Other"}}
    refused = await api.http.post("/api/admin/catalog", json=stolen, headers=other)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (await api.http.get("/api/events/35")).json()["title"] == "A show"


async def test_a_currency_stays_once_there_are_orders(api: Api) -> None:
    units = (await api.http.get("/api/events/35")).json()["units"]
    body = {
        "units": [{"unit_id": units[0]["unit_id"], "seats": 1}],
        "customer": {"name": "Ada", "email": "ada@example.com"},
        "checkout": False,
    }
    assert (await api.http.post("/api/events/35/bookings", json=body)).status_code == 201
    refused = await api.http.post("/api/admin/catalog", json=show(currency="EUR"), headers=api.as_("admin"))
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


async def test_the_public_list_has_what_is_to_come(api: Api) -> None:
    await api.load(show(id=34, title="Over", starts_in_days=-3))
    await api.load(show(id=33, title="Draft", status="draft"))
    await api.load(show(id=36, title="Sooner", starts_in_days=3))
    events = (await api.http.get("/api/events")).json()["events"]
    assert [
        (event["event_id"], event["tenant"], event["available"], event["price_from"]) for event in events
    ] == [
        (36, "default", 12, 8500),
        (35, "default", 12, 8500),
    ]
    assert (await api.http.get("/api/events", params={"tenant": "nobody"})).json()["events"] == []
    assert (await api.http.get("/api/events", params={"limit": 0})).status_code == 422


async def test_items_that_are_off_are_not_shown(api: Api) -> None:
    assert [item["name"] for item in (await api.http.get("/api/events/35")).json()["menu"]] == ["Pie", "Red"]


async def test_the_demonstrations_catalogue_loads_twice(api: Api) -> None:
    text = (resources.files("holdfast.catalog") / "demo.yaml").read_text(encoding="utf-8")
    assert sorted(await api.load(yaml.safe_load(text))) == [34, 35, 36, 37, 38, 39]
    await api.load(yaml.safe_load(text))
    prices = {}
    for event_id in (37, 38, 39):
        event = (await api.http.get(f"/api/events/{event_id}")).json()
        prices[event["currency"], event_id] = event["units"][0]["price"]
    assert prices == {("GBP", 37): 0, ("JPY", 38): 12000, ("KWD", 39): 18500}
