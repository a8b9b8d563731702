"""In which language a message speaks: every kind by both channels, dates and sums as the locale has them, nothing left in
another tongue."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from icalendar import Calendar

from holdfast.messages import store
from holdfast.messages.facts import cancellation_rule, moment_in_words
from holdfast.messages.languages import (
    GERMAN,
    LANGUAGES,
    PHRASES,
    SENTENCES_IN_GERMAN,
    in_their_language,
    language_of,
    path_of,
)
from holdfast.messages.own_words import SMS_ONLY, channels_of
from holdfast.messages.render import TEMPLATES, render
from holdfast.messages.rules import KINDS, KINDS_TO_PROVIDERS, SIGN_IN
from holdfast.messages.sample import sample_row
from holdfast.messages.segments import segments_of
from holdfast.messages.texts import render_sms
from tests.messages.conftest import NOW, OpenOutbox
from tests.messages.test_request_words import CUSTOMERS_PHONE, OF_APPOINTMENTS, desk
from tests.support.system import Row, Stage
from tests.support.world import hold, pay

# Words that only stand in the other language's messages.
ENGLISH_WORDS = re.compile(r"\b(the|your|you|is|are|and|booking|seats|until|with)\b", re.IGNORECASE)
GERMAN_WORDS = re.compile(r"\b(der|die|das|Ihre?|Sie|ist|und|Buchung|Plätze|bis|mit)\b")
TENANT: Row = {
    "name": "Haus Beispiel",
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "locale": "de_DE",
    "accent": "#7a1f3d",
    "mail_from": None,
    "contact_email": "post@beispiel.example",
}
EVERYTHING = [
    (kind, channel) for kind in sorted(KINDS | SMS_ONLY) for channel in channels_of(kind) or ("email", "sms")
]


def test_the_locale_chooses() -> None:
    assert [language_of(each) for each in ("de", "de_DE", "de_AT", "de-CH", "DE_de")] == ["de"] * 5
    assert [language_of(each) for each in ("en_GB", "fr_FR", "den", "", "klingon!")] == ["en"] * 5


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_has_every_template(language: str) -> None:
    for kind, channel in EVERYTHING:
        endings = ("txt",) if channel == "sms" else ("txt", "html")
        folder = "sms" if channel == "sms" else "mail"
        for ending in endings:
            assert (TEMPLATES / path_of(language, f"{folder}/{kind}.{ending}")).exists(), (kind, ending)
    assert set(PHRASES[language].subjects) == KINDS | {SIGN_IN}


def test_no_template_is_left_in_english() -> None:
    """What stands between the placeholders; HTML's own words are taken out first."""
    for path in (TEMPLATES / "de").rglob("*.*"):
        said = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}|<[^>]*>", " ", path.read_text(), flags=re.DOTALL)
        assert not ENGLISH_WORDS.search(said), (path, ENGLISH_WORDS.search(said))
    for path in (*TEMPLATES.glob("mail/*"), *TEMPLATES.glob("sms/*")):
        assert not GERMAN_WORDS.search(path.read_text()), path


def said(kind: str, channel: str, language: str, **changes: Any) -> str:
    """Everything that a made-up booking's guest reads of it."""
    row = sample_row(TENANT, kind, channel, language, NOW) | changes
    if channel == "sms":
        return render_sms(row, public_url="https://book.example", secret_key="s" * 16).sms.body
    done = render(row, public_url="https://book.example", secret_key="s" * 16, now=NOW)
    return f"{done.mail.subject}\n{done.mail.text}\n{re.sub('<[^>]*>', ' ', done.mail.html)}"


@pytest.mark.parametrize(("kind", "channel"), EVERYTHING)
def test_a_message_is_in_one_language(kind: str, channel: str) -> None:
    changes = {"params": {"text": "!"}} if kind == "note" else {}
    german, english = (said(kind, channel, language, **changes) for language in (GERMAN, "en"))
    assert not ENGLISH_WORDS.search(german), ENGLISH_WORDS.search(german)
    assert not GERMAN_WORDS.search(english), GERMAN_WORDS.search(english)
    for words in (german, english):
        assert "None" not in words
    if channel == "email":
        assert "Guten Tag " in german
        assert "Dear " in english


@pytest.mark.parametrize(("kind", "channel"), [one for one in EVERYTHING if one[1] == "sms"])
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_an_sms_is_short_and_cheap(kind: str, channel: str, language: str) -> None:
    body = said(kind, channel, language)
    segments = segments_of(body)
    assert segments.alphabet == "GSM-7", body
    assert segments.count <= 2, body
    assert "\n" not in body
    answers = kind in {"request_to_answer", "request_reminder"}
    assert body.count("https://") == (0 if kind in {*SMS_ONLY, "note"} else 2 if answers else 1)
    if kind in {"booking_started", "booking_confirmed", "reminder"}:
        assert segments.count == 1, body


def test_an_sms_is_short_whatever_was_typed() -> None:
    """Three segments at most, for the longest of names."""
    long = {
        "title": "“Zoë\u2019s” – " + "very " * 60,
        "venue": "x" * 300,
        "tenant_name": "y" * 300,
        "contact_name": "z" * 300,
    }
    for kind, channel in EVERYTHING:
        for language in LANGUAGES:
            if channel == "sms":
                segments = segments_of(said(kind, channel, language, **long))
                assert (segments.alphabet, segments.count <= 3) == ("GSM-7", True), kind


@pytest.mark.parametrize(
    ("locale", "moment", "total"),
    [
        ("de_DE", "Freitag, 25. Dezember 2026, 12:00 Uhr GMT", "24,68\u00a0€"),
        ("de_AT", "Freitag, 25. Dezember 2026, 12:00 Uhr GMT", "€\u00a024,68"),
        ("de_CH", "Freitag, 25. Dezember 2026, 12:00 Uhr GMT", "24.68"),
        ("en_US", "Friday, December 25, 2026, 12:00\u202fPM GMT", "€24.68"),
        ("fr_FR", "vendredi 25 décembre 2026, 12:00 GMT", "24,68"),
    ],
)
async def test_dates_and_sums_are_the_locales(
    open_outbox: OpenOutbox, locale: str, moment: str, total: str
) -> None:
    async with (
        open_outbox("", currency="EUR", price=1234, locale=locale) as outbox,
        outbox.system.database.transaction() as conn,
    ):
        booking = await hold(conn, NOW, outbox.event)
        await pay(conn, NOW, booking)
        message_id = await outbox.enqueue(conn, booking, "booking_confirmed")
        assert message_id
        row = (await store.facts_of(conn, [message_id]))[message_id]
    done = render(row, public_url="https://book.example", secret_key="s" * 16, now=NOW)
    for words in (done.mail.text, done.mail.html):
        assert moment in words
        assert total in words


def test_clocks_have_german_names() -> None:
    winter, summer = datetime(2026, 12, 24, 18, 30, tzinfo=UTC), datetime(2026, 7, 1, 18, 30, tzinfo=UTC)
    assert moment_in_words(winter, "Europe/Berlin", "de_DE") == "Donnerstag, 24. Dezember 2026, 19:30 Uhr MEZ"
    assert moment_in_words(summer, "Europe/Vienna", "de_AT").endswith("20:30 Uhr MESZ")
    assert moment_in_words(summer, "America/New_York", "de_DE").endswith("14:30 Uhr EDT")


def test_refund_rules_in_german() -> None:
    starts = datetime(2026, 12, 25, 19, 30, tzinfo=UTC)
    tiers = [{"notice_hours": 2, "percent": 50}, {"notice_hours": 24, "percent": 100}]
    rule = cancellation_rule(tiers, starts, 10000, "EUR", "Europe/Berlin", "de_DE", NOW)
    assert rule[0] == (
        "Wenn Sie bis Donnerstag, 24. Dezember 2026, 20:30 Uhr MEZ stornieren, erhalten Sie den gesamten Betrag "
        "(100,00\u00a0€) zurück."
    )
    assert "50\u00a0% (50,00\u00a0€)" in rule[1]
    assert rule[2] == "Danach wird nichts mehr erstattet."


def test_sentences_of_elsewhere_are_said_in_german_or_not_at_all() -> None:
    for english, german in SENTENCES_IN_GERMAN.items():
        assert in_their_language(english, "en") == english
        assert in_their_language(f"{english} Bitte rufen Sie an.", GERMAN) == f"{german} Bitte rufen Sie an."
    assert in_their_language("late", GERMAN) == "late"
    assert in_their_language("A sentence that came later.", GERMAN) == ""
    why = "Too close to the start: nothing goes back."
    words = said("booking_cancelled", "email", GERMAN, params={"amount": 0, "why": why})
    assert words.count("So kurz vor dem Beginn wird nichts erstattet.") == 2
    words = said("booking_cancelled", "email", GERMAN, params={"amount": 0, "why": "Nobody knows this."})
    assert "wird bei einer so kurzfristigen Stornierung nichts erstattet" in words


async def test_requests_and_answers_in_german(stage: Stage) -> None:
    """Of a real request: neither side reads what is the other's, and nothing speaks of tables."""
    asked = await desk(stage)
    await stage.execute("UPDATE tenants SET locale = 'de_DE'")
    for kind in [*OF_APPOINTMENTS, *sorted(KINDS_TO_PROVIDERS)]:
        mail = (await asked.mail(kind, link_id="lnk_test", reason="Ich bin auf Reisen.")).mail
        words = mail.text + re.sub("<[^>]*>", " ", mail.html)
        for fact in ("Sample Guest", CUSTOMERS_PHONE, "None"):
            assert fact not in words.replace("Expert (sample)", "")
        assert "Tisch" not in words
        assert "Plätze" not in words
        assert "Guten Tag " in words
        if kind != "money_returned":
            assert "Donnerstag, 14. Januar 2027, 14:00 Uhr MEZ (Europe/Berlin)" in mail.text
    confirmed = (await asked.mail("booking_confirmed")).mail
    [entry] = Calendar.from_ical(confirmed.attachments[0].content).walk("VEVENT")
    assert entry["SUMMARY"] == "Half an hour (sample) mit Expert (sample)"
    sms = (await asked.sms("request_to_answer", link_id="lnk_test")).sms.body
    assert "Do. 14. Jan. 14:00 MEZ" in sms
    assert "50,00 £, von Sam. Antwort bis" in sms


def test_the_link_to_sign_in_speaks_german() -> None:
    row = {
        "kind": SIGN_IN, "message_id": "msg_1", "recipient": "expert@example.com", "link_id": "lnk_1",
        "expires_at": NOW, "provider_name": "Alex", "time_zone": "Europe/Berlin", "tenant_name": "Haus Beispiel",
        "locale": "de_DE", "accent": "#7a1f3d", "mail_from": None, "contact_email_of_tenant": None,
    }  # fmt: skip
    mail = render(row, public_url="https://book.example", secret_key="s" * 16, now=NOW).mail
    assert mail.subject == "Anmeldung zu Ihren Anfragen bei Haus Beispiel"
    assert "13:00 Uhr MEZ" in mail.text
    assert "Anmelden" in mail.html
