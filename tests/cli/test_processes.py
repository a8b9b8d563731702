"""`serve`, `worker`, `sandbox` on their own: what they refuse, and that they begin and end cleanly."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from holdfast.cli.ports import is_free
from tests.cli.conftest import Holdfast
from tests.demo.running import environment, eventually

STOP_SECONDS = 60  # a deadline, not a measure: the machine may be busy


def test_serve_refuses_a_port_that_is_taken(holdfast: Holdfast) -> None:
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        ran = holdfast("serve", "--port", str(somebody.getsockname()[1]))
    assert ran.code == 2
    assert "in use" in ran.err


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_nothing_runs_on_a_schema_that_is_not_current(
    bare_holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch, empty_database_url: str, command: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    ran = bare_holdfast(command, *(["--port", "0"] if command == "serve" else []))
    assert ran.code == 2
    assert "holdfast migrate" in ran.err


@contextmanager
def running(database_url: str, *command: str) -> Iterator[subprocess.Popen[str]]:
    settings = {"DATABASE_URL": database_url, "SECRET_KEY": "a secret of sixteen letters"}
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast", *command],
        env={**environment(), **settings},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process


def line_with(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr is not None
    return next(line for line in process.stderr if words in line)


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    process.stderr.read()  # comes to its end only when every process of it has ended
    return process.wait(STOP_SECONDS)


def test_the_web_server_answers_and_ends_cleanly(database_url: str) -> None:
    with running(database_url, "serve", "--port", "0", "--workers", "2") as process:
        address = line_with(process, "Serving on").split()[-1]
        eventually(lambda: answers(f"{address}/healthz"), f"{address} answers")
        assert ended(process) == 0
        assert is_free("127.0.0.1", int(address.rpartition(":")[2]))


def test_the_web_server_ends_cleanly_at_its_very_beginning(database_url: str) -> None:
    with running(database_url, "serve", "--port", "0") as process:
        line_with(process, "Serving on")
        assert ended(process) == 0


def test_the_worker_ends_cleanly(database_url: str) -> None:
    with running(database_url, "worker") as process:
        line_with(process, "worker_started")
        assert ended(process) == 0


def answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False


def test_the_sandbox_runs_in_a_database_of_its_own(empty_database_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast", "sandbox", "--json"],
        env={**environment(), "DATABASE_URL": empty_database_url},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["url"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0


def test_the_sandbox_explains_itself(bare_holdfast: Holdfast) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "sandbox", "--help"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--webhook-url" in done.stdout
