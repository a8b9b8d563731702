"""How units look on the page: chairs by state, what may be chosen, what it would cost."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.bookings.seating import chairs, courses, lines, seating


def unit(**change: Any) -> dict[str, Any]:
    given = {
        "unit_id": 1,
        "label": "Table 1",
        "kind": "table",
        "capacity": 6,
        "pricing": "per_seat",
        "price": 8500,
    }
    return {**given, "taken": 0, "held": 0, "buffer": False, **change}


def test_held_and_booked_are_told_apart() -> None:
    shown = seating([unit(taken=3, held=1)], {1: 2})[1]
    assert (shown["booked"], shown["held"], shown["available"], shown["chosen"]) == (2, 1, 3, 2)
    assert shown["seats"] == ["booked", "booked", "held", "mine", "mine", "free"]
    assert shown["left"] == "3 of 6 free"


def test_a_choice_that_is_no_longer_free_is_lowered() -> None:
    assert seating([unit(taken=5)], {1: 4})[1]["chosen"] == 1


def test_a_table_sold_whole_is_free_or_not() -> None:
    whole = unit(pricing="per_unit")
    assert seating([whole], {1: 2})[1]["seats"] == ["mine"] * 6
    gone = seating([{**whole, "taken": 6, "held": 6}], {})[1]
    assert (gone["choices"], gone["status"]) == (0, "held")
    assert gone["left"] == "Held by other guests just now"


def test_the_organisers_buffer_is_nobodys_to_see() -> None:
    assert seating([unit(buffer=True)], {}) == {}


@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_there_are_as_many_chairs_as_seats(capacity: int, booked: int, held: int, mine: int) -> None:
    assert len(chairs(capacity, booked, held, mine)) == capacity


def test_what_would_be_paid() -> None:
    units = seating([unit(), unit(unit_id=2, label="Table 2", pricing="per_unit", price=30000)], {})
    menu = [{"item_id": 7, "name": "Soup", "price": 650, "category": "food"}]
    told = lines(units, menu, {1: 3, 2: 4}, {7: 2})
    assert [(line["label"], line["detail"], line["amount"]) for line in told] == [
        ("Table 1", "3 seats", 25500),
        ("Table 2", "4 guests", 30000),
        ("Soup", "2 \N{MULTIPLICATION SIGN}", 1300),
    ]


def test_courses_without_a_dish_are_left_out() -> None:
    menu = [{"item_id": 7, "name": "Soup", "price": 650, "category": "food"}]
    assert [(course["title"], course["items"][0]["quantity"]) for course in courses(menu, {7: 2})] == [
        ("Food", 2)
    ]
