"""The booking form, read as it was typed and never lost: what is wrong stands beside what was typed. Pure."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from holdfast.ids import CROCKFORD

MOST_OF_A_DISH = 99
MOST_FIELDS = 400
LONGEST_VALUE = 300
LONGEST_NAME = 120
FORM_ID = re.compile(rf"frm_([{CROCKFORD}]{{10}})[{CROCKFORD}]{{16}}")
SEATS, MENU = "seats-", "menu-"
CONTACT = ("name", "email", "phone")


@dataclass(frozen=True)
class Typed:
    """`seats` and `menu`: id → number, without zeros. `errors`: field → sentence. `raw`: every field as it came."""

    raw: Mapping[str, str]
    seats: Mapping[int, int] = field(default_factory=dict)
    menu: Mapping[int, int] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def contact(self) -> dict[str, str]:
        return {name: self.raw.get(name, "").strip() for name in CONTACT}

    @property
    def step(self) -> str:
        return self.raw.get("step", "review")


def read_form(pairs: Iterable[tuple[str, object]], *, email_needed: bool = True) -> Typed:
    """Every field is kept; numbers are read, and sentences say which could not be. E-mail and telephone are judged by
    customers/rules.py, whether seats are free by the database. `email_needed`: not where a number is known already."""
    raw = {name: value[:LONGEST_VALUE] for name, value in list(pairs)[:MOST_FIELDS] if isinstance(value, str)}
    errors: dict[str, str] = {}
    seats = _numbers(raw, SEATS, errors)
    menu = _numbers(raw, MENU, errors)
    for item_id, quantity in menu.items():
        if quantity > MOST_OF_A_DISH:
            errors[f"{MENU}{item_id}"] = f"At most {MOST_OF_A_DISH} of one dish can be ordered here."
    if not seats and not any(name.startswith(SEATS) for name in errors):
        errors["units"] = "Choose at least one seat."
    if not raw.get("name", "").strip():
        errors["name"] = "Tell us your name."
    if len(raw.get("name", "").strip()) > LONGEST_NAME:
        errors["name"] = f"Please shorten the name to {LONGEST_NAME} characters."
    if email_needed and not raw.get("email", "").strip():
        errors["email"] = "Tell us your e-mail address: your confirmation goes there."
    return Typed(raw, seats, menu, errors)


def booking_id_of_form(secret_key: str, typed: Typed) -> str | None:
    """The id of the booking that this form makes: the same each time it is sent unchanged, so that a second click makes no
    second booking. Keyed, so that nobody can have an id of their choosing. None when the form's own id was tampered with."""
    form = FORM_ID.fullmatch(typed.raw.get("form", ""))
    if form is None:
        return None
    content = sorted((name, value) for name, value in typed.raw.items() if name != "step")
    mac = hmac.new(secret_key.encode(), f"form:{json.dumps(content)}".encode(), sha256).digest()
    return f"bkg_{form[1]}" + "".join(CROCKFORD[byte % 32] for byte in mac[:16])


def _numbers(raw: Mapping[str, str], prefix: str, errors: dict[str, str]) -> dict[int, int]:
    found = {}
    for name, value in raw.items():
        key = name.removeprefix(prefix)
        if not name.startswith(prefix) or not key.isdecimal() or len(key) > 18:
            continue
        text = value.strip() or "0"
        if not text.isdecimal() or len(text) > 6:
            errors[name] = "Type a whole number."
        elif int(text):
            found[int(key)] = int(text)
    return found
