"""Without DATABASE_URL every command uses the data folder's own PostgreSQL, and the last one out stops it."""

from __future__ import annotations

from pathlib import Path

from holdfast.cli.runtime import embedded_database
from holdfast.database.embedded import EmbeddedPostgres
from tests.cli.conftest import Holdfast


def test_commands_need_no_database_of_their_own(bare_holdfast: Holdfast, tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "house")
    try:
        first = bare_holdfast("--data", "house", "tasks", "--json")  # migrates it, too
        assert (first.code, first.json) == (0, {"tasks": []})
        assert not server.is_running
        with embedded_database(tmp_path / "house"):
            assert bare_holdfast("--data", "house", "tasks").code == 0
            assert server.is_running, "another one uses it still"
        assert not server.is_running
    finally:
        server.destroy()
