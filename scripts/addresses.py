"""The running demo's addresses and key as shell variables, for trying things with curl:

    eval "$(.venv/bin/python scripts/addresses.py)"
    curl $WEB/api/events/35/availability

WEB, SANDBOX, KEY (the administrator's). HOLDFAST_DATA names the demo's folder (default .holdfast).
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from holdfast.cli.demo.state import DemoState


def main() -> None:
    folder = Path(os.environ.get("HOLDFAST_DATA") or ".holdfast")
    state = DemoState.read(folder)
    if state is None or not state.ports:
        raise SystemExit(f"There is no demo in {folder}. Start one with `make demo`.")
    for name, value in (("WEB", state.web_url), ("SANDBOX", state.sandbox_url), ("KEY", state.keys["admin"])):
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


if __name__ == "__main__":
    main()
