"""The words of an SMS: one short line, with the links that it is about. Kinds as in render.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from holdfast.messages.facts import (
    UNANSWERED,
    bounded,
    first_name,
    known_locale,
    moment_of_param,
    phrases_of,
    zone_in_words,
)
from holdfast.messages.languages import LOCALES, language_of, path_of
from holdfast.messages.own_words import OwnWordsWrong, fill, values_of_sms
from holdfast.messages.render import Links, links_of, words
from holdfast.messages.rules import KINDS_TO_PROVIDERS
from holdfast.messages.segments import plain
from holdfast.messages.senders.mail import one_line
from holdfast.messages.senders.sms import OutgoingSms
from holdfast.money import formatted

CALLBACK_PATH = "/api/webhooks/twilio"
MOST_OF_A_TITLE = 40
MOST_OF_A_NAME = 20
MOST_OF_A_NOTE = 800


@dataclass(frozen=True)
class RenderedSms:
    """The SMS, and its words as they are kept: without the secrets of its links."""

    sms: OutgoingSms
    kept_text: str
    links: Links
    own_words_wrong: str = ""  # why the built-in words were said instead of the tenant's own

    def is_it(self, text: str, kept_before: str | None) -> bool:
        """Whether a text that the provider knows is this SMS, or what was kept of an earlier try of it."""
        return text == self.sms.body or (kept_before is not None and self.links.left_out(text) == kept_before)


def render_sms(row: dict[str, Any], *, public_url: str, secret_key: str) -> RenderedSms:
    """`row` is one of store.facts_of, or of a message without a booking the part of it that `_of_nobody` names. Raises KeyError
    or jinja2's errors when kind or parameters do not fit a template."""
    if row.get("booking_id") is None:
        links, facts = Links("", "", "", ()), _of_nobody(row)
    else:
        links = links_of(row, public_url, secret_key)
        facts = _of_nobody(row) | _of_a_booking(row, links, sms_locale(row["locale"]))
    language = language_of(row["locale"])
    own, wrong = _own_words(row, language, facts)
    body = own or plain(words(path_of(language, f"sms/{row['kind']}.txt"), facts).strip())
    callback = f"{public_url}{CALLBACK_PATH}?message={row['message_id']}"
    return RenderedSms(OutgoingSms(row["recipient"], body, callback), links.left_out(body), links, wrong)


def _own_words(row: dict[str, Any], language: str, facts: dict[str, Any]) -> tuple[str, str]:
    """The tenant's own words, empty when it has none or when they cannot be used; and then why."""
    own = (row.get("own_words") or {}).get(language)
    if own is None:
        return "", ""
    try:
        body = plain("\n".join(fill(own["body"], values_of_sms(facts)).split("\r\n")).strip())
        return (body, "") if body else ("", "nothing is left of it when the placeholders are filled in")
    except OwnWordsWrong as problem:
        return "", str(problem)


def sms_locale(locale: str) -> str:
    """The tenant's where it speaks the language of the words; another alphabet in their midst would double the price."""
    known, language = known_locale(locale), language_of(locale)
    return known if known.partition("_")[0] == language else LOCALES[language]


def _of_nobody(row: dict[str, Any]) -> dict[str, Any]:
    """What can be said to a number that nobody has booked with: tenant_name, contact_email_of_tenant, params."""
    return {
        "tenant": _short(row["tenant_name"]),
        "contact": row["contact_email_of_tenant"] or "",
        "text": bounded(str(row["params"].get("text") or ""), MOST_OF_A_NOTE),
    }


def _of_a_booking(row: dict[str, Any], links: Links, locale: str) -> dict[str, Any]:
    def moment(at: datetime | None) -> str:
        return short_moment(at, row["time_zone"], locale) if at else ""

    params, free = row["params"], row["amount"] == 0
    held = row["status"] == "pending" and row["kind"] in {"booking_started", "payment_failed"}
    return {
        "title": _short(row["title"]),
        "venue": _short(row["venue"] or ""),
        "when": moment(row["starts_at"]),
        "respond_by": moment(row["respond_by"]),
        "held_until": held_until(row, locale) if held else "",
        "sum": phrases_of(locale).free if free else formatted(row["amount"], row["currency"], locale),
        "free": free,
        "paid": formatted(row["paid"], row["currency"], locale) if row["paid"] else "",
        "back": _back(row, locale),
        "with_whom": _short(row["provider_name"] or row["tenant_name"]),
        "unanswered": UNANSWERED in (params.get("why"), params.get("reason")),
        "customer": plain(one_line(first_name(row["contact_name"]), MOST_OF_A_NAME)),
        "name": _short(row["provider_name"] or row["tenant_name"])
        if row["kind"] in KINDS_TO_PROVIDERS
        else _short(row["contact_name"] or phrases_of(locale).guest),
        "provider": _short(row["provider_name"] or "") if row["offering_kind"] == "appointment" else "",
        "seats": str(row["seats"] or ""),
        "before": moment(moment_of_param(params.get("was"))),
        "reference": row["reference"],
        "link": links.main,
        "accept_link": links.accept,
        "decline_link": links.decline,
    }


def held_until(row: dict[str, Any], locale: str) -> str:
    """The clock alone when that is on the day of the booking itself: 19:30."""
    zone = ZoneInfo(row["time_zone"])
    until, since = row["expires_at"].astimezone(zone), row["created_at"].astimezone(zone)
    if until.date() == since.date():
        return format_datetime(until, "HH:mm", locale=locale)
    return short_moment(until, row["time_zone"], locale)


def _short(words: str) -> str:
    return plain(one_line(words, MOST_OF_A_TITLE))


def _back(row: dict[str, Any], locale: str) -> str:
    """The sum that goes back; empty: nothing."""
    params = row["params"]
    amount = params.get("amount", params.get("refund_amount", row["refunded"]))
    return formatted(amount, params.get("currency") or row["currency"], locale) if amount else ""


def short_moment(moment: datetime, zone: str, locale: str) -> str:
    """Thu 24 Dec 19:30 GMT."""
    local = moment.astimezone(ZoneInfo(zone))
    words = format_datetime(local, phrases_of(locale).short_moment, locale=locale)
    return f"{words} {zone_in_words(local, locale)}"
