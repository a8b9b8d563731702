"""`holdfast diagnose deployment` as a pipeline runs it: a command with an exit code, against real web processes and a worker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from holdfast.cli.ports import any_free
from holdfast.inbox.rules import NEEDED_TYPES
from holdfast.stripe_gateway.client import sdk_api_version
from tests.simulation.processes import Program, environment_of, serving, until
from tests.support.sandbox import Sandbox
from tests.support.system import stage_settings

pytestmark = pytest.mark.slow
PUSHED, RUNNING = "fedcba9876543210", "0123456789abcdef"


@dataclass
class Place:
    url: str
    environment: Mapping[str, str]
    folder: Path
    worker: Program
    web: Program

    def command(self, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "holdfast", "diagnose", "deployment", self.url, *options],
            env={**self.environment, **settings},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )


@pytest.fixture
async def place(database_url: str, sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Place]:
    async with deployed(database_url, sandbox, tmp_path) as running:
        yield running


@asynccontextmanager
async def deployed(database_url: str, sandbox: Sandbox, folder: Path) -> AsyncIterator[Place]:
    port = any_free("127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    settings = replace(
        stage_settings(database_url, sandbox),
        public_url=url,
        release_commit=RUNNING,
        rate_limit_per_minute=0,
        # Its provider's number is another test's.
        twilio_account_sid="",
        twilio_auth_token="",
        twilio_from="",
    )
    environment = environment_of(settings)
    register(sandbox, url)
    worker = Program(("worker",), environment)
    worker.start()
    try:
        async with serving(settings, workers=2, port=port) as ([web], http):
            await until(lambda: _ready(http, url), "web and worker are ready")
            yield Place(url, environment, folder, worker, web.program)
    finally:
        worker.stop()


async def _ready(http: httpx.AsyncClient, url: str) -> bool:
    return (await http.get(f"{url}/readyz")).status_code == 200


def register(sandbox: Sandbox, url: str) -> None:
    """As a person does in Stripe's dashboard."""
    form = {"url": f"{url}/api/webhooks/stripe", "api_version": sdk_api_version()}
    form |= {f"enabled_events[{number}]": kind for number, kind in enumerate(NEEDED_TYPES)}
    made = httpx.post(
        f"{sandbox.url}/v1/webhook_endpoints",
        data=form,
        headers={"Authorization": f"Bearer {sandbox.secret_key}"},
    )
    assert made.status_code == 200, made.text


def lines(ran: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(ran.stdout)["lines"]}


async def test_a_right_deployment_ends_with_0_and_a_fix_that_was_never_started_with_1(place: Place) -> None:
    right = place.command("--expect-commit", RUNNING[:8], "--wait", "60", "--json")
    assert right.returncode == 0, right.stdout + right.stderr
    said = json.loads(right.stdout)
    assert said["ok"]
    assert sorted(one["role"] for one in said["processes"]) == ["web", "web", "worker"]
    assert {one["commit"] for one in said["processes"]} == {RUNNING}
    assert lines(right)["webhook_endpoint"]["state"] == "ok"
    assert "`canary`" in lines(right)["canary_handled"]["sentence"]

    # The original failure: the fix was pushed, and nobody started it. All else is well.
    pushed = place.command("--expect-commit", PUSHED)
    assert pushed.returncode == 1
    assert f"Commit {PUSHED} was to be deployed, and it does not run there" in pushed.stdout
    assert "The new code was never started" in pushed.stdout
    assert "Traceback" not in pushed.stderr


async def test_misuse_and_a_wrong_key_end_with_2_and_silence_with_1(place: Place) -> None:
    for misuse in (
        place.command("--expect-commit", "x"),
        place.command("--wait", "soon"),
        place.command("--key", "hf_nobodys"),
    ):
        assert misuse.returncode == 2, misuse.stdout + misuse.stderr
        assert len(misuse.stderr.splitlines()) <= 2
    place.web.kill()
    away = place.command("--json")
    assert away.returncode == 1
    assert list(lines(away)) == ["address"]


async def test_f69_a_worker_that_was_killed_is_found_by_the_canary(place: Place, database_url: str) -> None:
    place.worker.kill()
    with psycopg.connect(database_url) as conn:  # a minute later
        conn.execute(
            "UPDATE deployments SET heartbeat_at = now() - interval '61 seconds' WHERE role = 'worker'"
        )
    ran = place.command("--expect-commit", RUNNING, "--json")
    assert ran.returncode == 1
    wrong = {name for name, one in lines(ran).items() if one["state"] == "wrong"}
    assert wrong == {"ready", "worker_alive", "canary_handled"}
    assert lines(ran)["canary"]["state"] == "ok"
