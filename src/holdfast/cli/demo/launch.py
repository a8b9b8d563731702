"""Starts everything that a demo is, as much of it at once as possible, and says what is there."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.cli.databases import ensure_sibling
from holdfast.cli.demo.folder import LOGS
from holdfast.cli.demo.state import HOST, DemoState, environment_of
from holdfast.cli.demo.stock import demo_stock
from holdfast.cli.demo.supervisor import StartFailed, Supervisor
from holdfast.cli.ports import PortClaims
from holdfast.clock import monotonic

FIRST_PORT = 8000
READY_WITHIN_S = 90.0
LOOK_EVERY_S = 0.05
SANDBOX_DATABASE = "sandbox"


@dataclass
class Running:
    """A demo that is up: where it is, what opens it, what it sells."""

    state: DemoState
    supervisor: Supervisor
    stock: dict[str, Any] = field(default_factory=dict)

    def announcement(self) -> dict[str, Any]:
        """The one line of `demo --json` (contract.md)."""
        state = self.state
        return {
            "web": state.web_url,
            "sandbox": state.sandbox_url,
            "mailbox": f"{state.sandbox_url}/inbox",
            "keys": state.keys,
            "cron_secret": state.cron_secret,
            "webhook_secret": state.webhook_secret,
            "stripe_secret_key": state.stripe_secret_key,
            **self.stock,
            "smtp_port": state.ports["smtp"],
            "pids": {"demo": os.getpid(), **self.supervisor.pids},
        }


def claim_ports(state: DemoState, claims: PortClaims, port: int | None) -> None:
    """The same as last time where they are still free. Raises ValidationFailed when the asked-for port is not."""
    if port:
        web = claims.exactly(port)
    elif port == 0:
        web = claims.preferably()
    else:
        last = state.ports.get("web")
        web = claims.preferably(*([last] if last else []), *range(FIRST_PORT, FIRST_PORT + 200))
    sandbox, smtp = claims.preferably(state.ports.get("sandbox")), claims.preferably(state.ports.get("smtp"))
    state.ports = {"web": web, "sandbox": sandbox, "smtp": smtp}


async def start(
    folder: Path, state: DemoState, database_url: str, supervisor: Supervisor, step: Callable[[str], None]
) -> Running:
    """Returns when everything answers. Raises StartFailed, with the end of the log of what did not start."""
    (folder / LOGS).mkdir(exist_ok=True)
    environment = {
        **os.environ,
        **environment_of(state, folder),
        "DATABASE_URL": database_url,
        "PYTHONUNBUFFERED": "1",
    }
    step("Sandbox, schema and catalogue")
    running = Running(state, supervisor)
    _, running.stock = await asyncio.gather(
        _start_sandbox(folder, state, database_url, supervisor, environment),
        demo_stock(folder, state, database_url),
    )
    step("Web server and worker")
    program = [sys.executable, "-m", "holdfast"]
    serve = [*program, "serve", "--host", HOST, "--port", str(state.ports["web"])]
    await supervisor.start("web", serve, environment, folder / LOGS / "web.log")
    await supervisor.start("worker", [*program, "worker"], environment, folder / LOGS / "worker.log")
    await _wait_until_ready(supervisor, f"{state.web_url}/readyz")
    await _wait_until_ready(supervisor, f"{state.sandbox_url}/inbox")
    return running


async def _start_sandbox(
    folder: Path, state: DemoState, database_url: str, supervisor: Supervisor, environment: dict[str, str]
) -> None:
    url = await asyncio.to_thread(ensure_sibling, database_url, SANDBOX_DATABASE)
    command = [
        sys.executable,
        "-m",
        "holdfast.sandbox",
        "--host",
        HOST,
        "--port",
        str(state.ports["sandbox"]),
    ]
    command += [
        "--smtp-port",
        str(state.ports["smtp"]),
        "--webhook-url",
        f"{state.web_url}/api/webhooks/stripe",
    ]
    environment = {
        **environment,
        "SANDBOX_DATABASE_URL": url,
        "SANDBOX_SECRET_KEY": state.stripe_secret_key,
        "SANDBOX_PUBLISHABLE_KEY": state.stripe_publishable_key,
        "SANDBOX_WEBHOOK_SECRET": state.webhook_secret,
        "SANDBOX_SMS_ACCOUNT_SID": state.sms_account,
        "SANDBOX_SMS_AUTH_TOKEN": state.sms_token,
        "SANDBOX_SMS_INCOMING_URL": f"{state.web_url}/api/webhooks/twilio/incoming",
    }
    await supervisor.start("sandbox", command, environment, folder / LOGS / "sandbox.log")


async def _wait_until_ready(supervisor: Supervisor, url: str) -> None:
    import httpx

    deadline, said = monotonic() + READY_WITHIN_S, "no answer"
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while monotonic() < deadline:
            supervisor.raise_if_dead()
            try:
                answer = await client.get(url)
            except httpx.HTTPError:
                pass
            else:
                if answer.is_success:
                    return
                said = answer.text[:500]
            await asyncio.sleep(LOOK_EVERY_S)
    raise StartFailed(f"{url} was not ready after {READY_WITHIN_S:.0f} seconds. It says: {said}")
