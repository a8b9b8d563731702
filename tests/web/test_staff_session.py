"""The staff's cookie: ours, unchanged, and not over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.web.staff_pages import START, _inside
from holdfast.web.staff_session import LASTS, opened, sealed

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECRET = "a secret of sufficient length"


def test_what_was_sealed_opens_until_its_time_is_over() -> None:
    cookie = sealed(SECRET, "key_1", NOW + LASTS)
    assert opened(SECRET, cookie, NOW) == "key_1"
    assert opened(SECRET, cookie, NOW + LASTS - timedelta(seconds=1)) == "key_1"
    assert opened(SECRET, cookie, NOW + LASTS) is None


def test_another_secret_or_none_opens_nothing() -> None:
    assert opened("another secret, long enough", sealed(SECRET, "key_1", NOW + LASTS), NOW) is None
    assert opened("", sealed("", "key_1", NOW + LASTS), NOW) is None


@given(st.integers(0, 200), st.characters(min_codepoint=33, max_codepoint=126))
def test_a_changed_cookie_opens_nothing(place: int, character: str) -> None:
    cookie = sealed(SECRET, "key_1", NOW + LASTS)
    place %= len(cookie)
    changed = cookie[:place] + character + cookie[place + 1 :]
    assert opened(SECRET, changed, NOW) == ("key_1" if changed == cookie else None)


@given(st.text(max_size=60))
def test_anything_may_stand_in_the_cookie(cookie: str) -> None:
    assert opened(SECRET, cookie, NOW) is None


def test_sign_in_leads_only_to_staff_pages_of_this_site() -> None:
    assert _inside("/staff/tasks") == "/staff/tasks"
    for elsewhere in (
        "",
        "/",
        "https://example.com/staff/",
        "//example.com",
        "/staff//example.com",
        "/staff/\\x",
        "/staffx",
    ):
        assert _inside(elsewhere) == START
