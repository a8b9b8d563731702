from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from pydantic import ValidationError

from holdfast.tenants import store
from holdfast.tenants.actions import find_key
from holdfast.tenants.schemas import TenantIn
from tests.support.api import Api


async def test_a_new_key_is_shown_once_and_stored_as_a_hash(api: Api) -> None:
    body, headers = (
        {"name": "Till", "scopes": ["bookings", "door", "door"]},
        {**api.as_("admin"), "Idempotency-Key": "till"},
    )
    made = (await api.http.post("/api/admin/keys", json=body, headers=headers)).json()
    assert made["key"].startswith("hf_")
    assert made["scopes"] == ["bookings", "door"]
    async with api.system.database.transaction() as conn:
        known = await find_key(conn, made["key"])
        dump = await (
            await conn.execute("SELECT api_keys::text AS row FROM api_keys WHERE name = 'Till'")
        ).fetchone()
    assert known is not None
    assert (known.key_id, known.scopes) == (made["key_id"], ("bookings", "door"))
    assert dump is not None
    assert made["key"] not in dump["row"]

    again = (await api.http.post("/api/admin/keys", json=body, headers=headers)).json()
    assert again == {**made, "key": None}, "the same key, and nothing that a thief of the database could use"
    listed = (await api.http.get("/api/admin/keys", headers=api.as_("admin"))).json()["keys"]
    assert [key["name"] for key in listed].count("Till") == 1
    assert made["key"] not in str(listed)


async def test_a_revoked_key_opens_nothing(api: Api) -> None:
    made = (
        await api.http.post(
            "/api/admin/keys", json={"name": "x", "scopes": ["admin"]}, headers=api.as_("admin")
        )
    ).json()
    own = {"X-API-Key": made["key"]}
    assert (await api.http.get("/api/admin/keys", headers=own)).status_code == 200
    path = f"/api/admin/keys/{made['key_id']}/revoke"
    assert (await api.http.post(path, headers=api.as_("admin"))).status_code == 204
    assert (await api.http.get("/api/admin/keys", headers=own)).status_code == 401
    assert (await api.http.post(path, headers=api.as_("admin"))).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"name": "", "scopes": ["door"]},
        {"name": "x", "scopes": ["provider"], "provider_id": 7},
    ],
)
async def test_keys_that_make_no_sense(api: Api, body: dict[str, object]) -> None:
    answer = await api.http.post("/api/admin/keys", json=body, headers=api.as_("admin"))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize("header", ["hf_unknown", "", "x" * 5000, "Bearer", "\u00e9"])
async def test_what_is_no_key(api: Api, header: str) -> None:
    answer = await api.http.get("/api/admin/keys", headers=[(b"Authorization", f"Bearer {header}".encode())])
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_only_the_first_tenant_adds_tenants(api: Api) -> None:
    body = {
        "slug": "second",
        "name": "The Second Room",
        "currency": "EUR",
        "time_zone": "Europe/Paris",
        "locale": "fr_FR",
        "region": "FR",
    }
    made = await api.http.post("/api/admin/tenants", json=body, headers=api.as_("admin"))
    assert (made.status_code, made.json()["slug"]) == (201, "second")
    assert (await api.http.post("/api/admin/tenants", json=body, headers=api.as_("admin"))).status_code == 409
    other = {"X-API-Key": await api.make_key("second", "admin")}
    answer = await api.http.post("/api/admin/tenants", json={**body, "slug": "third"}, headers=other)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "change",
    [
        {"slug": "Not A Slug"},
        {"currency": "XYZ"},
        {"currency": "gbp"},
        {"time_zone": "Mars/Olympus"},
        {"locale": "tlh_!"},
        {"accent": "red"},
        {"name": "a\nb"},
        {"colour": "#ffffff"},
    ],
)
async def test_tenants_that_make_no_sense(api: Api, change: dict[str, str]) -> None:
    body = {"slug": "second", "name": "The Second Room", **change}
    answer = await api.http.post("/api/admin/tenants", json=body, headers=api.as_("admin"))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"sms_countries": ["GB", "DE"], "sms_daily_cap": 50, "quiet_from": "22:00", "quiet_until": "07:30"}, 201),
        ({"quiet_from": None, "quiet_until": None, "sms_daily_cap": 0}, 201),
        ({"sms_countries": ["Germany"]}, 422),
        ({"sms_daily_cap": -1}, 422),
        ({"quiet_from": "25:00"}, 422),
        ({"quiet_from": "08:00", "quiet_until": "08:00"}, 422),
        ({"quiet_from": None}, 422),
    ],
)  # fmt: skip
def test_what_a_tenant_says_of_its_sms(more: dict[str, object], status: int) -> None:
    try:
        TenantIn.model_validate({"slug": "quiet", "name": "The Quiet Room", **more})
    except ValidationError:
        assert status == 422
    else:
        assert status == 201


async def test_a_tenants_limits_and_quiet_hours_are_kept(database_url: str) -> None:
    wanted = TenantIn(
        slug="quiet", name="The Quiet Room", sms_countries=["DE"], quiet_from="22:00", quiet_until="07:30"
    )
    now = datetime(2026, 11, 20, tzinfo=UTC)
    async with await AsyncConnection.connect(database_url, row_factory=dict_row) as conn:
        made = await store.insert_tenant(conn, now, wanted.model_dump())
        assert made is not None
        assert (made["sms_countries"], made["sms_daily_cap"], made["quiet_from"]) == (["DE"], 500, time(22))
        changed = wanted.model_copy(update={"quiet_from": None, "quiet_until": None, "sms_countries": []})
        await store.update_tenant(conn, made["tenant_id"], changed.model_dump())
        row = await store.tenant_by_id(conn, made["tenant_id"])
    assert row is not None
    assert (row["sms_countries"], row["quiet_from"], row["quiet_until"]) == ([], None, None)
