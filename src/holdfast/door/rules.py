"""What a code names, whether it opens the door, and the words for it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from holdfast.ids import REFERENCE_ALPHABET, REFERENCE_LENGTH

LONGEST_CODE = 300
LONGEST_SCAN_ID = 64
UNDO_WITHIN = timedelta(minutes=10)
OLDEST_SCAN = timedelta(hours=12)  # what a device kept without network
LINK = re.compile(r"/b/([A-Za-z0-9_-]{8,100})(?:[/?#]|$)")
REFERENCE = re.compile(f"[{REFERENCE_ALPHABET}]{{{REFERENCE_LENGTH}}}")

COMING = frozenset({"confirmed", "in_progress", "completed", "no_show"})
UNPAID = frozenset({"pending", "requested"})
ASK_STRIPE = frozenset({"pending", "requested", "expired"})  # the guest may have paid a moment ago


@dataclass(frozen=True)
class Code:
    """What was typed or scanned: a booking's secret (from its QR code), or its reference; neither when it is nothing of ours."""

    token: str | None = None
    reference: str | None = None


class Verdict(StrEnum):
    VALID = "valid"
    ALREADY_USED = "already_used"
    WRONG_EVENING = "wrong_evening"
    CANCELLED = "cancelled"
    NOT_PAID = "not_paid"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Words:
    """`kind` chooses colour and mark."""

    title: str
    text: str
    kind: str


WORDS: Mapping[Verdict, Words] = {
    Verdict.VALID: Words("Valid", "Let them in.", "good"),
    Verdict.ALREADY_USED: Words(
        "Already used", "These guests have come in before. Ask who stands here.", "wait"
    ),
    Verdict.WRONG_EVENING: Words("Wrong evening", "This booking is for another date.", "warn"),
    Verdict.CANCELLED: Words("Cancelled", "This booking is not valid any more.", "bad"),
    Verdict.NOT_PAID: Words("Not paid", "These seats are not paid for.", "bad"),
    Verdict.UNKNOWN: Words("Not known", "No booking of ours has this code. Type the reference.", "bad"),
}
OTHER_TEXTS: Mapping[str, str] = {
    "expired": "It was not paid in time, and the seats went back on sale.",
    "declined": "This request was declined.",
    "requested": "This request has not been accepted.",
    "stuck": "A person has to decide about its payment: ask whoever is in charge.",
    "unknown_money": "Not paid as far as we know; Stripe does not answer just now. Scan again in a moment.",
}


def read_code(text: str) -> Code:
    """A booking's link, or its reference as people type it: HF-7K3M9QPX, hf 7k3m 9qpx, 7K3M9QPX."""
    link = LINK.search(text.strip())
    if link:
        return Code(token=link[1])
    letters = re.sub(r"[^A-Z0-9]", "", text.upper())
    plain = letters.removeprefix("HF") if len(letters) == REFERENCE_LENGTH + 2 else letters
    return Code(reference=f"HF-{plain}") if REFERENCE.fullmatch(plain) else Code()


def verdict(
    booking: Mapping[str, Any] | None, event_id: int, arrival: Mapping[str, Any] | None, scan_id: str | None
) -> Verdict:
    """`arrival`: the row, when they have come in before. The same scan sent again is as valid as it was."""
    if booking is None:
        return Verdict.UNKNOWN
    if booking["offering_id"] != event_id:
        return Verdict.WRONG_EVENING
    if booking["status"] not in COMING:
        return Verdict.NOT_PAID if booking["status"] in UNPAID | {"stuck"} else Verdict.CANCELLED
    if arrival is None or (scan_id is not None and arrival["scan_id"] == scan_id):
        return Verdict.VALID
    return Verdict.ALREADY_USED


def text_of(found: Verdict, status: str | None, *, heard: bool = True) -> str:
    if found in {Verdict.NOT_PAID, Verdict.CANCELLED} and status in OTHER_TEXTS:
        return OTHER_TEXTS[str(status)]
    if found is Verdict.NOT_PAID and not heard:
        return OTHER_TEXTS["unknown_money"]
    return WORDS[found].text


def arrived_at(now: datetime, scanned_at: datetime | None) -> datetime:
    """When they stood there. A device's clock is believed within reason: not the future, not yesterday."""
    if scanned_at is None or not now - OLDEST_SCAN <= scanned_at <= now:
        return now
    return scanned_at


def may_undo(now: datetime, recorded_at: datetime) -> bool:
    return now - recorded_at <= UNDO_WITHIN
