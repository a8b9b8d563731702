"""The demo's line, a second start, a fresh one, and what Ctrl-C leaves behind: nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from holdfast.database.embedded import EmbeddedPostgres
from tests.contract.shop import Shop, until
from tests.demo.running import running_demo

PROMISED = {
    "web",
    "sandbox",
    "keys",
    "cron_secret",
    "webhook_secret",
    "stripe_secret_key",
    "events",
    "providers",
    "passes",
    "classes",
    "tenants",
}


def test_the_line(shop: Shop, second_demo: Shop) -> None:
    for told in (shop.told, second_demo.told):
        assert set(told) >= PROMISED
        assert set(told["keys"]) >= {"admin", "bookings", "provider", "door"}
        for event in told["events"]:
            assert set(event) == {"id", "title", "free"}
            assert type(event["free"]) is int
        for provider in told["providers"]:
            assert set(provider) >= {"id", "name", "offerings"}
            assert all(set(one) >= {"id", "kind"} for one in provider["offerings"])
        kinds = {one["timing"] for provider in told["providers"] for one in provider["offerings"]}
        assert kinds == {"slot", "proposed", "none"}, "celebrities and experts"
        assert "default" in told["tenants"]
        assert all(isinstance(told[name], list) for name in ("providers", "passes", "classes", "tenants"))
        assert told["webhook_secret"].startswith("whsec_")
        assert told["stripe_secret_key"].startswith("sk_test_")
        assert told["web"].startswith("http://")
    for name in ("web", "sandbox", "keys", "stripe_secret_key", "webhook_secret", "cron_secret"):
        assert shop.told[name] != second_demo.told[name], f"two demos share {name}"


def test_a_second_start_keeps_a_fresh_one_begins_anew_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    try:
        with running_demo(folder, "--port", "0") as demo:
            first = Shop(demo, folder)
            booking = first.confirmed(first.event())
            group = os.getpgid(demo.process.pid)
            assert demo.stop(signal.SIGINT) == 0
            until(lambda: nobody_in(group), "no process is left")
            first.client.close()
        with running_demo(folder, "--port", "0") as demo:
            again = Shop(demo, folder)
            for name in ("keys", "cron_secret", "webhook_secret", "stripe_secret_key"):
                assert again.told[name] == first.told[name]
            assert again.look(booking)["status"] == "confirmed"
            assert again.stripe(booking["checkout_session_id"])["status"] == "complete"
            assert demo.stop(signal.SIGTERM) == 0
            again.client.close()
        with running_demo(folder, "--port", "0", "--fresh") as demo:
            fresh = Shop(demo, folder)
            assert fresh.ledger("checkout.session") == []
            path = f"/api/bookings/{booking['reference']}"
            assert fresh.get(path, params={"token": booking["token"]}).status_code == 404
            assert fresh.availability(35)["available"] == 82
            assert demo.stop(signal.SIGINT) == 0
            fresh.client.close()
    finally:
        EmbeddedPostgres(folder).destroy()


def nobody_in(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
