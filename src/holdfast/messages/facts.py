"""What a message says, as words and figures: the rows come in, the words come out. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time

from holdfast.money import formatted, share

FALLBACK_LOCALE = "en_GB"


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
    return f"{day}, {hour} {local.tzname()}"


def facts_for_words(row: dict[str, Any], params: dict[str, Any], link: str, now: datetime) -> dict[str, Any]:
    """Everything the templates name. `row` is store.facts_of's."""
    locale = known_locale(row["locale"])
    currency = row["currency"]
    zone = row["time_zone"]
    units = [line for line in row["lines"] if line["kind"] == "unit"]
    return {
        "guest": row["contact_name"],
        "tenant": row["tenant_name"],
        "contact_email": row["contact_email_of_tenant"],
        "accent": row["accent"],
        "accent_ink": ink_on(row["accent"]),
        "title": row["title"],
        "venue": row["venue"],
        "when": moment_in_words(row["starts_at"], zone, locale) if row["starts_at"] else "",
        "reference": row["reference"],
        "places": row["places"],
        "guests": row["seats"],
        "units": _worded(units, currency, locale),
        "menu": _worded([line for line in row["lines"] if line["kind"] == "menu"], currency, locale),
        "adjustments": _worded(
            [line for line in row["lines"] if line["kind"] == "adjustment"], currency, locale
        ),
        "total": formatted(row["amount"], currency, locale),
        "paid": formatted(row["paid"], currency, locale) if row["paid"] else "",
        "card": f"{(row['card_brand'] or 'card').title()} ending {row['card_last4']}"
        if row["card_last4"]
        else "",
        "cancellation": cancellation_rule(
            row["refund_tiers"], row["starts_at"], row["paid"], currency, zone, locale, now
        ),
        "status": row["status"],
        "held_until": moment_in_words(row["expires_at"], zone, locale)
        if row["status"] == "pending" and row["expires_at"] > now
        else "",
        "returned": _returned(row, params, locale),
        "why": params.get("why", ""),
        "link": link,
        "locale": locale.replace("_", "-"),
    }


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
    if not paid or starts_at is None:
        return ["You can cancel at any time with the link to your booking."]
    said: list[str] = []
    best = 0
    for tier in sorted(tiers, key=lambda tier: -tier["notice_hours"]):
        until = starts_at - timedelta(hours=tier["notice_hours"])
        if until < now or tier["percent"] <= 0:
            continue
        if tier["percent"] == 100:
            back = f"everything you paid ({formatted(paid, currency, locale)})"
        else:
            back = f"{tier['percent']}% ({formatted(share(paid, tier['percent']), currency, locale)})"
        said.append(f"If you cancel by {moment_in_words(until, zone, locale)}, you get back {back}.")
        best = tier["percent"]
    said.append(
        "After that, nothing is refunded." if best else "It can no longer be cancelled with a refund."
    )
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


def _returned(row: dict[str, Any], params: dict[str, Any], locale: str) -> str:
    """The sum that goes back: what the cause said, else what is on its way for this order. Empty: nothing."""
    amount = params.get("amount", params.get("refund_amount", row["refunded"]))
    return formatted(amount, params.get("currency") or row["currency"], locale) if amount else ""
