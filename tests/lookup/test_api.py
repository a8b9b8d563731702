"""The question over HTTP and as a page: one sentence for everybody, clear refusals, limits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api

ASK = "/api/where-is-my-booking"
GOOD: dict[str, Any] = {"contact": "ada@example.com", "card_last4": "4242"}
FORM = {"contact": "ada@example.com", "paid": "170.00"}


async def test_one_sentence_for_everybody(api: Api) -> None:
    first = await api.http.post(ASK, json=GOOD)
    second = await api.http.post(ASK, json={"contact": "07700 900123", "amount": 17000, "tenant": "default"})
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert "within minutes" in first.json()["said"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**GOOD, "contact": "nobody"}, "contact"),
        ({**GOOD, "contact": 17}, "contact"),
        ({"card_last4": "4242"}, "contact"),
        ({"contact": "ada@example.com"}, "paid"),
        ({**GOOD, "card_last4": "42"}, "card_last4"),
        ({**GOOD, "amount": "170"}, "amount"),
        ({**GOOD, "amount": -1}, "amount"),
        ({**GOOD, "contact": "a\x00@example.com"}, "contact"),
    ],
)
async def test_what_nobody_could_look_for(api: Api, body: dict[str, Any], field: str) -> None:
    answer = await api.http.post(ASK, json=body)
    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["field"]


async def test_a_business_that_is_not_there(api: Api) -> None:
    assert (await api.http.post(ASK, json={**GOOD, "tenant": "nowhere"})).status_code == 404
    assert (await api.http.get("/where-is-my-booking?tenant=nowhere")).status_code == 404


async def test_five_an_hour_for_one_contact(api: Api) -> None:
    for proof in range(5):
        assert (await api.http.post(ASK, json={**GOOD, "card_last4": f"000{proof}"})).status_code == 202
    refused = await api.http.post(ASK, json={**GOOD, "contact": "ADA@example.com"})
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["retry-after"] == "3600"
    assert (await api.http.post(ASK, json={**GOOD, "contact": "eve@example.com"})).status_code == 202


async def test_ten_a_minute_from_one_address(api: Api) -> None:
    answers = [
        (await api.http.post(ASK, json={**GOOD, "contact": f"guest{number}@example.com"})).status_code
        for number in range(11)
    ]
    assert answers == [202] * 10 + [429]
    page = await api.http.post("/where-is-my-booking", data=FORM)
    assert page.status_code == 429
    assert "Wait a minute" in page.text
    assert "170.00" in page.text  # nothing typed is lost


async def test_the_page_without_scripts(api: Api) -> None:
    page = await api.http.get("/where-is-my-booking")
    assert page.status_code == 200
    assert "<script" not in page.text
    asked = await api.http.post("/where-is-my-booking", data=FORM)
    assert (asked.status_code, asked.headers["location"]) == (303, "/where-is-my-booking?asked=yes&tenant=")
    said = await api.http.get(asked.headers["location"])
    assert "within minutes" in said.text
    assert "<form" not in said.text


async def test_mistakes_stand_beside_what_was_typed(api: Api) -> None:
    page = await api.http.post("/where-is-my-booking", data={"contact": "ada@", "paid": "<b>"})
    assert page.status_code == 422
    assert 'value="ada@"' in page.text
    assert 'value="&lt;b&gt;"' in page.text
    assert page.text.count("field-error") == 2  # both at once
    assert 'role="alert"' in page.text


async def test_a_form_of_another_site_asks_nothing(api: Api) -> None:
    page = await api.http.post("/where-is-my-booking", data=FORM, headers={"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 403


async def test_it_is_linked_from_where_guests_look(api: Api) -> None:
    for path in ("/", "/events/35", "/nothing-here"):
        page = await api.http.get(path, headers={"Accept": "text/html"})
        assert 'href="/where-is-my-booking' in page.text
