"""Ways to a provider's pages: by key, by a link to the provider's own address, chosen by an administrator; and what ends them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from holdfast.web.provider_session import COOKIE, Content, opened, sealed
from tests.requests.practice import Practice, open_practice
from tests.support.system import SECRET_KEY, Stage

ASKED = "/provider?sent=yes"


@pytest.fixture
async def practice(stage: Stage) -> AsyncIterator[Practice]:
    async with open_practice(stage) as made:
        yield made


async def ask_for_link(practice: Practice, email: str) -> str:
    """Where the answer leads."""
    answer = await practice.http.post("/provider/sign-in-link", data={"email": email})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def link_in_mail(practice: Practice) -> str:
    """The path of the newest link that arrived."""
    await practice.stage.run_jobs()
    mails = (await practice.stage.http.get("/control/messages")).json()["messages"]
    links = [
        found
        for mail in mails
        for found in re.findall(r"http://shop\.test(/provider/sign-in/[\w.-]+)", str(mail))
    ]
    return str(links[-1])


async def test_by_a_link_once(practice: Practice) -> None:
    assert await ask_for_link(practice, " Expert@Example.com ") == ASKED
    link = await link_in_mail(practice)
    pages = [await practice.http.get(link) for _ in range(3)]  # mail programs look, too
    assert all("Sign in as Sample Expert (demo)?" in page.text for page in pages)
    assert pages[0].headers["referrer-policy"] == "same-origin"
    assert (await practice.http.get("/provider/requests")).status_code == 303
    signed_in = await practice.http.post(link)
    assert signed_in.headers["location"] == "/provider/requests"
    cookie = signed_in.headers["set-cookie"]
    assert all(part in cookie for part in ("Path=/provider;", "HttpOnly", "SameSite=lax"))
    assert "Signed in as Sample Expert" in (await practice.http.get("/provider/requests")).text
    again = await practice.http.post(link)
    assert (again.status_code, "was used already" in again.text) == (409, True)
    assert "was used already" in (await practice.http.get(link)).text
    kept = await practice.stage.rows("SELECT body_text FROM messages WHERE kind = 'provider_sign_in'")
    assert link.rpartition("/")[2] not in str(kept)  # the secret is not in the database
    await practice.stage.assert_all_laws_hold()


async def test_the_answer_does_not_tell_who_is_known(practice: Practice) -> None:
    known = await practice.http.post("/provider/sign-in-link", data={"email": "expert@example.com"})
    unknown = await practice.http.post("/provider/sign-in-link", data={"email": "nobody@example.com"})
    for name in ("status_code", "text"):
        assert getattr(known, name) == getattr(unknown, name)
    assert known.headers["location"] == unknown.headers["location"]
    recipients = await practice.stage.rows("SELECT recipient FROM messages WHERE kind = 'provider_sign_in'")
    assert [one["recipient"] for one in recipients] == ["expert@example.com"]
    for bad in ("", "nobody", "x" * 300):
        refused = await practice.http.post("/provider/sign-in-link", data={"email": bad})
        assert refused.status_code == 422
    await practice.stage.assert_all_laws_hold()


async def test_not_for_ever_and_not_too_often(practice: Practice) -> None:
    for _ in range(7):
        await ask_for_link(practice, "expert@example.com")
    [asked] = await practice.stage.rows("SELECT count(*) AS n FROM messages WHERE kind = 'provider_sign_in'")
    assert asked["n"] == 5
    link = await link_in_mail(practice)
    await practice.stage.advance(minutes=15)
    late = await practice.http.post(link)
    assert (late.status_code, "too old" in late.text) == (409, True)
    await practice.stage.advance(hours=1)
    await ask_for_link(practice, "expert@example.com")
    [asked] = await practice.stage.rows("SELECT count(*) AS n FROM messages WHERE kind = 'provider_sign_in'")
    assert asked["n"] == 6
    await practice.stage.advance(days=8)
    await ask_for_link(practice, "expert@example.com")
    [kept] = await practice.stage.rows("SELECT count(*) AS n FROM action_links")
    assert kept["n"] == 1  # old ones are forgotten
    await practice.stage.assert_all_laws_hold()


async def test_one_address_may_not_ask_without_end(practice: Practice) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7"}
    answers = [
        await practice.http.post("/provider/sign-in-link", data={"email": "no@example.com"}, headers=headers)
        for _ in range(8)
    ]
    assert [answer.status_code for answer in answers] == [303] * 6 + [429] * 2
    assert "Too many links" in answers[-1].text
    await practice.stage.assert_all_laws_hold()


async def test_forged_links_and_cookies(practice: Practice) -> None:
    await ask_for_link(practice, "expert@example.com")
    link = await link_in_mail(practice)
    for wrong in (link[:-1], link + "x", "/provider/sign-in/x", "/provider/sign-in/" + "x" * 300):
        assert (await practice.http.get(wrong)).status_code == 404
        assert (await practice.http.post(wrong)).status_code == 404
    now = practice.stage.clock.now()
    content = Content("key", "key_of_nobody", practice.provider_id)
    until = now + timedelta(hours=1)
    for cookie in (
        "",
        "x",
        "a.b.c.d.e",
        sealed("another secret", content, until),
        sealed(SECRET_KEY, content, until),
    ):
        practice.http.cookies.set(COOKIE, cookie, path="/provider")
        assert (await practice.http.get("/provider/requests")).status_code == 303
    assert opened("", sealed("", content, until), now) is None
    assert opened(SECRET_KEY, sealed(SECRET_KEY, content, until), until) is None
    await practice.stage.assert_all_laws_hold()


async def test_a_new_address_ends_sessions_that_the_old_one_began(practice: Practice) -> None:
    await ask_for_link(practice, "expert@example.com")
    await practice.http.post(await link_in_mail(practice))
    assert (await practice.http.get("/provider/requests")).status_code == 200
    await practice.stage.execute("UPDATE providers SET email = 'elsewhere@example.com'")
    assert (await practice.http.get("/provider/requests")).status_code == 303
    await practice.stage.assert_all_laws_hold()


async def test_keys(practice: Practice) -> None:
    for key, said in (
        ("hf_wrong", "not known here"),
        ("", "not known here"),
        (practice.keys["door"], "opens no provider"),
    ):
        refused = await practice.http.post("/provider/sign-in", data={"key": key})
        assert (refused.status_code, said in refused.text) == (422, True)
    answer = await practice.http.post(
        "/provider/sign-in", data={"key": practice.keys["provider"], "next": "//evil.example/provider/"}
    )
    assert answer.headers["location"] == "/provider/requests"
    assert (await practice.http.get("/provider")).headers["location"] == "/provider/requests"
    await practice.stage.execute("UPDATE api_keys SET revoked_at = created_at WHERE name LIKE 'provider%%'")
    assert (await practice.http.get("/provider/requests")).status_code == 303
    await practice.stage.assert_all_laws_hold()


async def test_an_administrator_chooses(practice: Practice) -> None:
    answer = await practice.http.post("/provider/sign-in", data={"key": practice.keys["admin"]})
    assert answer.headers["location"] == "/provider/choose"
    assert (await practice.http.get("/provider/requests")).status_code == 303
    assert (await practice.http.get("/provider")).headers["location"] == "/provider/choose"
    assert "Sample Expert (demo)" in (await practice.http.get("/provider/choose")).text
    none = await practice.http.post("/provider/choose", data={"provider_id": practice.provider_id + 9})
    assert none.status_code == 404
    for odd in ("0", "x", str(2**64)):
        assert (await practice.http.post("/provider/choose", data={"provider_id": odd})).status_code == 422
    chosen = await practice.http.post("/provider/choose", data={"provider_id": practice.provider_id})
    assert chosen.headers["location"] == "/provider/requests"
    assert "with the staff" in (await practice.http.get("/provider/requests")).text
    await practice.http.post("/provider/sign-out")
    assert (await practice.http.get("/provider/requests")).status_code == 303
    assert (await practice.http.get("/provider/choose")).headers["location"] == "/provider"
    await practice.stage.assert_all_laws_hold()


async def test_two_at_once_use_a_link_once(practice: Practice) -> None:
    await ask_for_link(practice, "expert@example.com")
    link = await link_in_mail(practice)
    answers = await asyncio.gather(*(practice.http.post(link) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409, 409, 409]
    await practice.stage.assert_all_laws_hold()
