"""What a message says, as words and figures: the rows come in, the words come out. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name

from holdfast.messages.languages import ENGLISH, PHRASES, Phrases, in_their_language, language_of
from holdfast.messages.rules import KINDS_TO_PROVIDERS
from holdfast.messages.senders.mail import one_line
from holdfast.money import formatted, share

FALLBACK_LOCALE = "en_GB"
MOST_DETAILS = 1000  # characters of what a customer told; the whole is on the pages
MOST_OF_A_FIRST_NAME = 40
UNANSWERED = "unanswered"  # what stands as reason where the deadline passed


def known_locale(name: str) -> str:
    """The tenant's locale, or British English when nobody knows it: a mail is never held up by a setting like
    that."""
    try:
        return str(Locale.parse(name))
    except (UnknownLocaleError, ValueError):
        return FALLBACK_LOCALE


def moment_in_words(moment: datetime, zone: str, locale: str) -> str:
    """Thursday, 24 December 2026, 19:30 GMT: in the place's own time, which is named."""
    local = moment.astimezone(ZoneInfo(zone))
    day = format_date(local, "full", locale=locale)
    hour = format_time(local, "short", tzinfo=ZoneInfo(zone), locale=locale)
    return phrases_of(locale).moment.format(day=day, hour=hour, zone=zone_in_words(local, locale))


def zone_in_words(local: datetime, locale: str) -> str:
    """GMT, or MEZ where the reader's language has a name of its own for it."""
    name = get_timezone_name(local, "short", locale=locale) if language_of(locale) != ENGLISH else ""
    return name if name.isalpha() else str(local.tzname())


def phrases_of(locale: str) -> Phrases:
    return PHRASES[language_of(locale)]


def moment_of(row: dict[str, Any], moment: datetime, locale: str) -> str:
    """The same; of an appointment with the name of the provider's zone, because the reader may live in another."""
    words = moment_in_words(moment, row["time_zone"], locale)
    return f"{words} ({row['time_zone']})" if row["offering_kind"] == "appointment" else words


def facts_for_words(row: dict[str, Any], params: dict[str, Any], link: str, now: datetime) -> dict[str, Any]:
    """Everything the templates name. `row` is store.facts_of's; `link` the booking's, or for a provider the page of
    requests."""
    locale = known_locale(row["locale"])
    return {**_of_any_booking(row, params, link, now, locale), **_of_requests(row, params, locale)}


def facts_of_sign_in(row: dict[str, Any]) -> dict[str, Any]:
    """What the layout names, where the message is about no booking. `row` is store.sign_in_facts_of's."""
    return {
        "to_provider": True,
        "addressee": row["provider_name"],
        "tenant": row["tenant_name"],
        "contact_email": row["contact_email_of_tenant"],
        "accent": row["accent"],
        "accent_ink": ink_on(row["accent"]),
        "reference": "",
        "until": moment_in_words(row["expires_at"], row["time_zone"], known_locale(row["locale"])),
    }


def _of_requests(row: dict[str, Any], params: dict[str, Any], locale: str) -> dict[str, Any]:
    """What is said of appointments, to both sides. A provider learns the customer's first name and what the customer told
    them, and neither side the other's address or number."""
    to_provider = row["kind"] in KINDS_TO_PROVIDERS
    appointment = row["offering_kind"] == "appointment"
    customer = first_name(row["contact_name"])
    was = moment_of_param(params.get("was"))
    before = moment_of(row, was, locale) if was else ""
    phrases = phrases_of(locale)
    return {
        "to_provider": to_provider,
        "addressee": (row["provider_name"] or row["tenant_name"])
        if to_provider
        else row["contact_name"] or phrases.guest,
        "appointment": appointment,
        "provider": row["provider_name"] or "" if appointment else "",
        "with_whom": row["provider_name"] or row["tenant_name"],
        "customer": customer,
        "details": bounded(row["details"]),
        "respond_by": moment_of(row, row["respond_by"], locale) if row["respond_by"] else "",
        "free": row["amount"] == 0,
        "services": _worded(
            [line for line in row["lines"] if line["kind"] == "service"], row["currency"], locale
        ),
        "reason": bounded(str(params.get("reason") or "")) if params.get("reason") != UNANSWERED else "",
        "unanswered": UNANSWERED in (params.get("why"), params.get("reason")),
        "before": before,
        "was_before": phrases.before.format(before=before) if before else "",
        "time_is_free": phrases.time_is_free if row["starts_at"] else "",
        "put_into_calendar": phrases.into_calendar if row["starts_at"] else "",
        "accept_link": "",
        "decline_link": "",
    }


def _of_any_booking(
    row: dict[str, Any], params: dict[str, Any], link: str, now: datetime, locale: str
) -> dict[str, Any]:
    currency = row["currency"]
    zone = row["time_zone"]
    units = [line for line in row["lines"] if line["kind"] == "unit"]
    return {
        "tenant": row["tenant_name"],
        "contact_email": row["contact_email_of_tenant"],
        "accent": row["accent"],
        "accent_ink": ink_on(row["accent"]),
        "title": row["title"],
        "venue": row["venue"],
        "when": moment_of(row, row["starts_at"], locale) if row["starts_at"] else "",
        "reference": row["reference"],
        "places": row["places"] if row["offering_kind"] != "appointment" else [],
        "guests": row["seats"],
        "units": _worded(units, currency, locale),
        "menu": _worded([line for line in row["lines"] if line["kind"] == "menu"], currency, locale),
        "adjustments": _worded(
            [line for line in row["lines"] if line["kind"] == "adjustment"], currency, locale
        ),
        "total": formatted(row["amount"], currency, locale),
        "paid": formatted(row["paid"], currency, locale) if row["paid"] else "",
        "card": _card(row, locale),
        "cancellation": cancellation_rule(
            row["refund_tiers"], row["starts_at"], row["paid"], currency, zone, locale, now
        ),
        "status": row["status"],
        "held_until": moment_of(row, row["expires_at"], locale)
        if row["status"] == "pending" and row["expires_at"] > now
        else "",
        "returned": _returned(row, params, locale),
        "why": in_their_language(str(params.get("why") or ""), language_of(locale)),
        "text": bounded(str(params.get("text") or "")),
        "link": link,
        "locale": locale.replace("_", "-"),
    }


def first_name(name: str) -> str:
    """What a provider calls the customer before they have agreed on anything: never the surname."""
    words = one_line(name).split()
    return one_line(words[0], MOST_OF_A_FIRST_NAME) if words else ""


def bounded(text: str, most: int = MOST_DETAILS) -> str:
    """Text of several lines, each safe, all together not endless."""
    lines = [one_line(line, most) for line in text.splitlines()]
    whole = "\n".join(lines).strip()
    return whole if len(whole) <= most else whole[: most - 1].rstrip() + "…"


def moment_of_param(told: object) -> datetime | None:
    """A time among a message's parameters (RFC 3339); None when there is none that can be read."""
    try:
        moment = datetime.fromisoformat(str(told)) if told else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def ink_on(background: str) -> str:
    """Black or white, whichever is read better on the colour (WCAG's relative luminance)."""
    channels = [int(background[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"


def cancellation_rule(
    tiers: list[dict[str, Any]],
    starts_at: datetime | None,
    paid: int,
    currency: str,
    zone: str,
    locale: str,
    now: datetime,
) -> list[str]:
    """What comes back until when, a sentence each, as agreed with this order. Tiers whose time is over are
    left out."""
    phrases = phrases_of(locale)
    if not paid or starts_at is None:
        return [phrases.any_time]
    said: list[str] = []
    best = 0
    for tier in sorted(tiers, key=lambda tier: -tier["notice_hours"]):
        until = starts_at - timedelta(hours=tier["notice_hours"])
        if until < now or tier["percent"] <= 0:
            continue
        if tier["percent"] == 100:
            back = phrases.everything.format(sum=formatted(paid, currency, locale))
        else:
            part = formatted(share(paid, tier["percent"]), currency, locale)
            back = phrases.a_share.format(percent=tier["percent"], sum=part)
        said.append(phrases.by_then.format(until=moment_in_words(until, zone, locale), back=back))
        best = tier["percent"]
    said.append(phrases.after_that if best else phrases.no_refund)
    return said


def _worded(lines: list[dict[str, Any]], currency: str, locale: str) -> list[dict[str, Any]]:
    return [
        {
            "label": line["label"],
            "quantity": line["quantity"],
            "category": line["category"] or "",
            "amount": formatted(line["amount"], currency, locale),
        }
        for line in lines
    ]


def _card(row: dict[str, Any], locale: str) -> str:
    phrases = phrases_of(locale)
    brand = row["card_brand"].title() if row["card_brand"] else phrases.any_card
    return phrases.card.format(brand=brand, last4=row["card_last4"]) if row["card_last4"] else ""


def _returned(row: dict[str, Any], params: dict[str, Any], locale: str) -> str:
    """The sum that goes back: what the cause said, else what is on its way for this order. Empty: nothing."""
    amount = params.get("amount", params.get("refund_amount", row["refunded"]))
    return formatted(amount, params.get("currency") or row["currency"], locale) if amount else ""
