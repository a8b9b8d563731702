"""The plan of a room shows every unit, inside its frame, below the stage."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.catalog.plan import SEAT, plan_of

places: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "x": st.integers(-500, 3000),
            "y": st.integers(-500, 3000),
            "shape": st.sampled_from(["round", "square", "area"]),
        }
    ),
)


@st.composite
def rooms(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(0, 12))
    return [
        {
            "unit_id": number,
            "label": f"Table {number}",
            "kind": "table",
            "capacity": draw(st.integers(1, 200)),
            "plan": draw(places),
        }
        for number in range(count)
    ]


@given(rooms())
def test_every_table_and_chair_is_inside_the_frame(units: list[dict[str, Any]]) -> None:
    plan = plan_of(units)
    assert [table.unit_id for table in plan.tables] == [unit["unit_id"] for unit in units]
    for table in plan.tables:
        for seat in table.seats:
            assert plan.left + SEAT <= seat.x <= plan.left + plan.width - SEAT
            assert plan.top + SEAT <= seat.y <= plan.top + plan.height - SEAT


@given(rooms())
def test_nothing_stands_on_the_stage(units: list[dict[str, Any]]) -> None:
    plan = plan_of(units)
    _, top, _, height = plan.stage
    assert all(table.y - table.height / 2 >= top + height for table in plan.tables)


def test_a_table_has_as_many_chairs_as_seats() -> None:
    unit = {"unit_id": 1, "label": "Table 1", "kind": "table", "capacity": 7, "plan": {"x": 300, "y": 300}}
    for shape in ("round", "square", "area"):
        table = plan_of([{**unit, "plan": {**unit["plan"], "shape": shape}}]).tables[0]  # type: ignore[dict-item]
        assert len(table.seats) == 7
        assert len(set(table.seats)) == 7


def test_a_table_may_say_how_large_it_is() -> None:
    plan = {"x": 300, "y": 300, "shape": "square", "width": 200, "height": 80}
    table = plan_of([{"unit_id": 1, "label": "T", "kind": "table", "capacity": 4, "plan": plan}]).tables[0]
    assert (table.width, table.height) == (200, 80)
