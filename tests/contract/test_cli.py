"""The command line: every command of this version with --json; 0 is fine, 1 is wrong, 2 is misuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.contract.shop import Json, Shop, holdfast, until
from tests.demo.running import environment as clean

FINE: dict[str, list[str]] = {
    "migrate": ["migrate"],
    "settings": ["settings"],
    "doctor": ["doctor"],
    "doctor of two laws": ["doctor", "paid_has_booking", "unit_count_is_true"],
    "doctor --fix": ["doctor", "--fix"],
    "keys create": ["keys", "create", "--scope", "bookings", "--scope", "door"],
    "fix missing-bookings": ["fix", "missing-bookings"],
    "fix availability": ["fix", "availability"],
    "replay --failed": ["replay", "--failed"],
    "replay --since": ["replay", "--since", "1h"],
    "stats": ["stats"],
}
WRONG = [
    ["recover", "cs_test_nobodys"],
    ["diagnose", "order", "ord_nobodys"],
    ["diagnose", "booking", "HF-NTHERE23"],
    ["diagnose", "customer", "nobody@example.com"],
    ["diagnose", "payment", "pi_nobodys"],
    ["fix", "missing-bookings", "--order", "ord_nobodys"],
    ["replay", "evt_nobodys"],
    ["keys", "create", "--scope", "admin", "--tenant", "nobodys"],
]
MISUSE = [
    [],
    ["nonsense"],
    ["recover"],
    ["recover", "cs_a", "cs_b"],
    ["keys", "create"],
    ["keys", "create", "--scope", "everything"],
    ["doctor", "no_such_law"],
    ["diagnose", "nonsense", "x"],
    ["diagnose", "order"],
    ["replay"],
    ["replay", "--since", "yesterdayish"],
    ["stats", "--days", "many"],
    ["fix", "nonsense"],
    ["demo", "--port", "99999"],
    ["serve", "--workers", "0"],
]


@pytest.mark.parametrize("arguments", FINE.values(), ids=FINE.keys())
def test_fine(shop: Shop, arguments: list[str]) -> None:
    done = shop.cli(*arguments, "--json")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert len(done.stdout.strip().splitlines()) == 1
    assert isinstance(json.loads(done.stdout), dict)


@pytest.mark.parametrize("arguments", [["settings"], ["doctor"], ["stats"]], ids=" ".join)
def test_in_words(shop: Shop, arguments: list[str]) -> None:
    spoken = shop.cli(*arguments)
    assert spoken.returncode == 0, spoken.stdout
    assert spoken.stdout.strip()


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong(shop: Shop, arguments: list[str]) -> None:
    done = shop.cli(*arguments, "--json")
    assert done.returncode == 1, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert isinstance(json.loads(done.stdout), dict)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", MISUSE, ids=" ".join)
def test_misuse(shop: Shop, arguments: list[str]) -> None:
    done = shop.cli(*arguments)
    assert done.returncode == 2, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert (done.stdout + done.stderr).strip()
    assert "Traceback" not in done.stderr


def test_secrets_are_hidden(shop: Shop) -> None:
    for done in (shop.cli("settings"), shop.cli("settings", "--json")):
        for secret in ("stripe_secret_key", "webhook_secret", "cron_secret"):
            assert shop.told[secret] not in done.stdout + done.stderr


def test_malformed_settings_are_told_all_at_once(tmp_path: Path) -> None:
    wrong = {
        "DATABASE_URL": "nonsense",
        "PUBLIC_URL": "nonsense",
        "HOLD_MINUTES": "many",
        "SMTP_URL": "nonsense",
    }
    done = holdfast("serve", folder=tmp_path, extra=wrong)
    assert done.returncode == 2, done.stdout + done.stderr
    for name in wrong:
        assert name in done.stderr, f"{name} is not named in: {done.stderr}"
    assert "Traceback" not in done.stderr


def test_settings_of_an_env_file_are_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOLD_MINUTES=17\nPUBLIC_URL=https://tickets.example\n")
    done = holdfast("settings", "--json", folder=tmp_path)
    assert done.returncode == 1  # a secret and more is missing before money is taken
    said = json.loads(done.stdout)
    assert (said["settings"]["HOLD_MINUTES"], said["settings"]["PUBLIC_URL"]) == (
        "17",
        "https://tickets.example",
    )
    assert said["missing"]


def test_in_the_demos_folder_no_environment_is_needed(shop: Shop, tmp_path: Path) -> None:
    """As README says: a second terminal, the same folder, the default data folder."""
    shop.faults(webhooks={"lose": 1})
    booking = shop.book(shop.event())
    shop.pay(booking)
    (tmp_path / ".holdfast").symlink_to(shop.folder)
    done = holdfast("recover", booking["checkout_session_id"], "--json", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["result"] == "recovered"


def test_diagnose_tells_the_story_of_each(shop: Shop) -> None:
    booking = shop.confirmed(shop.event())
    email = shop.look(booking)["customer"]["email"]
    intent = shop.stripe(booking["checkout_session_id"])["payment_intent"]
    for kind, what in (
        ("order", booking["order_id"]),
        ("booking", booking["reference"]),
        ("booking", booking["booking_id"]),
        ("customer", email),
        ("payment", intent),
        ("payment", booking["checkout_session_id"]),
    ):
        done = shop.cli("diagnose", kind, what, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert booking["reference"] in done.stdout
        assert booking["checkout_session_id"] in done.stdout, "Stripe's side"
    assert booking["reference"] in shop.cli("diagnose", "order", booking["order_id"]).stdout


def test_diagnose_names_the_command_that_is_safe_to_run_next(shop: Shop) -> None:
    shop.faults(webhooks={"lose": 1})
    booking = shop.book(shop.event())
    shop.pay(booking)
    done = shop.cli("diagnose", "booking", booking["reference"], "--json")
    assert done.returncode == 1, done.stdout + done.stderr  # paid at Stripe, pending here
    assert f"holdfast recover {booking['checkout_session_id']}" in done.stdout
    assert (
        f"holdfast recover {booking['checkout_session_id']}"
        in shop.cli("diagnose", "booking", booking["reference"]).stdout
    )
    assert shop.found(booking["reference"])["status"] == "pending", "it only looks"


def test_a_missing_booking_is_made_again(shop: Shop) -> None:
    event = shop.event()
    booking = shop.confirmed(event)
    lose_booking(shop, booking)
    assert shop.cli("doctor", "order_has_booking").returncode in {0, 1}
    done = shop.cli_json("fix", "missing-bookings", "--order", booking["order_id"])
    assert set(done) >= {"orders", "with_bookings", "missing", "fixed"}
    [row] = shop.sql("SELECT booking_id, status FROM bookings WHERE order_id = %s", booking["order_id"])
    assert row["status"] == "confirmed"
    assert shop.availability(event["event_id"])["booked"] == 2
    assert shop.cli_json("fix", "missing-bookings")["missing"] == 0


def lose_booking(shop: Shop, booking: Json) -> None:
    """As an old version or a hand at the database may have left it."""
    with psycopg.connect(shop.database_url, autocommit=True) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for table in ("messages", "claims", "bookings"):
            connection.execute(f"DELETE FROM {table} WHERE booking_id = %s", (booking["booking_id"],))


def test_replay_of_an_event_changes_nothing(shop: Shop) -> None:
    booking = shop.confirmed(shop.event())
    before = shop.staff(f"/api/admin/bookings/{booking['reference']}")
    rows = shop.sql(
        "SELECT event_id FROM webhook_events WHERE object_id = %s", booking["checkout_session_id"]
    )
    assert rows
    said = shop.cli_json("replay", rows[0]["event_id"])
    assert said["replayed"] == 1
    until(
        lambda: (
            shop.sql("SELECT handled_at FROM webhook_events WHERE event_id = %s", rows[0]["event_id"])[0][
                "handled_at"
            ]
            is not None
        ),
        "handled again",
    )
    after = shop.staff(f"/api/admin/bookings/{booking['reference']}")
    assert (after["status"], len(after["payments"]), len(after["messages"])) == (
        "confirmed",
        len(before["payments"]),
        len(before["messages"]),
    )


def test_stats_count_money_and_time(shop: Shop) -> None:
    shop.confirmed(shop.event())
    said = shop.cli_json("stats")
    assert said["bookings"]["confirmed"] >= 1
    assert said["money"]
    assert said["seconds_to_confirmation"]


def test_the_key_that_is_made_works(shop: Shop) -> None:
    made = shop.cli_json("keys", "create", "--scope", "bookings")
    assert shop.get("/api/admin/bookings", key=made["key"]).status_code == 200
    assert shop.get("/api/admin/events", key=made["key"]).status_code == 403


def test_the_public_names_of_the_package(shop: Shop, tmp_path: Path) -> None:
    """`from holdfast import …`, in a program of somebody else's."""
    booking = shop.confirmed(shop.event())
    program = tmp_path / "embedding.py"
    program.write_text(EMBEDDING)
    shown = shop.cli_json("settings")["settings"]
    environment = {
        "DATABASE_URL": shop.database_url,
        "PUBLIC_URL": shop.told["web"],
        "STRIPE_SECRET_KEY": shop.told["stripe_secret_key"],
        "STRIPE_WEBHOOK_SECRET": shop.told["webhook_secret"],
        "STRIPE_API_BASE": shown["STRIPE_API_BASE"],
        "SECRET_KEY": "x" * 40,
    }
    done = subprocess.run(
        [sys.executable, str(program), booking["order_id"]],
        env=clean() | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["validated"] == []
    assert said["ensured"] == booking["booking_id"]
    assert said["created"] == "Conflict"
    assert said["fixed"]["missing"] == 0


EMBEDDING = """
import asyncio, json, sys
from dataclasses import asdict
from holdfast import create_booking_record, ensure_booking_record, fix_missing_booking_records, validate_order_booking
from holdfast.errors import Conflict
from holdfast.settings import load_settings
from holdfast.system import open_system

async def main(order_id):
    async with open_system(load_settings()) as system:
        said = {"validated": await validate_order_booking(system, order_id)}
        said["ensured"] = await ensure_booking_record(system, order_id)
        try:
            await create_booking_record(system, order_id)
        except Conflict:
            said["created"] = "Conflict"
        said["fixed"] = asdict(await fix_missing_booking_records(system))
        print(json.dumps(said))

asyncio.run(main(sys.argv[1]))
"""
