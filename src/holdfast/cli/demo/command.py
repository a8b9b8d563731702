"""`holdfast demo`: everything at once on this machine, no keys needed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import Json
from holdfast.cli.output import note, print_json
from holdfast.cli.runtime import embedded_database, place_of

DEFAULT_FOLDER = ".holdfast"
LOOK_AT_DATABASE_S = 1.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def demo(
    context: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            show_default="8000 or the next free one",
            help="The web server's port; 0 is any free one.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", show_default=DEFAULT_FOLDER, help="Where the demo keeps its data."
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete this demo's data and begin anew.")] = False,
    json: Json = False,
) -> None:
    """Starts everything at once on this machine; no keys are needed.

    A database, the web server, the worker and a sandbox that plays Stripe, the SMS provider and a mailbox. It prints where
    to click, and with --json one line when everything is ready. Ctrl-C stops all of it; the data stays for the next start.
    Kill any of its processes, and see what happens: nothing is lost, and it is started again.
    """
    folder = (
        data or place_of(context).data or Path(os.environ.get("HOLDFAST_DATA") or DEFAULT_FOLDER)
    ).absolute()
    try:
        with stopped_by_signals():
            _demo_in(folder, port, fresh, json)
    except KeyboardInterrupt:
        return  # stopped while it was starting; what had started has been stopped


def _demo_in(folder: Path, port: int | None, fresh: bool, json: bool) -> None:
    from holdfast.cli.demo.folder import only_demo_in, state_in, wipe
    from holdfast.cli.demo.launch import claim_ports
    from holdfast.cli.demo.state import HOST
    from holdfast.cli.ports import PortClaims

    with only_demo_in(folder), progress(quiet=json) as step:
        if fresh:
            step("Deleting the old demo")
            wipe(folder)
        state = state_in(folder)
        claim_ports(state, PortClaims(HOST), port)
        state.write(folder)
        step("Database")
        with embedded_database(folder) as url:
            asyncio.run(_run(folder, url, json, step))


async def _keep_database(folder: Path) -> None:
    """The database is nobody's child process: it is looked at, and started again when it was killed."""
    from holdfast.database.embedded import EmbeddedPostgres

    server = EmbeddedPostgres(folder)
    while True:
        await asyncio.sleep(LOOK_AT_DATABASE_S)
        if not await asyncio.to_thread(lambda: server.is_running):
            await asyncio.to_thread(server.start)
            note("The database had ended; it runs again, with all that was committed.")


async def _run(folder: Path, url: str, json: bool, step: Callable[[str], None]) -> None:
    from holdfast.cli.demo.folder import state_in
    from holdfast.cli.demo.launch import start
    from holdfast.cli.demo.supervisor import Supervisor

    stopped = asyncio.Event()
    for sign in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(sign, stopped.set)
    supervisor = Supervisor(note)
    try:
        starting = asyncio.create_task(start(folder, state_in(folder), url, supervisor, step))
        waiting = asyncio.create_task(stopped.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        step("")
        _announce((await starting).announcement(), json)
        keeping = asyncio.create_task(_keep_database(folder))
        await waiting
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        step("Stopping")
    finally:
        await supervisor.stop()


def _announce(announcement: dict[str, object], json: bool) -> None:
    if json:
        print_json(announcement)
        return
    from holdfast.cli.demo.welcome import show_welcome

    show_welcome(announcement)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Until the event loop runs (and after it), SIGTERM and SIGHUP end us as Ctrl-C does: through every `finally`."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {sign: signal.signal(sign, interrupt) for sign in STOP_SIGNALS}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A function that shows which step it is at; an empty step ends the display."""
    if quiet:
        yield lambda _step: None
        return
    from rich.console import Console

    status = Console(stderr=True).status("Starting")

    def step(what: str) -> None:
        if not what:
            status.stop()
        elif sys.stderr.isatty():
            status.update(f"{what} …")
            status.start()
        else:
            note(f"{what} …")

    try:
        yield step
    finally:
        status.stop()
