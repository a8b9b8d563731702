"""What the documentation says of the code is written by the code."""

from __future__ import annotations

import pytest

from scripts.generate_docs import PAGES, ROOT


@pytest.mark.parametrize("path", PAGES)
def test_the_page_is_current(path: str) -> None:
    committed = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else ""
    assert committed == PAGES[path](), f"{path} is out of date: run `python -m scripts.generate_docs`"
