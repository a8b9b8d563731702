"""Writes the pages of the documentation that are made from the code: `python -m scripts.generate_docs`.

A test compares each with what is committed, so a page that is out of date fails the build. `--check` says so without writing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from holdfast.laws import docs as laws
from scripts import commands, decisions, error_codes, http_api, settings_page, states

ROOT = Path(__file__).resolve().parent.parent

# path → what makes it; whatever else is generated gets a line here.
PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/cli.md": commands.page,
    "docs/reference/decisions.md": decisions.page,
    "docs/reference/errors.md": error_codes.page,
    "docs/reference/http.md": http_api.page,
    "docs/reference/laws.md": laws.laws_page,
    "docs/reference/settings.md": settings_page.page,
    "docs/reference/states.md": states.page,
}


def stale() -> list[str]:
    """The pages that are not what the code would write now."""
    return [path for path, make in PAGES.items() if not _is_current(ROOT / path, make())]


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def main(arguments: list[str]) -> int:
    old = stale()
    if "--check" in arguments:
        print("\n".join(f"{path} is out of date" for path in old) or "All generated pages are current.")
        return 1 if old else 0
    for path in old:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(PAGES[path](), encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
