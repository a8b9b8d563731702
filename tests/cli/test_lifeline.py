"""A child that was started through the lifeline does not outlive its parent, even when that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

PARENT = """
import os, subprocess, sys
child = [sys.executable, "-m", "holdfast.cli.lifeline", str(os.getpid())]
child += [sys.executable, "-c", "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"]
subprocess.run(child)
"""


def test_the_child_goes_with_a_killed_parent() -> None:
    """The child holds our pipe open: the pipe's end is the child's."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) != parent.pid
        parent.send_signal(signal.SIGKILL)
        assert parent.stdout.read() == ""  # comes only when nobody can write any more


def test_a_child_whose_parent_is_gone_already_does_not_begin() -> None:
    command = [sys.executable, "-m", "holdfast.cli.lifeline", str(os.getppid()), "echo", "begun"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode != 0
