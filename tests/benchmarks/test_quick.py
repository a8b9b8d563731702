"""The benchmarks run, and what they count is good. What they measure is for machines on which nothing else runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
def test_every_measure_comes_to_a_result() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--processes", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for told in (
        "| spread |",
        "| hot |",
        "| stored (",
        "| applied:",
        "| 20 units |",
        "next 3 free slots",
        "Memory of the worker",
    ):
        assert told in done.stdout
