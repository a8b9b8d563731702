"""A tenant's own words: what may be written, what becomes of it, and that nothing in them keeps a message from leaving.

Failure modes: F68 (never said), because of words that cannot be used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from holdfast.messages.jobs import send_due
from holdfast.messages.own_words import LONGEST_BODY, channels_of, placeholders_of, problems_of
from holdfast.messages.rules import ANSWERS_TO_SMS, KINDS
from holdfast.messages.sample import starting_words
from holdfast.messages.template_actions import TRIALS_AN_HOUR
from tests.support.office import Office, open_office
from tests.support.system import Row, Stage

ADDRESS = "/api/admin/message-templates"
CONFIRMED = f"{ADDRESS}/booking_confirmed/email/en"
OWN = {
    "subject": "See you, {{ name }}",
    "body": "Hello {{ name }},\n\nall is set for {{ title }}.\n{{ cancellation }}",
}


@pytest.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with open_office(stage) as opened:
        yield opened


async def put(office: Office, address: str = CONFIRMED, **words: str) -> Any:
    return await office.http.put(address, json={**OWN, **words}, headers=office.as_("admin"))


async def arrived(stage: Stage, channel: str = "email") -> list[Row]:
    inbox = (await stage.http.get("/control/messages")).json()["messages"]
    return [{**one, "text": one["text"].replace("\r\n", "\n")} for one in inbox if one["channel"] == channel]


async def keep(stage: Stage, kind: str, channel: str, subject: str, body: str, language: str = "en") -> None:
    """As nobody could write them through the pages: what an older release may have left behind."""
    await stage.execute(
        """INSERT INTO message_templates (tenant_id, kind, channel, language, subject, body, updated_at, updated_by)
           VALUES (%s, %s, %s, %s, %s, %s, %s, 'staff:test')""",
        stage.event.tenant_id, kind, channel, language, subject, body, stage.clock.now(),
    )  # fmt: skip


# ── what may be written ──


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("Hello {{ nobody }}", "no placeholder {{ nobody }}"),
        ("{{ accept_link }}", "no placeholder {{ accept_link }}"),
        ("Line one\n{{ title", "Line 2 cannot be read"),
        ("{% if when %}open", "cannot be read"),
        ("{{ title.upper() }}", "cannot be used"),
        ("{{ title|upper }}", "cannot be used"),
        ("{{ title.__class__.__mro__ }}", "cannot be used"),
        ("{{ ''['__class__'] }}", "cannot be used"),
        ("{{ 7 * 7 }}", "cannot be used"),
        ("{{ range(999999999) }}", "cannot be used"),
        ("{% for letter in title %}{{ letter }}{% endfor %}", "cannot be used"),
        ("{% set title = 1 %}", "cannot be used"),
        ("{% include 'mail/layout.html' %}", "cannot be used"),
        ("{% macro x() %}{% endmacro %}", "cannot be used"),
        ("{% if title == 'x' %}x{% endif %}", "cannot be used"),
        ("{% if a %}" * 400 + "{% endif %}" * 400, "It may have 5000 characters"),
        ("{% if when %}" * 120 + "x" + "{% endif %}" * 120, ""),
        ("", "Write the words"),
        (" \n ", "Write the words"),
        ("x" * (LONGEST_BODY["email"] + 1), "It may have 5000 characters, and has 5001"),
        ("nul \x00", "cannot be shown"),
        ("turned \u202e round", "cannot be shown"),
        ("{{ title }}{% if not when %}!{% endif %}{# a note #}", ""),
    ],
)
def test_what_may_be_written(body: str, problem: str) -> None:
    found = problems_of("booking_confirmed", "email", "", body)
    assert bool(found) == bool(problem)
    assert problem in found.get("body", "")


def test_subjects_are_one_line_of_an_email() -> None:
    assert problems_of("reminder", "email", "{{ title }}", "x") == {}
    assert "one line" in problems_of("reminder", "email", "a\r\nBcc: all@example.com", "x")["subject"]
    assert "no placeholder" in problems_of("reminder", "email", "{{ paid }}", "x")["subject"]
    assert "200" in problems_of("reminder", "email", "x" * 201, "x")["subject"]
    assert "no subject" in problems_of("reminder", "sms", "x", "x")["subject"]


@pytest.mark.parametrize("body", ["no link", "{% if when %}{{ link }}{% endif %}"])
def test_an_sms_that_is_about_its_link_has_to_hold_it(body: str) -> None:
    assert "{{ link }}" in problems_of("booking_started", "sms", "", body)["body"]
    assert problems_of("booking_started", "email", "", "no link") == {}  # it stands in the frame


def test_the_built_in_words_are_good_to_begin_with() -> None:
    for kind in KINDS | ANSWERS_TO_SMS:
        for channel in channels_of(kind):
            for language in ("en", "de"):
                subject, body = starting_words(kind, channel, language)
                assert problems_of(kind, channel, subject, body) == {}, (kind, channel, language)
                assert placeholders_of(kind, channel)


# ── what becomes of it ──


async def test_own_words_are_said_in_our_frame(office: Office) -> None:
    stage = office.stage
    answer = await put(office)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["own"], answer.json()["updated_by"][:6]) == (True, "staff:")
    await stage.paid()
    [mail] = await arrived(stage)
    assert mail["subject"] == "See you, Sample Guest"
    assert mail["text"].startswith("Hello Sample Guest,\n\nall is set for Dinner and a show.\nIf you cancel")
    for words in (mail["text"], mail["html"]):
        assert "http://shop.test/b/" in words
        assert "Dear" not in words
    assert "cid:qr@holdfast" in mail["html"]
    kept = await stage.row("SELECT body_text FROM messages WHERE kind = 'booking_confirmed'")
    assert "/b/[secret]" in kept["body_text"]
    await stage.assert_all_laws_hold()


async def test_what_is_typed_is_only_text(office: Office) -> None:
    stage = office.stage
    await put(office, subject="<b>{{ title }}</b>", body="<script>alert(1)</script>\n<b>{{ name }}</b>")
    await stage.execute("UPDATE offerings SET title = %s", "<i>{{ 7*7 }}</i>\r\nBcc: all@example.com")
    await stage.paid()
    [mail] = await arrived(stage)
    assert "<script>" not in mail["html"]
    assert "&lt;script&gt;" in mail["html"]
    assert "&lt;i&gt;{{ 7*7 }}" in mail["html"]
    assert "\n" not in mail["subject"]
    await stage.assert_all_laws_hold()


async def test_another_language_or_tenant_says_its_own(office: Office) -> None:
    stage = office.stage
    assert (await put(office, CONFIRMED.replace("/en", "/de"))).status_code == 200
    await office.http.put(CONFIRMED, json=OWN, headers=office.as_("other"))
    await stage.paid()
    [mail] = await arrived(stage)
    assert mail["subject"].startswith("Your booking is confirmed")
    await stage.execute("UPDATE tenants SET locale = 'de_AT'")
    await stage.paid(email="zweite@example.com", table=1)
    assert (await arrived(stage))[-1]["subject"] == "See you, Sample Guest"
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("", "Hello {{ a_placeholder_of_long_ago }}"),
        ("{{ a_placeholder_of_long_ago }}", "Hello"),
        ("", "{% for x in y %}"),
        ("", "{{ ''.__class__.__mro__ }}"),
        ("", "{% if venue and name %}x{% endif %}"),
        ("", "{% if returned %}x{% endif %}"),
    ],
)
async def test_broken_words_never_stop_a_message(office: Office, subject: str, body: str) -> None:
    stage = office.stage
    await keep(stage, "booking_confirmed", "email", subject, body)
    await stage.paid()
    [mail] = await arrived(stage)
    assert mail["subject"].startswith("Your booking is confirmed")
    assert "Dear Sample Guest" in mail["text"]
    task = await stage.row("SELECT * FROM tasks WHERE done_at IS NULL")
    assert task["kind"] == "message_words"
    assert "booking confirmed (e-mails, English) cannot be used" in task["sentence"]
    # The next one tells nobody twice, and good words close it.
    await stage.paid(email="second@example.com", table=1)
    assert len(await stage.tasks()) == 1
    assert (await put(office)).status_code == 200
    assert await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL") == []
    await stage.assert_all_laws_hold()


async def test_a_reset_says_the_built_in_words_again(office: Office) -> None:
    stage = office.stage
    await keep(stage, "booking_confirmed", "email", "", "{{ nonsense }}")
    await stage.paid()
    assert await stage.tasks() == ["message_words"]
    answer = await office.http.delete(CONFIRMED, headers=office.as_("admin"))
    assert answer.status_code == 204
    assert await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL") == []
    read = (await office.http.get(CONFIRMED, headers=office.as_("admin"))).json()
    assert (read["own"], read["updated_at"]) == (False, None)
    assert "{{ cancellation }}" in read["body"]
    assert "cancellation" in read["placeholders"]
    await stage.assert_all_laws_hold()


# ── over HTTP ──


async def test_only_admins_and_only_what_there_is(office: Office) -> None:
    for name in ("bookings", "door"):
        assert (await office.http.get(ADDRESS, headers=office.as_(name))).status_code == 403
    assert (await office.http.get(ADDRESS)).status_code == 401
    for wrong in ("nothing/email/en", "help/email/en", "note/sms/en", "reminder/fax/en", "reminder/sms/fr"):
        answer = await office.http.get(f"{ADDRESS}/{wrong}", headers=office.as_("admin"))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await put(office, f"{ADDRESS}/{wrong}")).status_code == 404
    refused = await put(office, body="{{ nobody }}")
    assert refused.status_code == 422
    assert [one["field"] for one in refused.json()["errors"]] == ["body"]
    await put(office)
    own = (await office.http.get(ADDRESS, headers=office.as_("admin"))).json()["templates"]
    assert [(one["kind"], one["channel"], one["language"]) for one in own] == [
        ("booking_confirmed", "email", "en")
    ]
    assert (await office.http.get(ADDRESS, headers=office.as_("other"))).json() == {"templates": []}
    await office.stage.assert_all_laws_hold()


@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_preview_keeps_and_sends_nothing(office: Office, language: str) -> None:
    for kind in sorted(KINDS | ANSWERS_TO_SMS):
        for channel in channels_of(kind):
            subject, body = starting_words(kind, channel, language)
            answer = await office.http.post(
                f"{ADDRESS}/{kind}/{channel}/{language}/preview",
                json={"subject": subject, "body": body},
                headers=office.as_("admin"),
            )
            assert answer.status_code == 200, (kind, channel, answer.text)
            seen = answer.json()
            assert "{{" not in seen["text"] + seen["subject"]
            assert bool(seen["html"]) == bool(seen["subject"]) == (channel == "email")
            assert seen["segments"].endswith("GSM-7") == (channel == "sms")
    assert await office.stage.rows("SELECT * FROM messages") == []
    assert await office.stage.rows("SELECT * FROM message_templates") == []
    await office.stage.assert_all_laws_hold()


async def test_a_test_goes_to_ones_own_address_and_number(office: Office) -> None:
    stage = office.stage
    mail = {**OWN, "recipient": "me@example.com"}
    answer = await office.http.post(f"{CONFIRMED}/test", json=mail, headers=office.as_("admin"))
    assert answer.status_code == 202, answer.text
    sms = {"body": "{{ title }}: {{ link }}", "recipient": "07700 900123"}
    started = f"{ADDRESS}/booking_started/sms/en/test"
    assert (await office.http.post(started, json=sms, headers=office.as_("admin"))).status_code == 202
    await send_due(stage.system)
    [mailed] = await arrived(stage)
    assert (mailed["to"], mailed["subject"]) == (["me@example.com"], "See you, Sam Sample")
    [texted] = await arrived(stage, "sms")
    assert (texted["to"], texted["text"][:19]) == ("+447700900123", "Dinner and a show: ")
    rows = await stage.rows("SELECT kind, status, booking_id, segments FROM messages ORDER BY channel")
    assert [(row["kind"], row["status"], row["booking_id"]) for row in rows] == [
        ("template_trial", "sent", None)
    ] * 2
    assert await stage.rows("SELECT * FROM message_templates") == []
    await stage.assert_all_laws_hold()


async def test_a_test_that_cannot_be_sent_says_why(office: Office) -> None:
    for address, recipient in (
        (CONFIRMED, "nobody"),
        (f"{ADDRESS}/booking_started/sms/en", "nobody"),
        (f"{ADDRESS}/booking_started/sms/en", "+49 170 1234567"),
    ):
        body = {"body": "{{ title }} {{ link }}", "recipient": recipient}
        answer = await office.http.post(f"{address}/test", json=body, headers=office.as_("admin"))
        assert answer.status_code == 422, answer.text
        assert [one["field"] for one in answer.json()["errors"]] == ["recipient"]
    assert await office.stage.rows("SELECT * FROM messages") == []
    await office.stage.assert_all_laws_hold()


async def test_only_so_many_tests_an_hour(office: Office) -> None:
    body = {**OWN, "recipient": "me@example.com"}
    for _ in range(TRIALS_AN_HOUR):
        answer = await office.http.post(f"{CONFIRMED}/test", json=body, headers=office.as_("admin"))
        assert answer.status_code == 202
    answer = await office.http.post(f"{CONFIRMED}/test", json=body, headers=office.as_("admin"))
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    await office.stage.assert_all_laws_hold()
