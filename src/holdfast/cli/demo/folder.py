"""The demo's data folder: whether it is one, wiping it, and that only one demo runs in it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.cli.demo.state import FILE, DemoState
from holdfast.errors import Conflict, ValidationFailed

LOCK = "demo.lock"
LOGS = "logs"
A_DATABASE = ("postgres", "postgres.location")  # what the embedded database leaves in its folder


@contextmanager
def only_demo_in(folder: Path) -> Iterator[None]:
    """Raises Conflict while another demo runs here. The lock goes with the process, whatever ends it."""
    from holdfast.database.account import make_folder_like_its_parent

    make_folder_like_its_parent(folder)
    handle = os.open(folder / LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as taken:
        running = DemoState.read(folder)
        where = f" on {running.web_url}" if running and running.ports else ""
        raise Conflict(
            f"A demo runs in {folder} already{where}. Stop it, or choose another folder with --data."
        ) from taken
    finally:
        os.close(handle)


def state_in(folder: Path) -> DemoState:
    """The demo's, or a new one's. Raises ValidationFailed rather than make a demo of somebody's own database."""
    state = DemoState.read(folder)
    if state is not None:
        return state
    if any((folder / name).exists() for name in A_DATABASE):
        raise ValidationFailed(
            f"{folder} holds a database that is not a demo's. Choose another folder with --data."
        )
    state = DemoState.new()
    state.write(folder)  # before the database is made: a crash between the two leaves a demo's folder
    return state


def wipe(folder: Path) -> None:
    """Deletes all that a demo keeps, and nothing in a folder that is not one. Raises ValidationFailed for such a folder."""
    from holdfast.database.embedded import EmbeddedPostgres

    if DemoState.read(folder) is None:
        if any((folder / name).exists() for name in A_DATABASE):
            raise ValidationFailed(f"{folder} holds a database that is not a demo's. Nothing was deleted.")
        return
    EmbeddedPostgres(folder).destroy()
    shutil.rmtree(folder / LOGS, ignore_errors=True)
    (folder / FILE).unlink()  # last: a wipe that was cut short can be repeated
