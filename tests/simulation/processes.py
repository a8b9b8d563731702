"""Holdfast as real processes, `holdfast serve` and `holdfast worker`, that a test may kill and start again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields
from typing import IO

import httpx

from holdfast.cli.ports import any_free
from holdfast.clock import monotonic
from holdfast.settings import Settings
from tests.support.sandbox import Sandbox

START_S = 40.0
STOP_S = 20.0
LOOK_AGAIN_S = 0.02


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = START_S) -> None:
    """Looks again and again; fails with `what` when it does not come true."""
    ends_at = monotonic() + seconds
    while not await condition():
        assert monotonic() < ends_at, f"It took too long: {what}"
        await asyncio.sleep(LOOK_AGAIN_S)


@dataclass
class Program:
    """A process in a session of its own, so that all of its children can be killed with it at one stroke."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    said: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=self.said,
            stderr=self.said,
            env=dict(self.environment),
            start_new_session=True,
        )

    def kill(self) -> None:
        """SIGKILL: no last words, no commit, no goodbye to anybody."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.said.close()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def last_words(self) -> str:
        self.said.seek(0)
        return self.said.read().decode(errors="replace")[-3000:]


@dataclass
class Web:
    program: Program
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, http: httpx.AsyncClient) -> None:
        """Until it answers. One that cannot have its port yet, because the kernel has not taken it from the dead, is
        started again."""
        self.program.start()

        async def answers() -> bool:
            assert self.program.process is not None
            if self.program.process.poll() is not None:
                self.program.start()
            try:
                return (await http.get(f"{self.url}/healthz", timeout=2)).status_code == 200
            except httpx.TransportError:
                return False

        try:
            await until(answers, "the web server answers")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.program.last_words}") from None


def environment_of(settings: Settings) -> dict[str, str]:
    known = {one.name.upper() for one in fields(Settings)}
    clean = {name: value for name, value in os.environ.items() if name not in known}
    told = {
        one.name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
        for one in fields(Settings)
        if (value := getattr(settings, one.name)) not in (None, "", ())
    }
    return {**clean, **told}


@asynccontextmanager
async def serving(
    settings: Settings, count: int = 1, *, workers: int = 1, port: int | None = None
) -> AsyncIterator[tuple[list[Web], httpx.AsyncClient]]:
    """So many servers on one database, each with so many processes."""
    environment = environment_of(settings)
    limits = httpx.Limits(max_connections=60)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            httpx.AsyncClient(timeout=30, limits=limits, verify=False, trust_env=False)
        )
        webs = []
        for number in range(count):
            chosen = port if port is not None and number == 0 else any_free("127.0.0.1")
            arguments = ("serve", "--port", str(chosen), "--workers", str(workers))
            web = Web(Program(arguments, environment), chosen)
            stack.callback(web.program.stop)
            webs.append(web)
        await asyncio.gather(*(web.start(http) for web in webs))
        yield webs, http


async def register_endpoint(street: httpx.AsyncClient, sandbox: Sandbox, url: str) -> str:
    """As somebody does in Stripe's dashboard: its signing secret."""
    answer = await street.post(
        "/v1/webhook_endpoints",
        data={"url": url, "enabled_events[]": "*"},
        headers={"Authorization": f"Bearer {sandbox.secret_key}"},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["secret"])
