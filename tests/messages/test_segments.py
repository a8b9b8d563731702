"""What an SMS costs: counted in the alphabet that its letters need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.messages.segments import GSM_7, GSM_7_TWICE, Segments, plain, segments_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments("GSM-7", 1)),
        ("a" * 160, Segments("GSM-7", 1)),
        ("a" * 161, Segments("GSM-7", 2)),
        ("a" * 306, Segments("GSM-7", 2)),
        ("a" * 307, Segments("GSM-7", 3)),
        ("£" * 160, Segments("GSM-7", 1)),
        ("€" * 80, Segments("GSM-7", 1)),
        ("€" * 81, Segments("GSM-7", 2)),
        ("a" * 152 + "€" + "a" * 153, Segments("GSM-7", 3)),  # the euro is not cut in half
        ("a" * 151 + "€" + "a" * 153, Segments("GSM-7", 2)),
        ("ş" * 70, Segments("UCS-2", 1)),
        ("ş" * 71, Segments("UCS-2", 2)),
        ("ş" * 134, Segments("UCS-2", 2)),
        ("ş" * 135, Segments("UCS-2", 3)),
        ("🙂" * 35, Segments("UCS-2", 1)),
        ("🙂" * 36, Segments("UCS-2", 2)),
        ("🙂" * 66, Segments("UCS-2", 2)),  # 33 whole pairs in each
        ("🙂" * 67, Segments("UCS-2", 3)),
    ],
)
def test_segments(text: str, expected: Segments) -> None:
    assert segments_of(text) == expected


@given(st.text(alphabet=sorted(GSM_7 | GSM_7_TWICE), max_size=400))
def test_what_is_plain_already_stays(text: str) -> None:
    assert plain(text) == text
    assert segments_of(text).alphabet == "GSM-7"


@given(st.text(max_size=400))
def test_plain_never_costs_more_in_the_same_letters(text: str) -> None:
    assert segments_of(plain(text)).alphabet in ("GSM-7", segments_of(text).alphabet)
    assert plain(plain(text)) == plain(text)


def test_marks_and_accents_become_plain_and_other_scripts_stay() -> None:
    assert plain("Zoë\u2019s “show” – 4:30 PM…") == 'Zoe\'s "show" - 4:30 PM...'
    assert plain("Dvořák × 2") == "Dvorak x 2"
    assert plain("日本の夜") == "日本の夜"
