"""The running demo's addresses and keys as shell variables, for trying things with curl:

    eval "$(.venv/bin/python scripts/addresses.py)"
    curl $WEB/api/events/35/availability

WEB, SANDBOX; KEY (the administrator's), PROVIDER_KEY (the first provider's), PUBLISHABLE_KEY (what a web page shows to
Stripe), CRON_SECRET. HOLDFAST_DATA names the demo's folder (default .holdfast).
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
    for name, value in {
        "WEB": state.web_url,
        "SANDBOX": state.sandbox_url,
        "KEY": state.keys["admin"],
        "PROVIDER_KEY": state.keys["provider"],
        "PUBLISHABLE_KEY": state.stripe_publishable_key,
        "CRON_SECRET": state.cron_secret,
    }.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


if __name__ == "__main__":
    main()
