"""The booking form: whatever is typed, nothing is lost and nothing breaks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.bookings.forms import LONGEST_VALUE, read_form

FILLED = [
    ("name", "Example Guest"),
    ("email", "guest@example.com"),
    ("seats-3", "2"),
    ("menu-7", "1"),
    ("step", "book"),
]


def test_a_filled_form_is_read() -> None:
    typed = read_form(FILLED)
    assert (typed.errors, typed.seats, typed.menu, typed.step) == ({}, {3: 2}, {7: 1}, "book")
    assert typed.contact == {"name": "Example Guest", "email": "guest@example.com", "phone": ""}


def test_each_mistake_is_told_at_its_field() -> None:
    typed = read_form([("seats-3", "two"), ("menu-7", "100"), ("name", " ")])
    assert set(typed.errors) == {"seats-3", "menu-7", "name", "email"}
    assert set(read_form([("name", "A"), ("email", "a@example.com"), ("seats-3", "0")]).errors) == {"units"}


def test_without_a_step_the_total_is_shown_first() -> None:
    assert read_form([]).step == "review"


names = st.one_of(st.text(max_size=20), st.from_regex(r"(seats|menu)-\w{0,20}", fullmatch=True))


@given(st.lists(st.tuples(names, st.one_of(st.text(), st.binary())), max_size=30))
def test_anything_may_be_typed(pairs: list[tuple[str, object]]) -> None:
    typed = read_form(pairs)
    for name, value in dict(pair for pair in pairs if isinstance(pair[1], str)).items():
        assert typed.raw[name] == str(value)[:LONGEST_VALUE]
    assert all(number > 0 for number in [*typed.seats.values(), *typed.menu.values()])
