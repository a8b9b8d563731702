"""The README's promise: one command, everything runs; kill what you like, nothing is lost; Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.ports import is_free
from holdfast.database.embedded import EmbeddedPostgres
from tests.demo.running import Demo, environment, eventually, is_gone, running_demo

KEYS = {"admin", "bookings", "provider", "door"}
EVENT = 35

pytestmark = pytest.mark.slow


def test_a_stranger_books_kills_what_he_likes_and_stops_it(folder: Path) -> None:
    with running_demo(folder, "--port", "0") as demo:
        assert_announces_everything(demo)
        booking = demo.book(EVENT)
        demo.pay(booking)
        eventually(lambda: demo.status(booking) == "confirmed", "the payment confirms the booking")
        assert_survives_a_killed_worker(demo)
        assert_survives_a_killed_web_server(demo)
        assert_is_alone_in_its_folder(folder)
        assert_other_commands_need_no_settings(folder, booking["reference"])
        assert demo.stop(signal.SIGINT) == 0
        assert_nothing_is_left(demo, folder)
        first = demo.told

    with running_demo(folder) as again:
        same = ("web", "sandbox", "keys", "cron_secret", "webhook_secret", "stripe_secret_key")
        assert {name: again.told[name] for name in same} == {name: first[name] for name in same}
        assert again.status(booking) == "confirmed"
        assert again.stop(signal.SIGTERM) == 0
        assert_nothing_is_left(again, folder)


def assert_announces_everything(demo: Demo) -> None:
    told = demo.told
    assert set(told["keys"]) >= KEYS
    assert told["tenants"][0] == "default"
    assert EVENT in {event["id"] for event in told["events"]}
    assert all(event["free"] > 0 for event in told["events"])
    assert {"web", "worker", "sandbox"} <= set(told["pids"])
    assert (told["passes"], told["classes"]) == ([], [])
    assert {one["kind"] for provider in told["providers"] for one in provider["offerings"]} == {"appointment"}
    assert_the_providers_key_opens_the_first(demo)
    assert demo.get("/readyz").status_code == 200


def assert_the_providers_key_opens_the_first(demo: Demo) -> None:
    first, second, *_ = (provider["id"] for provider in demo.told["providers"])
    key = {"X-API-Key": demo.told["keys"]["provider"]}
    assert demo.get(f"/api/providers/{first}/hours", headers=key).status_code == 200
    assert demo.get(f"/api/providers/{second}/hours", headers=key).status_code == 404


def assert_survives_a_killed_worker(demo: Demo) -> None:
    booking = demo.book(EVENT)
    os.kill(demo.pids["worker"], signal.SIGKILL)
    demo.pay(booking)
    demo.told["pids"]["worker"] = demo.reborn("worker")
    eventually(lambda: demo.status(booking) == "confirmed", "paid while no worker ran")


def assert_survives_a_killed_web_server(demo: Demo) -> None:
    booking = demo.book(EVENT)
    os.kill(demo.pids["web"], signal.SIGKILL)
    demo.told["pids"]["web"] = demo.reborn("web")
    demo.pay(booking)
    eventually(lambda: answers(demo), "the web server is back on its port")
    eventually(lambda: demo.status(booking) == "confirmed", "paid while the web server was away")


def answers(demo: Demo) -> bool:
    import httpx

    try:
        return demo.get("/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def assert_is_alone_in_its_folder(folder: Path) -> None:
    second = holdfast(folder, "demo", "--data", str(folder), "--json")
    assert second.returncode == 1
    assert "runs in" in second.stderr


def assert_other_commands_need_no_settings(folder: Path, reference: str) -> None:
    done = holdfast(folder, "--data", str(folder), "diagnose", "booking", reference, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Using the demo" in done.stderr
    examined = holdfast(folder, "--data", str(folder), "doctor")
    assert examined.returncode == 0, examined.stdout


def holdfast(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "holdfast", *arguments]
    return subprocess.run(
        command, env=environment(), cwd=folder.parent, capture_output=True, text=True, timeout=60, check=False
    )


def assert_nothing_is_left(demo: Demo, folder: Path) -> None:
    eventually(lambda: all(map(is_gone, demo.pids.values())), f"no process is left of {demo.pids}")
    assert not EmbeddedPostgres(folder).is_running
    for address in (demo.told["web"], demo.told["sandbox"]):
        assert is_free("127.0.0.1", int(address.rpartition(":")[2])), f"{address} is still open"


def test_a_killed_demo_takes_its_processes_along_and_starts_again(folder: Path) -> None:
    with running_demo(folder, "--port", "0") as demo:
        booking = demo.book(EVENT)
        demo.process.kill()
        demo.process.wait(15)
        eventually(lambda: all(map(is_gone, demo.pids.values())), "the kernel ends what nobody supervises")
    with running_demo(folder) as again:
        assert again.status(booking) == "pending"
        assert again.stop() == 0


def test_fresh_wipes_a_demo_and_nothing_else(folder: Path) -> None:
    somebodys = EmbeddedPostgres(folder)
    somebodys.start()
    somebodys.stop()
    for arguments in (["--fresh"], []):
        refused = holdfast(folder, "demo", "--data", str(folder), *arguments)
        assert refused.returncode == 2
        assert "not a demo's" in refused.stderr
    somebodys.start()  # it is all there
