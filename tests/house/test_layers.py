"""Who may import whom is written in .importlinter, and holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.house.repository import ROOT


def test_the_import_contracts_hold() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    ran = subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
