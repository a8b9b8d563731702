"""Whatever colour a tenant chooses, everybody can read it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.web.colour import (
    ENOUGH,
    PAPER_DARK,
    PAPER_LIGHT,
    accent_stylesheet,
    contrast,
    readable,
    text_on,
)

colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrast_is_wcags() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert contrast("#777777", "#777777") == 1
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54  # WCAG's own example of just enough


@given(colours)
def test_text_on_an_accent_can_be_read(accent: str) -> None:
    for background in (readable(accent, PAPER_LIGHT), readable(accent, PAPER_DARK)):
        assert contrast(text_on(background), background) >= ENOUGH


@given(colours)
def test_an_accent_can_be_read_on_paper_by_day_and_night(accent: str) -> None:
    assert contrast(readable(accent, PAPER_LIGHT), PAPER_LIGHT) >= ENOUGH
    assert contrast(readable(accent, PAPER_DARK), PAPER_DARK) >= ENOUGH


def test_a_colour_that_reads_well_is_left_as_it_is() -> None:
    assert readable("#7a1f3d", PAPER_LIGHT) == "#7a1f3d"


def test_the_stylesheet_has_both_looks() -> None:
    sheet = accent_stylesheet("#ffe600")
    assert sheet.count("--accent:") == 3
    assert "prefers-color-scheme: dark" in sheet
