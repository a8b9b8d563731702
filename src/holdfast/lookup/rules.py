"""What may be asked, what fits an answer, and when it is tried again. Pure."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.errors import ValidationFailed
from holdfast.money import to_minor

ASKED_AN_HOUR = 5  # for one contact
FROM_ONE_ADDRESS_A_MINUTE = 10
LONGEST_CONTACT = 254
LONGEST_SUM = 20
LARGEST_SUM = 99_999_999_999  # minor units
# Stripe's sessions of so long are looked through: the deep sweep's own window.
LOOK_BACK = timedelta(days=35)
MOST_BOOKINGS = 10
MOST_SESSIONS = 10

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=30)
GIVE_UP_AFTER = timedelta(hours=24)

SUM = re.compile(r"\d{1,9}(?:[.,]\d{1,3})?")
AROUND_A_SUM = re.compile(r"^[^\d.,-]*|[^\d.,]*$")  # £ before it, EUR behind it
LAST4 = re.compile(r"[0-9]{4}")

Proof = Mapping[str, Any]


def read(
    contact: str, region: str, *, paid: str = "", amount: int | None = None, card_last4: str = ""
) -> tuple[str, dict[str, Any]]:
    """Contact and proof; ValidationFailed with all that is wrong with both."""
    wrong: list[ValidationFailed] = []
    who, proof = "", {}
    try:
        who = read_contact(contact, region)
    except ValidationFailed as problem:
        wrong.append(problem)
    try:
        proof = read_proof(paid=paid, amount=amount, card_last4=card_last4)
    except ValidationFailed as problem:
        wrong.append(problem)
    if wrong:
        raise ValidationFailed(wrong[0].detail, errors=[one for w in wrong for one in w.extra["errors"]])
    return who, proof


def read_contact(text: str, region: str) -> str:
    """The address in lower case or the number in E.164. ValidationFailed with a sentence about the field `contact`."""
    try:
        return normalised_email(text) if "@" in text else normalised_phone(text, region)
    except ValidationFailed as problem:
        sentence = (
            problem.detail
            if "@" in text
            else "Write the e-mail address or the telephone number that you booked with."
        )
        raise _refused("contact", sentence) from None


def read_proof(*, paid: str = "", amount: int | None = None, card_last4: str = "") -> dict[str, Any]:
    """`paid` as people write a sum ("£170.00"), or `amount` in minor units, or the last four digits of the card; when a sum and
    digits are given, either may fit. ValidationFailed when there is none, or one cannot be read."""
    proof: dict[str, Any] = {}
    if paid.strip():
        written = AROUND_A_SUM.sub("", paid.strip())
        if not SUM.fullmatch(written):
            raise _refused("paid", "Write the sum like 170.00, without spaces or separators of thousands.")
        proof["paid"] = written.replace(",", ".")
    if amount is not None:
        proof["amount"] = amount
    if card_last4.strip():
        if not LAST4.fullmatch(card_last4.strip()):
            raise _refused("card_last4", "These are four digits: the last ones on the card.")
        proof["card_last4"] = card_last4.strip()
    if not proof:
        raise _refused("paid", "Tell us the sum that was paid, or the last four digits of the card.")
    return proof


def fits(proof: Proof, *, currency: str, sums: Sequence[int], cards: Sequence[str | None]) -> bool:
    """Whether the guest knew a sum that was paid (or agreed), or the card."""
    if proof.get("card_last4") in {card for card in cards if card}:
        return True
    return proof.get("amount") in sums or _in_minor(proof.get("paid"), currency) in sums


def contact_hash(secret_key: str, contact: str) -> bytes:
    """By which the questions of one contact are counted, when the contact itself is forgotten."""
    return hmac.new(secret_key.encode(), f"lookup:{contact}".encode(), sha256).digest()


def unique_key(asked_at: datetime) -> str:
    """At most one message an hour and booking. By the time of the question, so that a second try sends no second mail."""
    return f"booking_link:{asked_at:%Y%m%d%H}"


def next_try(now: datetime, tries: int) -> datetime:
    """After 1, 2, 4 … and at last every 30 minutes."""
    doublings = min(max(tries - 1, 0), 10)
    return now + min(LONGEST_WAIT, FIRST_WAIT * (1 << doublings))


def is_given_up(now: datetime, asked_at: datetime) -> bool:
    return now - asked_at >= GIVE_UP_AFTER


def _in_minor(paid: Any, currency: str) -> int | None:
    try:
        return to_minor(Decimal(str(paid)), currency) if paid else None
    except (InvalidOperation, ValueError):
        return None  # finer than this currency: then it was not paid in it


def _refused(field: str, sentence: str) -> ValidationFailed:
    return ValidationFailed(sentence, errors=[{"field": field, "problem": sentence}])
