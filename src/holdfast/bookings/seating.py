"""How the units of an event look on its page: counts in words, chairs by state, what may be chosen. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TIMES = "\N{MULTIPLICATION SIGN}"
COURSES = (("food", "Food"), ("wine", "Wine"), ("other", "And more"))


def seating(units: Sequence[Mapping[str, Any]], chosen: Mapping[int, int]) -> dict[int, dict[str, Any]]:
    """unit_id → what the page shows of it, in the units' order; the organiser's buffer is nobody's to see."""
    return {
        unit["unit_id"]: _shown(unit, chosen.get(unit["unit_id"], 0)) for unit in units if not unit["buffer"]
    }


def _shown(unit: Mapping[str, Any], wanted: int) -> dict[str, Any]:
    capacity, held = unit["capacity"], unit["held"]
    available = capacity - unit["taken"]
    booked = unit["taken"] - held
    whole = unit["pricing"] == "per_unit"
    choices = (capacity if available == capacity else 0) if whole else available
    mine = min(wanted, choices)
    taken_by_me = (capacity if mine else 0) if whole else mine
    return {
        "unit_id": unit["unit_id"],
        "label": unit["label"],
        "short_label": unit["label"].removeprefix("Table ").strip() or unit["label"],
        "kind": unit["kind"],
        "capacity": capacity,
        "pricing": unit["pricing"],
        "price": unit["price"],
        "booked": booked,
        "held": held,
        "available": available,
        "status": "available" if choices else ("held" if held else "booked"),
        "choices": choices,
        "chosen": mine,
        "left": _words(choices, capacity, held, whole),
        "left_short": f"{choices} free" if choices else ("held" if held else "full"),
        "seats": chairs(capacity, booked, held, taken_by_me),
    }


def chairs(capacity: int, booked: int, held: int, mine: int) -> list[str]:
    """The state of each chair, booked ones first: which chair is whose is nobody's choice."""
    states = ["booked"] * booked + ["held"] * held + ["mine"] * mine
    return (states + ["free"] * capacity)[:capacity]


def _words(choices: int, capacity: int, held: int, whole: bool) -> str:
    if choices == 0:
        return "Held by other guests just now" if held else "Fully booked"
    return "Free" if whole else f"{choices} of {capacity} free"


def courses(menu: Sequence[Mapping[str, Any]], quantities: Mapping[int, int]) -> list[dict[str, Any]]:
    """The menu by course, with what was ordered so far; courses without a dish are left out."""
    grouped = [
        {
            "title": title,
            "items": [
                {**item, "quantity": quantities.get(item["item_id"], 0)}
                for item in menu
                if item["category"] == category
            ],
        }
        for category, title in COURSES
    ]
    return [course for course in grouped if course["items"]]


def lines(
    units: Mapping[int, Mapping[str, Any]],
    menu: Sequence[Mapping[str, Any]],
    seats: Mapping[int, int],
    quantities: Mapping[int, int],
) -> list[dict[str, Any]]:
    """What would be paid, line by line, as take_hold will count it (schema.sql)."""
    found = []
    for unit_id, unit in units.items():
        count = seats.get(unit_id, 0)
        if count:
            whole = unit["pricing"] == "per_unit"
            noun = "guest" if whole else "seat"
            detail = f"{count} {noun}{'' if count == 1 else 's'}"
            found.append(
                {"label": unit["label"], "detail": detail, "amount": unit["price"] * (1 if whole else count)}
            )
    for item in menu:
        count = quantities.get(item["item_id"], 0)
        if count:
            found.append(
                {"label": item["name"], "detail": f"{count} {TIMES}", "amount": item["price"] * count}
            )
    return found
