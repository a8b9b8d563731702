"""Where things stand in the plan of a room: pure geometry, from the units' own positions.

A unit's plan is {"x", "y", "shape": "round" | "square" | "area", "width", "height"}: the middle of a table and its size, in
units of which the room is about 1000 wide. What has no position is put into rows below the rest, so that a plan is never
missing a table. Seats stand evenly round a table, or in rows within an area; which of them are taken says only how many are:
nobody chooses a chair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, cos, pi, sin, sqrt
from typing import Any

SEAT = 13  # radius of a chair
GAP = 7  # between a table's edge and its chairs
MARGIN = 40
STAGE_WIDTH, STAGE_HEIGHT = 420, 84
STAGE_SPACE = STAGE_HEIGHT + 48
ROOM_WIDTH = 1000
ROW_OF_UNPLACED = 5
MOST_SEATS_DRAWN = 60  # a large area shows a number instead


@dataclass(frozen=True)
class Seat:
    x: float
    y: float


@dataclass(frozen=True)
class Table:
    unit_id: int
    label: str
    shape: str
    x: float
    y: float
    width: float
    height: float
    seats: tuple[Seat, ...]


@dataclass(frozen=True)
class Plan:
    """`left`, `top`, `width`, `height` are the viewBox; the stage is at the middle of the upper wall."""

    left: float
    top: float
    width: float
    height: float
    stage: tuple[float, float, float, float]
    tables: tuple[Table, ...]


def plan_of(units: Sequence[Mapping[str, Any]]) -> Plan:
    """Every unit, drawn; the stage above them all."""
    tables = tuple(_table(unit, place) for unit, place in zip(units, _places(units), strict=True))
    left = min([0.0, *(table.x - _reach(table)[0] - MARGIN for table in tables)])
    right = max([float(ROOM_WIDTH), *(table.x + _reach(table)[0] + MARGIN for table in tables)])
    highest = min([float(STAGE_SPACE), *(table.y - _reach(table)[1] for table in tables)])
    top = min(0.0, highest - STAGE_SPACE - MARGIN)
    bottom = max([top + STAGE_SPACE, *(table.y + _reach(table)[1] for table in tables)]) + MARGIN
    stage = ((left + right - STAGE_WIDTH) / 2, top + 16, STAGE_WIDTH, STAGE_HEIGHT)
    return Plan(left, top, right - left, bottom - top, stage, tables)


def _places(units: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    lowest = max((float(unit["plan"]["y"]) for unit in units if _placed(unit)), default=60.0)
    places, unplaced = [], 0
    for unit in units:
        if _placed(unit):
            places.append((float(unit["plan"]["x"]), float(unit["plan"]["y"])))
        else:
            row, column = divmod(unplaced, ROW_OF_UNPLACED)
            places.append((ROOM_WIDTH / ROW_OF_UNPLACED * (column + 0.5), lowest + 180 * (row + 1)))
            unplaced += 1
    return places


def _placed(unit: Mapping[str, Any]) -> bool:
    return "x" in unit["plan"] and "y" in unit["plan"]


def _table(unit: Mapping[str, Any], place: tuple[float, float]) -> Table:
    plan, capacity = unit["plan"], int(unit["capacity"])
    shape = str(plan.get("shape") or ("area" if unit["kind"] == "area" else "round"))
    width = float(plan.get("width") or _usual_size(shape, capacity))
    height = float(plan.get("height") or (width if shape != "area" else 110))
    x, y = place
    seats = _seats(shape, capacity, width, height)
    return Table(
        unit["unit_id"],
        unit["label"],
        shape,
        x,
        y,
        width,
        height,
        tuple(Seat(round(x + a, 1), round(y + b, 1)) for a, b in seats),
    )


def _usual_size(shape: str, capacity: int) -> float:
    """As much edge as its chairs need."""
    if shape == "area":
        return 320
    room_for_chairs = capacity * (2 * SEAT + 6)
    return (
        max(64.0, room_for_chairs / pi - SEAT)
        if shape == "round"
        else max(64.0, ceil(capacity / 2) * (2 * SEAT + 8.0))
    )


def _seats(shape: str, capacity: int, width: float, height: float) -> list[tuple[float, float]]:
    if shape == "area":
        return _rows(capacity, width, height)
    if shape == "square":
        return _along_the_sides(capacity, width, height)
    across = width / 2 + GAP + SEAT
    down = height / 2 + GAP + SEAT
    angles = (2 * pi * seat / capacity - pi / 2 for seat in range(capacity))
    return [(across * cos(angle), down * sin(angle)) for angle in angles]


def _along_the_sides(capacity: int, width: float, height: float) -> list[tuple[float, float]]:
    """Half above, half below."""
    above = ceil(capacity / 2)
    offset = height / 2 + GAP + SEAT
    sides = ((above, -offset), (capacity - above, offset))
    return [(width * ((seat + 0.5) / count - 0.5), y) for count, y in sides for seat in range(count)]


def _rows(capacity: int, width: float, height: float) -> list[tuple[float, float]]:
    if capacity > MOST_SEATS_DRAWN:
        return []
    inner_width, inner_height = width - 32, height - 60
    columns = max(1, min(capacity, round(sqrt(capacity * inner_width / max(inner_height, 1.0)))))
    rows = ceil(capacity / columns)
    step_down = inner_height / rows
    return [
        (
            inner_width * ((seat % columns + 0.5) / columns - 0.5),
            22 + step_down * (seat // columns + 0.5 - rows / 2),
        )
        for seat in range(capacity)
    ]


def _reach(table: Table) -> tuple[float, float]:
    """How far a table and its chairs go from its middle."""
    chairs = 0 if table.shape == "area" else GAP + 2 * SEAT
    return table.width / 2 + chairs, table.height / 2 + chairs
