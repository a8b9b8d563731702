"""A made-up booking, by which a tenant sees what its words become, and the built-in words to begin with. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.messages.facts import phrases_of
from holdfast.messages.languages import LOCALES, language_of, path_of
from holdfast.messages.own_words import MEANINGS, SMS_ONLY
from holdfast.messages.render import without_frame, words

Row = dict[str, Any]

BOOKING_ID = "bkg_sample"
REFERENCE = "HF-SAMPLE01"
OF_REQUESTS = ("request_", "provider_", "authorisation_", "booking_rescheduled")
SAMPLES = {
    "en": ("Sam Sample", "1 Sample Street", "Table 4", "Sample pie", "Alex Example"),
    "de": ("Kim Muster", "Musterstraße 1", "Tisch 4", "Musterpastete", "Alex Beispiel"),
}
TITLES = {  # of an evening, and of an appointment
    "en": ("Dinner and a show", "Half an hour at the piano"),
    "de": ("Dinner mit Show", "Eine halbe Stunde am Klavier"),
}
# A line of the built-in words that names one of these says nothing without it.
MAY_BE_EMPTY = (
    "provider",
    "venue",
    "when",
    "held_until",
    "respond_by",
    "before",
    "paid",
    "returned",
    "customer",
)
WRAPPED_FROM = 60  # a line of the built-in words that is at least as long goes on in the next one


def locale_for(tenant: Row, language: str) -> str:
    """The tenant's own where it speaks that language."""
    return str(tenant["locale"]) if language_of(tenant["locale"]) == language else LOCALES[language]


def sample_row(tenant: Row, kind: str, channel: str, language: str, now: datetime) -> Row:
    """What store.facts_of would say of a booking; `tenant` is a row of tenants."""
    name, venue, table, dish, provider = SAMPLES[language]
    appointment = kind.startswith(OF_REQUESTS)
    title = TITLES[language][appointment]
    starts = (now + timedelta(days=14)).replace(hour=18, minute=30, second=0, microsecond=0)
    waits = kind in {"booking_started", "payment_failed"}
    price = 24000
    service = {"kind": "service", "label": title, "quantity": 1, "amount": price, "category": None}
    evening = [
        {"kind": "unit", "label": table, "quantity": 2, "amount": price - 3700, "category": None},
        {"kind": "menu", "label": dish, "quantity": 2, "amount": 3700, "category": "food"},
    ]
    return {
        "message_id": "msg_sample",
        "kind": kind,
        "channel": channel,
        "recipient": "",
        "params": _params(kind, tenant, price, starts),
        "booking_id": None if kind in SMS_ONLY else BOOKING_ID,
        "reference": REFERENCE,
        "status": "pending" if waits else "requested" if kind.startswith("request_") else "confirmed",
        "contact_name": name,
        "seats": 2,
        "expires_at": now + timedelta(minutes=30),
        "created_at": now,
        "written_at": now,
        "body_text": None,
        "unknown_tries": 0,
        "amount": price,
        "currency": tenant["currency"],
        "refund_tiers": [{"notice_hours": 24, "percent": 100}, {"notice_hours": 2, "percent": 50}],
        "details": "",
        "respond_by": now + timedelta(days=2) if appointment else None,
        "accepted_at": None,
        "title": title,
        "venue": "" if appointment else venue,
        "offering_kind": "appointment" if appointment else "event",
        "starts_at": starts,
        "ends_at": starts + timedelta(hours=3),
        "time_zone": tenant["time_zone"],
        "version": 1,
        "provider_name": provider if appointment else None,
        "tenant_name": tenant["name"],
        "locale": locale_for(tenant, language),
        "accent": tenant["accent"],
        "mail_from": tenant["mail_from"],
        "contact_email_of_tenant": tenant["contact_email"],
        "paid": 0 if waits or kind.startswith(("request_", "authorisation_")) else price,
        "card_brand": "visa",
        "card_last4": "4242",
        "refunded": 0,
        "lines": [service] if appointment else evening,
        "places": [{"label": table, "guests": 2}],
        "own_words": {},
    }


def _params(kind: str, tenant: Row, price: int, starts: datetime) -> Row:
    if kind in {"booking_cancelled", "money_returned"}:
        return {"amount": price, "currency": tenant["currency"], "why": "late"}
    if kind in {"booking_rescheduled", "provider_booking_rescheduled"}:
        return {"was": (starts - timedelta(days=1)).isoformat()}
    return {"link_id": "lnk_sample"} if kind in {"request_to_answer", "request_reminder"} else {}


def starting_words(kind: str, channel: str, language: str) -> tuple[str, str]:
    """The built-in subject and words with placeholders in their places: what a tenant begins to change."""
    facts = _facts_of_placeholders(kind, LOCALES[language])
    if channel == "sms":
        return "", words(path_of(language, f"sms/{kind}.txt"), facts).strip()
    subject = phrases_of(LOCALES[language]).subjects[kind]
    template = path_of(language, f"mail/{kind}.txt")
    facts |= {"accept_link": "", "decline_link": ""}  # they stand in the frame
    lines = [_if_it_is_there(line) for line in _unwrapped(without_frame(template, facts))]
    subject = subject.replace("{title}", "{{ title }}").replace("{reference}", "{{ reference }}")
    return subject, "\n".join(lines)


def _unwrapped(text: str) -> list[str]:
    """One line for what the template wraps, and one empty line between paragraphs."""
    lines: list[str] = []
    for line in (line.strip() for line in text.strip().splitlines()):
        goes_on = bool(lines and line) and len(lines[-1]) >= WRAPPED_FROM and not line.startswith("-")
        if goes_on:
            lines[-1] += f" {line}"
        elif line or (lines and lines[-1]):
            lines.append(line)
    return lines


def _if_it_is_there(line: str) -> str:
    for name in MAY_BE_EMPTY:
        if f"{{{{ {name} }}}}" in line:
            return f"{{% if {name} %}}\n{line}\n{{% endif %}}"
    return line


def _facts_of_placeholders(kind: str, locale: str) -> Row:
    phrases = phrases_of(locale)
    appointment = kind.startswith(OF_REQUESTS)
    placeholders = {name: f"{{{{ {name} }}}}" for name in MEANINGS}
    provider = placeholders["provider"] if appointment else ""
    return {
        **placeholders,
        **dict.fromkeys(("why", "reason", "details", "card", "text", "time_is_free", "qr_cid", "places"), ""),
        **dict.fromkeys(("places", "menu", "units", "services", "adjustments"), ()),
        "addressee": placeholders["name"],
        "provider": provider,
        "with_whom": provider or placeholders["tenant"],
        "appointment": appointment,
        "to_provider": False,
        "free": False,
        "unanswered": False,
        "status": "confirmed",
        "cancellation": [placeholders["cancellation"]],
        "was_before": phrases.before.format(before=placeholders["before"]),
        "put_into_calendar": "",
        # As an SMS calls them.
        "sum": placeholders["total"],
        "back": placeholders["returned"],
        "contact": placeholders["contact_email"],
    }
