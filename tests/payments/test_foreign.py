"""Other systems' metadata: what can be mapped is, and nothing that they wrote breaks the reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.payments.foreign import NAMES, ForeignOrder, WantedItem, read_map, read_order

KEYS = sorted({name for names in NAMES.values() for name in names})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "name", "qty", "quantity", "seats", "table", "label"]), inner
        )
    ),
    max_leaves=6,
)
VALUES = st.text(max_size=60) | JSON.map(json.dumps) | st.just("[" * 2000) | st.just('["a\\u0000\\ud800"]')


@given(st.dictionaries(st.sampled_from(KEYS), VALUES), st.dictionaries(st.text(max_size=5), JSON))
def test_f12_nothing_they_wrote_breaks_the_reader(metadata: dict[str, str], details: dict[str, Any]) -> None:
    order = read_order(metadata, {**details, "name": details.get("x")})
    assert order.seats is None or 0 < order.seats <= 1000
    assert all(item.name and 0 < item.quantity <= 1000 for item in order.menu)
    for text in texts_of(order):
        assert "\x00" not in text, "PostgreSQL cannot store it"
        text.encode()


def texts_of(order: ForeignOrder) -> list[str]:
    return [
        order.name, order.email, order.phone, *order.unit_names, *order.problems, *(item.name for item in order.menu)
    ]  # fmt: skip


def read(**metadata: str) -> ForeignOrder:
    return read_order(
        metadata, {"email": "guest@example.com", "name": "Sample Guest", "phone": "+447700900123"}
    )


@pytest.mark.parametrize("name", ["eventId", "event_id"])
def test_the_event(name: str) -> None:
    assert read(**{name: " 35 "}).event_id == 35
    for unclear in ("", "thirty-five", "35.5", "-1", "\uff13\uff15", "9" * 40):
        assert read(**{name: unclear}).event_id is None


@pytest.mark.parametrize("name", ["tableId", "tableIds", "table", "tables", "unitId"])
@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("5", ("5",)),
        ("Table 5", ("Table 5",)),
        ("5,6", ("5", "6")),
        ("Table 5, Table 6", ("Table 5", "Table 6")),
        ("[5, 6]", ("5", "6")),
        ('["5", "Table 6"]', ("5", "Table 6")),
        ('[{"id": 5}, {"label": "Table 6"}]', ("5", "Table 6")),
    ],
)
def test_the_tables(name: str, value: str, names: tuple[str, ...]) -> None:
    assert read(**{name: value}).unit_names == names


@pytest.mark.parametrize("name", ["seats", "guests", "guestCount", "partySize", "quantity"])
@pytest.mark.parametrize(
    ("value", "seats"),
    [
        ("2", 2),
        ('["T1-1", "T1-2", "T1-3"]', 3),
        ('[{"table": "T1", "seats": 2}, {"table": "T2", "quantity": 1}]', 3),
    ],
)
def test_the_seats(name: str, value: str, seats: int) -> None:
    assert read(**{name: value}).seats == seats


def test_seats_that_name_their_tables() -> None:
    order = read(seats='[{"table": "T1", "seats": 2}, {"tableId": 7, "seats": 1}]')
    assert order.unit_names == ("7", "T1")


@pytest.mark.parametrize("value", ["0", "100000", "a few", "[0]", '[{"seats": -1}]', "[]", "true"])
def test_unclear_seats_are_a_problem_and_no_guess(value: str) -> None:
    order = read(seats=value)
    assert order.seats in {None, 1}
    assert order.seats == 1 or order.problems


@pytest.mark.parametrize("name", ["foodItems", "food", "items", "menu", "wineItems", "wine"])
@pytest.mark.parametrize(
    ("value", "items"),
    [
        ('[{"id": 3, "quantity": 2}]', [("3", 2)]),
        ('[{"name": "Sample pie", "qty": 2}]', [("Sample pie", 2)]),
        ('[{"name": "Sample pie", "qty": "2"}, {"id": "4"}]', [("Sample pie", 2), ("4", 1)]),
        ('["Sample pie", "Sample pie"]', [("Sample pie", 1), ("Sample pie", 1)]),
        ('{"Sample pie": 2}', [("Sample pie", 2)]),
    ],
)
def test_the_menu(name: str, value: str, items: list[tuple[str, int]]) -> None:
    assert read(**{name: value}).menu == tuple(WantedItem(*item) for item in items)


def test_food_and_wine_are_both_read() -> None:
    order = read(foodItems='[{"id": 1, "quantity": 2}]', wineItems='[{"id": 2, "quantity": 1}]')
    assert [item.name for item in order.menu] == ["1", "2"]


@pytest.mark.parametrize("value", ["pie", "3", '[{"quantity": 2}]', '[{"id": 1, "quantity": 0}]', "[[]]"])
def test_an_unclear_menu_is_a_problem_and_no_guess(value: str) -> None:
    order = read(food=value)
    assert order.menu == ()
    assert order.problems


def test_contact_from_metadata_first_then_from_the_session() -> None:
    told = read(customerName="Another Guest", customerEmail="other@example.com", customerPhone="07700 900456")
    assert (told.name, told.email, told.phone) == ("Another Guest", "other@example.com", "07700 900456")
    assert (read().name, read().email, read().phone) == ("Sample Guest", "guest@example.com", "+447700900123")


def test_the_setting_adds_names() -> None:
    names = read_map('{"event": ["show_id"], "seats": ["pax"]}')
    order = read_order({"show_id": "35", "pax": "2"}, {}, names)
    assert (order.event_id, order.seats) == (35, 2)
    assert read_map("") is NAMES


@pytest.mark.parametrize("setting", ["[]", '{"evnt": ["x"]}', '{"event": "x"}', "{"])
def test_a_setting_that_is_no_map_says_so(setting: str) -> None:
    with pytest.raises(ValueError):
        read_map(setting)
