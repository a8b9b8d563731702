"""The parts on their own: the web server, the worker, the sandbox."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import typer

from holdfast.cli import ports
from holdfast.cli.databases import ensure_sibling
from holdfast.cli.output import note
from holdfast.cli.runtime import (
    as_environment,
    connected_settings,
    explained,
    place_of,
    ready_settings,
    settings_at,
)
from holdfast.errors import ValidationFailed
from holdfast.settings import STRIPE_API, Settings

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
SANDBOX_DATABASE = "sandbox"
KILL_AFTER_S = 3  # what an open page's live connection may delay a stop
PARENT_VARIABLE = "HOLDFAST_WEB_PARENT"


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; 0.0.0.0 is every one.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 is any free one.")
    ] = 8000,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="How many processes answer.")] = 1,
) -> None:
    """Serves the pages and the API.

    It refuses to start when the database's schema is not the one that this code needs: run `holdfast migrate` first. It
    ends cleanly on SIGTERM: what is being answered is answered. Example: holdfast serve --host 0.0.0.0 --workers 4
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until Granian, a moment later, sets its own
    chosen = _port_to_listen_on(host, port)
    with ready_settings(place_of(context), partial(_record_refused, "web")) as settings:
        assert settings.database_url is not None  # ready_settings has set it
        if settings.public_url == Settings.public_url:
            settings = replace(settings, public_url=f"http://{host}:{chosen}")
        # The processes that answer read their settings from the environment, as everybody does.
        os.environ.update({**as_environment(settings), PARENT_VARIABLE: str(os.getpid())})
        note(f"Serving on http://{host}:{chosen}")
        _granian(host, chosen, workers).serve(target_loader=load_application)


def _port_to_listen_on(host: str, port: int) -> int:
    """Granian shares a port that is taken (SO_REUSEPORT), and then two installations would answer by turns: refused here."""
    if port == 0:
        return ports.any_free(host)
    if not ports.is_free(host, port):
        raise ValidationFailed(
            f"Port {port} of {host} is in use. Choose another with --port, or 0 for any free one."
        )
    return port


def _granian(host: str, port: int, workers: int) -> Any:
    from granian.constants import Interfaces, Loops
    from granian.log import LogLevels
    from granian.server import Server

    return Server(
        "holdfast.app:app_from_environment",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.asyncio,
        workers=workers,
        websockets=False,
        backlog=1024,
        factory=True,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=KILL_AFTER_S,
    )


def load_application(_target: str) -> Any:
    """Runs in each process that answers, which must not outlive the one that started it and keep the port."""
    from holdfast.app import app_from_environment
    from holdfast.cli.lifeline import die_with_parent

    die_with_parent(int(os.environ[PARENT_VARIABLE]))
    return app_from_environment()


def worker(context: typer.Context) -> None:
    """Does the periodic and the waiting work: webhooks, messages, expiry, refunds, laws.

    Any number may run, on any number of machines. It ends cleanly on SIGTERM; one that is killed loses nothing, because
    everything it has to do is a row that the next one finds.
    """
    from holdfast.cli.logs import log_as_json
    from holdfast.system import open_system
    from holdfast.worker import run_worker

    async def work() -> None:
        async with open_system(settings) as system:
            await run_worker(system)

    log_as_json()
    with ready_settings(place_of(context), partial(_record_refused, "worker")) as settings:
        asyncio.run(work())


def _record_refused(role: Literal["web", "worker"], settings: Settings, why: str) -> None:
    """Where the processes that run, and the staff, see it: else a deployment that stopped half-way looks like none."""
    from holdfast.diagnosis.deployment_watch import record_refused_start

    assert settings.database_url is not None  # ready_settings has set it
    record_refused_start(settings.database_url, settings, role, why)


def sandbox(context: typer.Context) -> None:
    """Starts the sandbox: an imitation of Stripe, of the SMS provider and of a mail server.

    Everything after the word `sandbox` goes to it: `holdfast sandbox --help` shows what it understands, `holdfast sandbox
    faults …` changes what goes wrong in one that runs.
    """
    settings = settings_at(place_of(context))
    command = [sys.executable, "-m", "holdfast.sandbox", *context.args]
    if context.args[:1] == ["faults"]:
        told = {} if settings.stripe_api_base == STRIPE_API else {"SANDBOX_URL": settings.stripe_api_base}
        raise typer.Exit(_run_until_it_ends(command, {**told, **os.environ}))
    if {"--help", "-h"} & set(context.args) or any(
        word.startswith("--database-url") for word in context.args
    ):
        raise typer.Exit(_run_until_it_ends(command, dict(os.environ)))
    with connected_settings(settings) as connected:
        assert connected.database_url is not None  # connected_settings has set it
        url = (
            connected.database_url if settings.database_url else _database_for_sandbox(connected.database_url)
        )
        raise typer.Exit(_run_until_it_ends(command, {"SANDBOX_DATABASE_URL": url, **os.environ}))


def _database_for_sandbox(url: str) -> str:
    """A database of its own beside Holdfast's: Stripe's books are a second witness and share nothing with ours."""
    with explained():
        return ensure_sibling(url, SANDBOX_DATABASE)


def _run_until_it_ends(command: list[str], environment: dict[str, str]) -> int:
    """Ctrl-C reaches it from the terminal as well as us; SIGTERM is passed on."""
    child = subprocess.Popen(command, env=environment)  # noqa: S603 - our own module
    signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    code = child.wait()
    return 0 if code in (-signal.SIGTERM, -signal.SIGINT) else abs(code)
