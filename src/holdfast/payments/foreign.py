"""Reading metadata that another system wrote on its session: what can be mapped is; what cannot is left to a person, never
guessed. Pure.

All values are strings; lists are JSON inside. The names come from the five systems that this was learnt from, and
FOREIGN_METADATA_MAP adds more: {"event": ["show_id"], "seats": ["pax"]}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMES: Mapping[str, tuple[str, ...]] = {
    "event": ("eventId", "event_id"),
    "units": ("tableId", "tableIds", "table", "tables", "unitId"),
    "seats": ("seats", "guests", "guestCount", "partySize", "quantity"),
    "menu": ("foodItems", "food", "items", "menu", "wineItems", "wine"),
    "name": ("customerName", "name"),
    "email": ("customerEmail", "email"),
    "phone": ("customerPhone", "phone"),
}
MOST_SEATS = 1000
MOST_ITEMS = 100
MOST_QUANTITY = 1000


@dataclass(frozen=True)
class WantedItem:
    name: str  # an id or a name
    quantity: int


@dataclass(frozen=True)
class ForeignOrder:
    """What the metadata says. `problems` are sentences about what it says unclearly."""

    event_id: int | None
    unit_names: tuple[str, ...]
    seats: int | None
    menu: tuple[WantedItem, ...]
    name: str
    email: str
    phone: str
    problems: tuple[str, ...]


def read_map(setting: str) -> Mapping[str, tuple[str, ...]]:
    """The built-in names with the setting's behind them. A setting that is not such a JSON object is a ValueError."""
    if not setting:
        return NAMES
    extra = json.loads(setting)
    if not isinstance(extra, dict) or any(
        key not in NAMES or not isinstance(names, list) for key, names in extra.items()
    ):
        raise ValueError(f"must be a JSON object of lists, with the keys {', '.join(NAMES)}")
    return {key: (*names, *(str(name) for name in extra.get(key, ()))) for key, names in NAMES.items()}


def read_order(
    metadata: Mapping[str, str], details: Mapping[str, Any], names: Mapping[str, Sequence[str]] = NAMES
) -> ForeignOrder:
    """From a session's metadata, with its customer_details for what is missing."""
    problems: list[str] = []
    units = _names(_first(metadata, names["units"]))
    seats, listed_units = _seats(_first(metadata, names["seats"]), problems)
    menu: list[WantedItem] = []
    for key in names["menu"]:
        if metadata.get(key):
            menu += _items(key, metadata[key], problems)
    return ForeignOrder(
        event_id=_whole(_first(metadata, names["event"])),
        unit_names=tuple(units or listed_units),
        seats=seats,
        menu=tuple(menu[:MOST_ITEMS]),
        name=_first(metadata, names["name"]) or _clean(details.get("name") or ""),
        email=_first(metadata, names["email"]) or _clean(details.get("email") or ""),
        phone=_first(metadata, names["phone"]) or _clean(details.get("phone") or ""),
        problems=tuple(problems),
    )


def _first(metadata: Mapping[str, str], names: Sequence[str]) -> str:
    return next((text for name in names if (text := _clean(metadata.get(name, "")))), "")


def _clean(value: Any) -> str:
    """Without what PostgreSQL cannot store and JSON can spell: NUL, and half a surrogate pair."""
    return str(value).encode("utf-8", "ignore").decode().replace("\x00", "").strip()


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def _names(text: str) -> list[str]:
    """`5`, `Table 5`, `5,6`, `["5", "6"]` or `[{"id": 5}]`."""
    parsed = _json(text)
    if isinstance(parsed, list):
        return [_name_of(one) for one in parsed if _name_of(one)]
    return [part.strip() for part in text.split(",") if part.strip()]


def _name_of(one: Any) -> str:
    if isinstance(one, dict):
        one = one.get("id", one.get("tableId", one.get("label", one.get("name", ""))))
    return _clean(one) if isinstance(one, str | int) and not isinstance(one, bool) else ""


def _seats(text: str, problems: list[str]) -> tuple[int | None, list[str]]:
    """A number of people; or a list, one entry a seat, such as `["T1-1", "T1-2"]` or `[{"table": "T1", "seats": 2}]`."""
    number = _whole(text)
    if number is not None:
        if 0 < number <= MOST_SEATS:
            return number, []
        problems.append(f"it says {text[:40]} seats")
        return None, []
    parsed = _json(text)
    if isinstance(parsed, list) and parsed:
        counted: list[Any] = [
            one.get("seats", one.get("quantity", 1)) if isinstance(one, dict) else 1 for one in parsed
        ]
        if (
            all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in counted)
            and sum(counted) <= MOST_SEATS
        ):
            tables = {
                _clean(one.get("table", one.get("tableId", ""))) for one in parsed if isinstance(one, dict)
            } - {""}
            return sum(counted), sorted(tables)
    if text:
        problems.append("its number of seats cannot be read")
    return None, []


def _items(key: str, text: str, problems: list[str]) -> list[WantedItem]:
    parsed = _json(text)
    if isinstance(parsed, dict):  # {"Lamb shank": 2}
        parsed = [{"name": name, "quantity": quantity} for name, quantity in parsed.items()]
    if not isinstance(parsed, list):
        problems.append(f"its {key} cannot be read")
        return []
    found = [_item(one) for one in parsed]
    if any(one is None for one in found):
        problems.append(f"some of its {key} cannot be read")
    return [one for one in found if one is not None]


def _item(one: Any) -> WantedItem | None:
    if isinstance(one, str) and _clean(one):
        return WantedItem(_clean(one)[:120], 1)
    if not isinstance(one, dict):
        return None
    name = one.get("id", one.get("name"))
    quantity = one.get("quantity", one.get("qty", 1))
    quantity = _whole(quantity) if isinstance(quantity, str) else quantity
    if (
        not isinstance(name, str | int)
        or isinstance(name, bool)
        or not isinstance(quantity, int)
        or isinstance(quantity, bool)
    ):
        return None
    return (
        WantedItem(_clean(name)[:120], quantity) if 0 < quantity <= MOST_QUANTITY and _clean(name) else None
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
