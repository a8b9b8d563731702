"""Which code this is: the answer to "was it deployed?"."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from holdfast.settings import Settings

UNKNOWN = "unknown"
GIT_TIMEOUT_S = 5.0


def running_commit(settings: Settings) -> str:
    """RELEASE_COMMIT when it is set, else the HEAD of the checkout that the code lies in, else `unknown`."""
    return settings.release_commit or commit_at_start()


@cache
def commit_at_start() -> str:
    """The HEAD of the checkout when this process first asked, which is when it started; `unknown` outside of a checkout."""
    return commit_on_disk()


def commit_on_disk() -> str:
    """The HEAD of the checkout now. Where it is another than at the start, code was brought here that does not run yet."""
    checkout = Path(__file__).resolve().parents[2]
    if not (
        checkout / ".git"
    ).exists():  # installed as a package: the folder above may be somebody else's checkout
        return UNKNOWN
    try:
        asked = subprocess.run(  # noqa: S603  # a fixed command, nothing of it comes from outside
            ["git", "-C", str(checkout), "rev-parse", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    return asked.stdout.strip() if asked.returncode == 0 else UNKNOWN
