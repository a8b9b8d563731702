"""What somebody typed: which kind of thing it names, and how the database writes it. Pure."""

from __future__ import annotations

import re

from holdfast.customers.rules import normalised_email, normalised_phone
from holdfast.errors import ValidationFailed

BY_PREFIX = {
    "ord_": "order",
    "bkg_": "booking",
    "cus_": "customer",
    "att_": "attempt",
    "pay_": "payment",
    "msg_": "message",
    "ref_": "refund",
    "cs_": "session",
    "pi_": "intent",
    "ch_": "charge",
    "py_": "charge",
    "re_": "refund",
    "pyr_": "refund",
    "du_": "dispute",
    "dp_": "dispute",
    "evt_": "event",
}
AT_STRIPE = frozenset(
    {"session", "intent", "charge"}
)  # what Stripe can be asked about though we know nothing of it
REFERENCE = re.compile(r"(HF-?)?([2-9A-HJ-NP-Z]{8})")
LAST_FOUR = re.compile(r"[0-9]{4}")
PHONE = re.compile(r"[+0-9][0-9 ()./-]{5,24}")
MOST_CHARACTERS = 255


def understood(what: str, region: str) -> tuple[str, str]:
    """(which kind, its written form). Raises ValidationFailed when it can be nothing that we know."""
    text = what.strip()
    if not text or len(text) > MOST_CHARACTERS:
        raise ValidationFailed(
            "Say what to look for: an id, a reference, an e-mail, a phone number, or four digits of a card."
        )
    if "@" in text:
        return "email", normalised_email(text)
    for prefix, kind in BY_PREFIX.items():
        if text.startswith(prefix):
            return kind, text
    if LAST_FOUR.fullmatch(text):
        return "last4", text
    if found := REFERENCE.fullmatch(text.upper()):
        return "reference", f"HF-{found[2]}"
    if PHONE.fullmatch(text):
        return "phone", normalised_phone(text, region)
    raise ValidationFailed(
        f"{text!r} is neither an id (ord_, bkg_, cus_, cs_, pi_, ch_, re_, evt_ …), a reference (HF-…), an e-mail, "
        "a phone number nor the last four digits of a card."
    )
