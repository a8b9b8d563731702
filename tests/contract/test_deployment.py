"""What is deployed: asked by the public address, on the command line and over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest

from tests.contract.shop import Json, Shop, problem, until


def diagnosed(shop: Shop, *options: str) -> tuple[int, Json]:
    done = shop.cli("diagnose", "deployment", shop.told["web"], *options, "--json")
    assert "Traceback" not in done.stderr, done.stderr
    assert len(done.stdout.strip().splitlines()) == 1, done.stdout
    return done.returncode, dict(json.loads(done.stdout))


def states(said: Json) -> Json:
    """Without the folder: whoever works on the code while this runs changes what lies there."""
    return {one["name"]: one["state"] for one in said["lines"] if one["name"] != "code_on_disk"}


def test_a_running_demo_is_deployed_well(shop: Shop) -> None:
    commit = shop.get("/version").json()["commit"]
    code, said = diagnosed(shop, "--expect-commit", commit[:8], "--wait", "30")
    found = states(said)
    assert set(found.values()) == {"ok"}, said["lines"]
    assert {"running_code", "ready", "settings", "webhook_endpoint", "sms_answers"} <= set(found)
    assert {"canary", "canary_handled", "forged_event"} <= set(found)
    assert code == (0 if said["ok"] else 1)
    assert {one["role"] for one in said["processes"]} == {"web", "worker"}
    assert {one["commit"] for one in said["processes"]} == {commit}


def test_a_commit_that_never_started_is_red_and_ends_with_1(shop: Shop) -> None:
    code, said = diagnosed(shop, "--expect-commit", "f" * 40)
    assert code == 1
    assert states(said)["running_code"] == "wrong"
    [told] = [one for one in said["lines"] if one["name"] == "running_code"]
    assert told["next_step"]
    spoken = shop.cli("diagnose", "deployment", shop.told["web"], "--expect-commit", "f" * 40)
    assert spoken.returncode == 1
    assert told["sentence"] in spoken.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["http://127.0.0.1:9", "--wait", "long"],
        ["http://127.0.0.1:9", "--expect-commit", ""],
    ],
    ids=" ".join,
)
def test_misuse_ends_with_2(shop: Shop, arguments: list[str]) -> None:
    done = shop.cli("diagnose", "deployment", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr


def test_a_wrong_key_ends_with_2_and_silence_with_1(shop: Shop) -> None:
    code, said = diagnosed(shop, "--key", "hf_nobodys")
    assert (code, said["code"]) == (2, "unauthorized")
    done = shop.cli("diagnose", "deployment", "http://127.0.0.1:9", "--json")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)


def test_over_http_it_needs_a_key_with_the_scope_admin(shop: Shop) -> None:
    problem(shop.get("/api/admin/deployment"), 401, "unauthorized")
    problem(shop.get("/api/admin/deployment", key="hf_nobodys"), 401, "unauthorized")
    problem(shop.get("/api/admin/deployment", key=shop.key("door")), 403, "forbidden")
    problem(shop.get("/api/admin/deployment?audit=perhaps", key=shop.key()), 422, "validation_failed")
    problem(shop.get("/api/admin/deployment?canary=%00", key=shop.key()), 422, "validation_failed")
    said = shop.staff("/api/admin/deployment")
    assert {one["role"] for one in said["processes"]} == {"web", "worker"}
    assert said["code"]["commit"] == shop.get("/version").json()["commit"]
    for secret in ("stripe_secret_key", "webhook_secret", "cron_secret"):
        assert shop.told[secret] not in json.dumps(said)


def test_a_canary_is_handled_and_is_no_event_of_stripes(shop: Shop) -> None:
    stamp = int(time.time())
    event = {"id": f"evt_canary_{stamp}", "object": "event", "type": "holdfast.canary", "created": stamp}
    event |= {"livemode": True, "data": {"object": {"id": "canary_1", "object": "canary"}}}
    body = json.dumps(event).encode()

    def sent(secret: str) -> int:
        signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={stamp},v1={signed}", "Content-Type": "application/json"}
        return shop.ask("POST", "/api/webhooks/stripe", content=body, headers=headers).status_code

    def seen() -> Json | None:
        found = shop.staff(f"/api/admin/deployment?audit=false&canary={event['id']}")["canary"]
        return dict(found) if found else None

    assert sent("whsec_of_nobody") == 400
    assert seen() is None
    assert sent(shop.told["webhook_secret"]) == 200
    until(lambda: (seen() or {}).get("outcome") == "canary", "the canary is handled")
    assert sent(shop.told["webhook_secret"]) == 200, "twice is as once"
    [row] = shop.sql(
        "SELECT duplicates, order_id, error FROM webhook_events WHERE event_id = %s", event["id"]
    )
    assert row == {"duplicates": 1, "order_id": None, "error": None}
