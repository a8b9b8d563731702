from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.database.embedded import EmbeddedPostgres


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder for a demo; whatever a test leaves running in it is stopped."""
    data = tmp_path / "demo"
    yield data
    EmbeddedPostgres(data).destroy()
