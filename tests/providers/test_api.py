"""Providers over HTTP: put in, changed, read by anybody, kept from everybody else, and refused in sentences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from holdfast.providers.rules import slot_id
from tests.support.api import Api

SERVICE = {"title": "Half an hour", "timing": "slot", "price": 3500, "duration_minutes": 30}
ALWAYS = {"hours": [{"weekday": day, "opens": "00:00", "closes": "24:00"} for day in range(1, 8)]}


async def provider(api: Api, **fields: Any) -> int:
    body = {"name": "Expert (sample)", "email": "Expert@Example.com", "phone": "07700 900123", **fields}
    made = await api.http.post("/api/admin/providers", json=body, headers=api.as_("admin"))
    assert made.status_code == 201, made.text
    return int(made.json()["provider_id"])


async def service(api: Api, provider_id: int, **fields: Any) -> int:
    path = f"/api/admin/providers/{provider_id}/services"
    made = await api.http.post(path, json={**SERVICE, **fields}, headers=api.as_("admin"))
    assert made.status_code == 201, made.text
    return int(made.json()["offering_id"])


async def key_of(api: Api, provider_id: int | None) -> dict[str, str]:
    body = {"name": "of a test", "scopes": ["provider"], "provider_id": provider_id}
    made = await api.http.post("/api/admin/keys", json=body, headers=api.as_("admin"))
    assert made.status_code == 201, made.text
    return {"X-API-Key": made.json()["key"]}


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return dict(answer.json())


async def test_a_provider_is_put_in_opened_and_found(api: Api) -> None:
    one = await provider(api, time_zone="Asia/Tokyo", about="Knows a lot")
    half_hour = await service(api, one, lead_minutes=0, horizon_days=30)
    video = await service(api, one, title="A greeting", timing="none", price=0)
    week = await api.http.put(f"/api/providers/{one}/hours", json=ALWAYS, headers=api.as_("admin"))
    assert (week.json()["hours"][6], week.json()["time_zone"]) == (
        {"weekday": 7, "opens": "00:00", "closes": "24:00"},
        "Asia/Tokyo",
    )
    shown = (await api.http.get(f"/api/providers/{one}")).json()
    assert (shown["name"], shown["time_zone"], len(shown["opening_hours"])) == (
        "Expert (sample)",
        "Asia/Tokyo",
        7,
    )
    assert {"email", "phone"}.isdisjoint(shown), "how to reach a provider is not for everybody"
    assert [s["offering_id"] for s in shown["services"]] == [half_hour, video]
    assert (shown["services"][0]["step_minutes"], shown["services"][0]["hold_minutes"]) == (30, 30)
    own = (await api.http.get(f"/api/admin/providers/{one}", headers=api.as_("admin"))).json()
    assert (own["email"], own["phone"]) == ("expert@example.com", "+447700900123")

    listed = (await api.http.get("/api/providers")).json()["providers"]
    assert [p["provider_id"] for p in listed] == [one]
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    asked = {"from": tomorrow, "to": tomorrow}
    slots = (await api.http.get(f"/api/providers/{one}/slots", params=asked)).json()
    assert (len(slots["slots"]), slots["time_zone"]) == (48, "Asia/Tokyo")
    first_one = slots["slots"][0]
    starts = datetime.fromisoformat(first_one["starts_at"])
    assert first_one["starts_at"].endswith("T15:00:00Z"), "midnight in Tokyo"
    assert first_one["slot_id"] == slot_id(half_hour, starts)
    of_one: dict[str, Any] = {**asked, "offering_id": half_hour}
    assert (await api.http.get(f"/api/providers/{one}/slots", params=of_one)).json() == slots
    [found] = (await api.http.get("/api/slots", params={"from": tomorrow, "each": 2})).json()["services"]
    assert (found["offering_id"], found["price"], len(found["slots"])) == (half_hour, 3500, 2)
    assert (await api.http.get("/api/slots", params={"tenant": "nobody"})).json() == {"services": []}


async def test_slots_are_asked_for_in_sentences(api: Api) -> None:
    one, other = await provider(api), await provider(api, name="Other (sample)")
    half_hour, video = await service(api, one), await service(api, one, title="Video", timing="none")
    named = await service(api, one, title="On your stage", timing="proposed")
    foreign = await service(api, other)
    slots = f"/api/providers/{one}/slots"

    async def ask(**params: Any) -> httpx.Response:
        return await api.http.get(slots, params=params)

    assert (await ask()).json()["slots"] == [], "no hours, no slots"
    for wrong in (
        "yesterday",
        "2027-13-01",
        "2027-01-01T10:00:00",
        "0001-01-01",
        "9999-12-31",
        "1",
        "2027-03-01X",
    ):
        assert "from is no time" in refused(await ask(**{"from": wrong}), 422, "validation_failed")["detail"]
    now = datetime.now(UTC)
    day = timedelta(days=1)
    backwards = {"from": (now + 2 * day).isoformat(), "to": (now + day).isoformat()}
    assert "after from" in refused(await ask(**backwards), 422, "validation_failed")["detail"]
    over = {"from": (now - 3 * day).isoformat(), "to": (now - day).isoformat()}
    assert "over" in refused(await ask(**over), 422, "validation_failed")["detail"]
    long = {"from": now.isoformat(), "to": (now + 93 * day).isoformat()}
    assert "92 days" in refused(await ask(**long), 422, "validation_failed")["detail"]
    assert (await ask(to=(now + 91 * day).isoformat())).status_code == 200
    plus = f"{slots}?from={(now + day).isoformat(timespec='seconds')}"  # the + of +00:00 is not escaped
    assert (await api.http.get(plus)).status_code == 200

    assert (await ask(offering_id=half_hour)).status_code == 200
    assert "no time" in refused(await ask(offering_id=video), 422, "validation_failed")["detail"]
    assert "propose" in refused(await ask(offering_id=named), 422, "validation_failed")["detail"]
    refused(await ask(offering_id=foreign), 404, "not_found")
    refused(await ask(offering_id=35), 404, "not_found")  # an event
    refused(await ask(offering_id=10**12), 404, "not_found")
    refused(await ask(offering_id="x"), 422, "validation_failed")
    for nobody in ("999", "0", "x", "1.5", str(2**63)):
        refused(await api.http.get(f"/api/providers/{nobody}/slots"), 404, "not_found")
        refused(await api.http.get(f"/api/providers/{nobody}"), 404, "not_found")
    for many in (0, 21, "x"):
        refused(await api.http.get("/api/slots", params={"each": many}), 422, "validation_failed")


async def test_who_is_not_active_is_not_there(api: Api) -> None:
    one = await provider(api)
    await service(api, one)
    path = f"/api/admin/providers/{one}"
    changed = await api.http.patch(path, json={"active": False}, headers=api.as_("admin"))
    assert changed.json()["active"] is False
    assert (await api.http.get("/api/providers")).json()["providers"] == []
    for hidden in (f"/api/providers/{one}", f"/api/providers/{one}/slots"):
        refused(await api.http.get(hidden), 404, "not_found")
    assert (await api.http.get(path, headers=api.as_("admin"))).status_code == 200


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"email": "nobody"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"acitve": True}, "acitve"),
    ],
)
async def test_providers_that_make_no_sense(api: Api, fields: dict[str, Any], field: str) -> None:
    answer = await api.http.post(
        "/api/admin/providers", json={"name": "X", **fields}, headers=api.as_("admin")
    )
    assert refused(answer, 422, "validation_failed")["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"price": -1}, "price"),
        ({"price": "35.00"}, "price"),
        ({"timing": "whenever"}, "timing"),
        ({"duration_minutes": 4}, "duration_minutes"),
        ({"duration_minutes": 1441}, "duration_minutes"),
        ({"step_minutes": 0}, "step_minutes"),
        ({"buffer_after_minutes": 481}, "buffer_after_minutes"),
        ({"respond_minutes": 14}, "respond_minutes"),
        ({"respond_minutes": 8641}, "respond_minutes"),
        ({"horizon_days": 0}, "horizon_days"),
        ({"status": "cancelled"}, "status"),
        ({"refund_tiers": [{"notice_hours": 24, "percent": 101}]}, "refund_tiers.0.percent"),
        ({"currency": "EUROS"}, "currency"),
    ],
)
async def test_services_that_make_no_sense(api: Api, fields: dict[str, Any], field: str) -> None:
    one = await provider(api)
    path = f"/api/admin/providers/{one}/services"
    answer = await api.http.post(path, json={**SERVICE, **fields}, headers=api.as_("admin"))
    assert refused(answer, 422, "validation_failed")["errors"][0]["field"] == field
    assert (await api.http.get(f"/api/providers/{one}")).json()["services"] == []


async def test_a_service_is_changed_and_another_providers_is_not_there(api: Api) -> None:
    one, other = await provider(api), await provider(api, name="Other (sample)")
    mine = await service(api, one)
    path = f"/api/admin/providers/{one}/services/{mine}"
    tiers = [{"notice_hours": 3, "percent": 15}, {"notice_hours": 77, "percent": 85}]
    change = {"price": 4000, "refund_tiers": tiers, "buffer_after_minutes": 15}
    changed = (await api.http.patch(path, json=change, headers=api.as_("admin"))).json()
    assert (changed["price"], changed["title"], changed["buffer_after_minutes"]) == (4000, "Half an hour", 15)
    assert changed["refund_tiers"] == tiers[::-1], "the longest notice first"
    sale = {"on_sale_from": "2027-02-01T00:00:00Z", "on_sale_until": "2027-01-01T00:00:00Z"}
    refused(await api.http.patch(path, json=sale, headers=api.as_("admin")), 422, "validation_failed")
    refused(
        await api.http.patch(path, json={"price": None}, headers=api.as_("admin")), 422, "validation_failed"
    )
    for wrong in (f"/api/admin/providers/{other}/services/{mine}", f"/api/admin/providers/{one}/services/35"):
        refused(await api.http.patch(wrong, json={"price": 1}, headers=api.as_("admin")), 404, "not_found")
    draft = await api.http.patch(path, json={"status": "draft"}, headers=api.as_("admin"))
    assert draft.json()["status"] == "draft"
    assert (await api.http.get(f"/api/providers/{one}")).json()["services"] == []
    asked = {"offering_id": mine}
    refused(await api.http.get(f"/api/providers/{one}/slots", params=asked), 404, "not_found")


async def test_a_providers_key_opens_its_own_diary_and_no_other(api: Api) -> None:
    one, other = await provider(api), await provider(api, name="Other (sample)")
    mine, unbound = await key_of(api, one), await key_of(api, None)
    foreign = {
        "tenant": {"slug": "foreign", "name": "Foreign"},
        "providers": [{"name": "Foreign (sample)"}],
    }
    await api.load(foreign)
    [stranger] = await api.system.database.read(
        lambda conn: _ids(conn, "SELECT provider_id FROM providers WHERE name = 'Foreign (sample)'")
    )

    async def answers(provider_id: int, headers: dict[str, str]) -> set[int]:
        base, admin = f"/api/providers/{provider_id}", f"/api/admin/providers/{provider_id}"
        soon = {"starts_at": "2099-05-04T10:00:00Z", "ends_at": "2099-05-04T11:00:00Z"}
        return {
            answer.status_code
            for answer in (
                await api.http.get(admin, headers=headers),
                await api.http.patch(admin, json={"about": "Changed"}, headers=headers),
                await api.http.post(f"{admin}/services", json=SERVICE, headers=headers),
                await api.http.get(f"{base}/hours", headers=headers),
                await api.http.put(f"{base}/hours", json=ALWAYS, headers=headers),
                await api.http.post(f"{base}/exceptions", json={"kind": "closed", **soon}, headers=headers),
                await api.http.post(f"{base}/calendar-link", json={}, headers=headers),
            )
        }

    assert await answers(one, mine) == {200, 201}
    assert await answers(one, api.as_("admin")) == {200, 201}
    for provider_id, headers in (
        (other, mine),
        (one, unbound),
        (stranger, mine),
        (stranger, api.as_("admin")),
    ):
        assert await answers(provider_id, headers) == {404}
    assert await answers(one, api.as_("bookings")) == {403}
    assert await answers(one, {}) == {401}
    new = {"name": "Mine"}
    refused(await api.http.post("/api/admin/providers", json=new, headers=mine), 403, "forbidden")
    refused(await api.http.get("/api/admin/providers", headers=mine), 403, "forbidden")


async def _ids(conn: Any, query: str) -> list[int]:
    return [row["provider_id"] for row in await (await conn.execute(query)).fetchall()]


async def test_creating_twice_with_one_key_is_creating_once(api: Api) -> None:
    headers = {**api.as_("admin"), "Idempotency-Key": "once"}
    body = {"name": "Expert (sample)"}
    first = await api.http.post("/api/admin/providers", json=body, headers=headers)
    again = await api.http.post("/api/admin/providers", json=body, headers=headers)
    assert first.json() == again.json()
    one = first.json()["provider_id"]
    link = f"/api/providers/{one}/calendar-link"
    shown = await api.http.post(link, json={"rotate": True}, headers=headers)
    assert shown.json()["url"]
    repeated = await api.http.post(link, json={"rotate": True}, headers=headers)
    assert repeated.json() == {"url": None}, "a secret is not kept; and it was not rotated again"
    now = await api.http.post(link, json={}, headers=api.as_("admin"))
    assert now.json() == shown.json()
