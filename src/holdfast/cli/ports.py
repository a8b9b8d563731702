"""Ports: which are free, and which another demo of this user has already chosen but not yet opened."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

from holdfast.errors import ValidationFailed

LOOK_AT = 200  # so many ports after the first, before any free one is taken


def is_free(host: str, port: int) -> bool:
    """Asked without SO_REUSEPORT, so a port that somebody shares is not free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return False
    return True


def any_free(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.bind((host, 0))
        return int(tried.getsockname()[1])


class PortClaims:
    """The ports of one demo. A claim is a locked file, so two demos that start together choose differently; it goes with
    the process."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._held: dict[int, int] = {}
        self._folder = Path(tempfile.gettempdir()) / f"holdfast-ports-{os.getuid()}"
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def exactly(self, port: int) -> int:
        if not self._claim(port):
            raise ValidationFailed(
                f"Port {port} is in use. Choose another with --port, or 0 for any free one."
            )
        return port

    def preferably(self, *preferred: int | None) -> int:
        """The first of the preferred that is free, else any."""
        for port in preferred:
            if port and self._claim(port):
                return port
        while True:
            free = any_free(self._host)
            if self._claim(free):
                return free

    def from_on(self, first: int) -> int:
        """The first free one of a row."""
        return self.preferably(*range(first, first + LOOK_AT))

    def release(self) -> None:
        """The files stay: whoever has one open would else lock what nobody else can find."""
        for handle in self._held.values():
            os.close(handle)
        self._held.clear()

    def _claim(self, port: int) -> bool:
        if port in self._held or not is_free(self._host, port):
            return False
        handle = os.open(self._folder / str(port), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._held[port] = handle
        return True
