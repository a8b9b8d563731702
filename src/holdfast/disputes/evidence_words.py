"""The words of an evidence pack: pure. Times on the clock of the place, sums as people write them, nothing that is secret."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.messages.rules import KINDS_TO_PROVIDERS
from holdfast.money import formatted

LONGEST_FIELD = 20_000  # characters, Stripe's; all text fields together 150,000
LONGEST_BODY = 8_000
CUT = " […]"
LINK = re.compile(r"https?://\S+", re.IGNORECASE)
IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
IPV6 = re.compile(
    r"(?<![\w:])(?:(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}"
    r"|(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?)(?![\w:])",
    re.IGNORECASE,
)
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

PLACED_BY = {
    "page": "The customer chose it, saw this total and the refund rules below on one page, and placed the order there.",
    "api": "It was placed through another page of ours that used our booking system; total and refund rules were fixed with it.",
    "rebuilt": "It was restored from the signed record that was kept with the payment at Stripe.",
    "foreign": "It was placed in another booking system and taken over from the record kept with the payment at Stripe.",
}
WHO = {"customer": "the customer", "stripe": "Stripe", "worker": "our system", "operator": "our system"}
WHO_BY_KIND = {"staff": "our staff", "provider": "the provider"}
OUR_DOING = frozenset(
    {"confirmed", "expired", "stuck", "money_goes_back", "payment_failed", "hold_extended", "refund_owed"}
)
OUTCOME = {
    "queued": "waiting to be sent",
    "sending": "waiting to be sent",
    "sent": "accepted by the recipient's server",
    "delivered": "delivered",
    "failed": "could not be delivered",
    "suppressed": "not sent",
}
CAME = {
    "completed": "The booking was used: it is recorded as completed.",
    "in_progress": "The booking is being used now.",
    "no_show": "The customer did not come. The places were kept and could not be sold to anybody else.",
}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """The rows of one dispute. `timeline`: [{"at", "what", "title", "text", "actor"}], already in words."""

    dispute: Row
    agreement: Row
    lines: Sequence[Row]
    payments: Sequence[Row]
    refunds: Sequence[Row]
    messages: Sequence[Row]
    timeline: Sequence[Row]


def clean(text: str) -> str:
    """Without links, network addresses and what cannot be printed."""
    plain = UNPRINTABLE.sub("", text)
    return IPV6.sub("[address]", IPV4.sub("[address]", LINK.sub("[link]", plain)))


def refund_rules(case: Case) -> list[str]:
    """The rules with their real dates. The start is the one that holds now: it may have been moved."""
    agreed = case.agreement
    tiers = sorted(agreed["refund_tiers"], key=lambda tier: -int(tier["notice_hours"]))
    if agreed["starts_at"] is None:
        return ["It has no fixed time: cancelled before it is delivered, all of the money is returned."]
    told = [_tier(case, int(tier["notice_hours"]), int(tier["percent"])) for tier in tiers]
    moved = (
        ["These dates go by the time that holds now: it was moved after the order."]
        if agreed["moved"]
        else []
    )
    return [*told, "Cancelled later, nothing is returned." if told else "It is not refundable.", *moved]


def _tier(case: Case, hours: int, percent: int) -> str:
    until = moment(case, case.agreement["starts_at"] - timedelta(hours=hours))
    return f"Cancelled by {until} ({hours} hours before the start): {percent}% is returned."


def attendance(case: Case) -> str:
    agreed = case.agreement
    if agreed["arrived_at"]:
        return (
            f"The customer's booking code was accepted at the door on {moment(case, agreed['arrived_at'])}."
        )
    return CAME.get(agreed["status"], "No arrival is recorded.")


def messages_to_customer(case: Case) -> list[Row]:
    return [one for one in case.messages if one["kind"] not in KINDS_TO_PROVIDERS]


def delivery(case: Case, message: Row) -> str:
    """`email to ada@example.com, accepted by the recipient's server on …`"""
    at = message["delivered_at"] or message["sent_at"]
    how = OUTCOME.get(message["status"], message["status"])
    return f"{message['channel']} to {message['recipient'] or 'nobody'}, {how}" + (
        f" on {moment(case, at)}" if at else ""
    )


def body(message: Row) -> str:
    return cut(clean(message["body_text"] or ""), LONGEST_BODY)


def what_happened(entry: Row) -> str:
    return clean(f"{entry['title']}: {entry['text']}" if entry["text"] else entry["title"])


def who_did(entry: Row) -> str:
    """What follows from a payment is not the customer's doing, though it was seen when the customer opened a page."""
    return who("worker" if entry["actor"] == "customer" and entry["what"] in OUR_DOING else entry["actor"])


def who(actor: str) -> str:
    """Without the hint of a key: a bank has no use for it."""
    kind = actor.partition(":")[0]
    return WHO.get(actor) or WHO_BY_KIND.get(kind, "our system")


def card(payment: Row) -> str:
    return (
        f"{payment['card_brand'] or 'card'} ending in {payment['card_last4']}"
        if payment["card_last4"]
        else ""
    )


def money(case: Case, amount: int) -> str:
    return formatted(amount, case.agreement["currency"])


def moment(case: Case, at: datetime | None) -> str:
    """On the clock of the place, and which clock that is; empty when there is no time."""
    if at is None:
        return ""
    there = at.astimezone(ZoneInfo(case.agreement["time_zone"]))
    return there.strftime(f"%-d %B %Y, %H:%M{':%S' if there.second else ''} %Z")


def cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - len(CUT)] + CUT
