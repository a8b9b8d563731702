"""The command line as its callers meet it: arguments in; exit code, stdout and stderr out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.main import run
from holdfast.settings import Settings
from tests.support.database import TestDatabases


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


Holdfast = Callable[..., Ran]


@pytest.fixture
def bare_holdfast(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Holdfast:
    """`holdfast …` in an empty folder and with no settings at all."""
    monkeypatch.chdir(tmp_path)
    for field in fields(Settings):
        monkeypatch.delenv(field.name.upper(), raising=False)

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call


@pytest.fixture
def holdfast(bare_holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Holdfast:
    """`holdfast …` with a database of its own, schema applied."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEY", "a secret of sixteen letters")
    return bare_holdfast


@pytest.fixture
def empty_database_url(databases: TestDatabases) -> Iterator[str]:
    url = databases.empty()
    yield url
    databases.drop(url)
