"""`holdfast demo --json` as a stranger runs it: a process, its line, its notes, its end."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, Any

import httpx

from holdfast.database.embedded import wait_until
from holdfast.settings import Settings

READY_SECONDS = 90
STOP_SECONDS = 15
CARD = "4242424242424242"


@dataclass
class Demo:
    process: subprocess.Popen[str]
    told: dict[str, Any]
    notes: queue.SimpleQueue[str] = field(repr=False)

    @property
    def pids(self) -> dict[str, int]:
        return dict(self.told["pids"])

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(f"{self.told['web']}{path}", timeout=20, trust_env=False, **options)

    def book(self, event_id: int, seats: int = 2) -> dict[str, Any]:
        units = self.get(f"/api/events/{event_id}/availability").json()["units"]
        unit = next(unit for unit in units if unit["available"] >= seats)
        wanted = {
            "units": [{"unit_id": unit["unit_id"], "seats": seats}],
            "menu": [],
            "customer": {"name": "Demo Guest", "email": "guest@example.com"},
        }
        address = f"{self.told['web']}/api/events/{event_id}/bookings"
        answer = httpx.post(address, json=wanted, timeout=20, trust_env=False)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def pay(self, booking: dict[str, Any]) -> None:
        """As the form of the hosted page does it."""
        address = f"{self.told['sandbox']}/pay/{booking['checkout_session_id']}"
        answer = httpx.post(address, data={"card": CARD, "action": "pay"}, timeout=20, trust_env=False)
        assert answer.status_code < 400, answer.text

    def status(self, booking: dict[str, Any]) -> str:
        answer = self.get(f"/api/bookings/{booking['reference']}", params={"token": booking["token"]})
        return str(answer.json()["status"])

    def reborn(self, name: str) -> int:
        """Waits for the note that a process runs again; says its new id."""
        while True:
            said = self.notes.get(timeout=30)
            found = re.search(rf"The {name} .* runs again as pid (\d+)", said)
            if found:
                return int(found[1])

    def stop(self, sign: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(sign)
        return self.process.wait(STOP_SECONDS)


def environment() -> dict[str, str]:
    settings = {name.name.upper() for name in fields(Settings)}
    return {name: value for name, value in os.environ.items() if name not in settings}


@contextmanager
def running_demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    command = [sys.executable, "-m", "holdfast", "demo", "--json", "--data", str(folder), *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=folder.parent,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            lines, notes = _collected(process.stdout), _collected(process.stderr)
            line = lines.get(timeout=READY_SECONDS)
            assert line, "".join(iter(lambda: notes.get(timeout=10), ""))
            yield Demo(process, json.loads(line), notes)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


def _collected(stream: IO[str]) -> queue.SimpleQueue[str]:
    """The lines as they come; an empty one is the end."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    return lines


def is_gone(pid: int) -> bool:
    """Gone, or a zombie that only waits for its parent to look."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return sys.platform == "linux"  # there was no /proc entry


def eventually(condition: Callable[[], bool], what: str) -> None:
    assert wait_until(condition, 30), what
