"""The sandbox as a process of its own, spoken to over the wire only: Stripe, the SMS provider, the
mailbox."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import httpx

START_SECONDS = 30
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Sandbox:
    url: str
    smtp_port: int
    webhook_secret: str
    secret_key: str
    publishable_key: str

    def reset(self) -> None:
        httpx.post(f"{self.url}/control/reset", timeout=30).raise_for_status()


@contextmanager
def running_sandbox(database_url: str) -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "holdfast.sandbox", "--host", "127.0.0.1", "--port", "0"]
    command += ["--smtp-port", "0", "--database-url", database_url, "--json"]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True
        ) as process,
    ):
        try:
            yield announced(process, errors)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def announced(process: subprocess.Popen[str], errors: IO[bytes]) -> Sandbox:
    """Waits for the one line it prints when it is ready; what it prints later is read too, lest its pipe
    fills."""
    assert process.stdout is not None
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=read_all, args=(process.stdout, lines), daemon=True).start()
    try:
        line = lines.get(timeout=START_SECONDS)
    except queue.Empty:
        line = ""
    if not line:
        process.kill()
        errors.seek(0)
        raise RuntimeError(f"The sandbox did not start. It said:\n{errors.read().decode()[-4000:]}")
    told = json.loads(line)
    names = ("url", "smtp_port", "webhook_secret", "secret_key", "publishable_key")
    return Sandbox(*(told[name] for name in names))


def read_all(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")
