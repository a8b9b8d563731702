"""`python -m holdfast.cli.lifeline PARENT COMMAND…`: becomes the command, and dies with its parent whatever kills that.

A parent that is ended by SIGKILL cannot stop its children; left alone they would keep the ports and go on serving an
installation that nobody supervises. On Linux the kernel is asked to end us with the parent (the wish outlives exec);
elsewhere we stay, look after the parent twice a second, and end the command ourselves. Imports nothing heavy.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 0.5
STOP_WITHIN_S = 5.0
GONE = 1


def die_with_parent(parent: int) -> None:
    """Linux only: SIGKILL for this process as soon as `parent` ends; at once, if it has ended already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(GONE)


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        die_with_parent(parent)
        os.execvp(command[0], command)  # noqa: S606 - the words are the demo's own
    sys.exit(_watch(parent, command))


def _watch(parent: int, command: list[str]) -> int:
    child = subprocess.Popen(command)  # noqa: S603 - the words are the demo's own
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda number, _: child.send_signal(number))
    while os.getppid() == parent:
        try:
            return child.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            continue
    child.terminate()
    try:
        return child.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


if __name__ == "__main__":
    main()
