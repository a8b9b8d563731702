"""Keeps the demo's processes running: starts them, notices when one dies, starts it again, stops them all at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.clock import monotonic
from holdfast.errors import Unavailable

STOP_WITHIN_S = 4.5
LIVED_WELL_S = 10.0  # a process that lived so long and then died is started again at once
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)  # before it is started again, when it keeps dying
LAST_WORDS = 20  # lines of a log


class StartFailed(Unavailable):
    code, title = "start_failed", "Something did not start"


@dataclass
class Child:
    """One process: what it runs, where it logs, and how often in a row it died young."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    started_at: float = 0.0
    log_from: int = 0  # where this start's part of the log begins
    early_deaths: int = 0
    watcher: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    def last_words(self) -> str:
        said = self.log.read_bytes()[self.log_from :].decode(errors="replace").strip()
        return "\n".join(said.splitlines()[-LAST_WORDS:])


class Supervisor:
    """`say` gets one sentence for each death and rebirth."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[Child] = []
        self._stopping = False

    @property
    def pids(self) -> dict[str, int]:
        return {child.name: child.pid for child in self._children if child.pid is not None}

    async def start(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> Child:
        child = Child(name, command, environment, log)
        self._children.append(child)
        await self._launch(child)
        child.watcher = asyncio.create_task(self._watch(child))
        return child

    def raise_if_dead(self) -> None:
        """While everything starts: StartFailed with the last lines of the log of whatever has died."""
        for child in self._children:
            if child.early_deaths:
                raise StartFailed(
                    f"The {child.name} did not start. {child.log} ends with:\n{child.last_words()}"
                )

    async def stop(self) -> None:
        """In the reverse order of starting, the first one (which the others talk to) last."""
        self._stopping = True
        first, others = self._children[:1], self._children[1:]
        await asyncio.gather(*map(self._stop_one, others))
        await asyncio.gather(*map(self._stop_one, first))

    async def _launch(self, child: Child) -> None:
        with child.log.open("ab") as log:
            child.log_from = child.log_from or log.tell()
            child.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "holdfast.cli.lifeline", str(os.getpid()), *child.command),
                env=dict(child.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop them in order
            )
        child.started_at = monotonic()

    async def _watch(self, child: Child) -> None:
        while True:
            assert child.process is not None  # _launch has set it
            pid, code = child.process.pid, await child.process.wait()
            if self._stopping:
                return
            lived = monotonic() - child.started_at
            child.early_deaths = 0 if lived > LIVED_WELL_S else child.early_deaths + 1
            await asyncio.sleep(PAUSES_S[min(child.early_deaths, len(PAUSES_S) - 1)])
            await self._launch(child)
            self._say(
                f"The {child.name} (pid {pid}) {_how_it_ended(code)}; it runs again as pid {child.pid}."
            )

    async def _stop_one(self, child: Child) -> None:
        if child.watcher is not None and child.process is not None and child.process.returncode is not None:
            child.watcher.cancel()  # between death and rebirth
            await asyncio.gather(child.watcher, return_exceptions=True)
        process = child.process
        if process is None or process.returncode is not None:
            return
        _signal(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            _signal(process, signal.SIGKILL)
            await process.wait()


def _signal(process: asyncio.subprocess.Process, sign: signal.Signals) -> None:
    try:
        process.send_signal(sign)
    except ProcessLookupError:
        return


def _how_it_ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
