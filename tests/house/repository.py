"""What the house tests read: the files of this repository, and the way exceptions from a rule are made."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SKIPPED_FOLDERS = {".git", ".venv", ".holdfast", "__pycache__", "build", "dist"}
TEXTS = {".py", ".sql", ".js", ".css", ".html", ".txt", ".md", ".toml", ".lock", ".yaml", ".sh", ".json", ""}


@cache
def files() -> tuple[str, ...]:
    """Every text file that is in the repository or about to be, by its path from the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listing.stdout.split("\0") if listing.returncode == 0 else walked()
    return tuple(sorted({name for name in names if (ROOT / name).is_file() and Path(name).suffix in TEXTS}))


def walked() -> Iterator[str]:
    """For a copy that came without git."""
    for path in ROOT.rglob("*"):
        name = path.relative_to(ROOT)
        if not SKIPPED_FOLDERS.intersection(name.parts):
            yield name.as_posix()


def python_files(*folders: str) -> list[str]:
    return [name for name in files() if name.endswith(".py") and name.startswith(folders)]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(text(name), filename=name)


def dotted_names(name: str) -> Iterator[tuple[int, str]]:
    """Each name with dots that a Python file uses (`datetime.now`), with its line; imported names are spelled
    out."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            imported |= {alias.asname: alias.name for alias in node.names if alias.asname}
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Attribute | ast.Name):
            first, _, rest = ast.unparse(node).partition(".")
            yield node.lineno, imported.get(first, first) + ("." + rest if rest else "")


def unexcused(findings: Iterable[tuple[str, str]], excuses: Mapping[str, str]) -> list[str]:
    """The findings (where, what) in files that have no excuse, and the excuses that nothing needs any
    more."""
    found = list(findings)
    needed = {where for where, _ in found}
    problems = [f"{where}: {what}" for where, what in found if where not in excuses]
    return problems + [
        f"{where}: its exception is no longer needed" for where in excuses if where not in needed
    ]


def report(problems: list[str]) -> str:
    return "\n" + "\n".join(problems)
