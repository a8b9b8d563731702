"""A running demo as an outsider sees it: addresses, keys, a card, a mailbox and the command line. Nothing of the inside."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from holdfast.database.embedded import DATABASE, EmbeddedPostgres, wait_until
from tests.demo.running import Demo, environment

Json = dict[str, Any]

CARD = "4242424242424242"
PROBLEM = "application/problem+json"
SOON_S = 20.0
NUMBERS = itertools.count(1)


def until(condition: Callable[[], bool], what: str, within_s: float = SOON_S) -> None:
    assert wait_until(condition, within_s), f"not within {within_s:.0f} s: {what}"


def at_once(work: Callable[[int], Any], times: int, most: int = 25) -> list[Any]:
    """What `work(0)` … `work(times - 1)` say, all under way together."""
    with ThreadPoolExecutor(most) as threads:
        return list(threads.map(work, range(times)))


@dataclass
class Shop:
    demo: Demo
    folder: Path
    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            timeout=40, trust_env=False, limits=httpx.Limits(max_connections=60)
        )
    )

    @property
    def told(self) -> Json:
        return self.demo.told

    def key(self, scope: str = "admin") -> str:
        return str(self.told["keys"][scope])

    # ─── HTTP ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, method: str, path: str, *, key: str | None = None, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", None) or {})
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return self.client.request(method, f"{self.told['web']}{path}", headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.ask("POST", path, json=body, **options)

    def staff(self, path: str) -> Json:
        answer = self.get(path, key=self.key())
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # ─── what is sold ───────────────────────────────────────────────────────────────────────────────────────────────────

    def event(self, **changed: Any) -> Json:
        """A new event of the demo's tenant, in 40 days: two tables, a bar, three things to eat and drink."""
        number = next(NUMBERS)
        body = {
            "title": f"Contract evening {number} (demo)",
            "starts_at": in_the_future(days=40),
            "currency": "GBP",
            "units": [
                {"label": f"T{number}-1", "capacity": 4, "price": 5000},
                {"label": f"T{number}-2", "capacity": 2, "price": 5000},
                {"label": f"Bar {number}", "capacity": 10, "price": 2000, "kind": "area"},
            ],
            "menu": [
                {"name": "Onion tart", "category": "food", "price": 1200},
                {"name": "Braised leek", "category": "food", "price": 1100},
                {"name": "House red", "category": "wine", "price": 2500},
            ],
        } | changed
        answer = self.post("/api/admin/events", body, key=self.key())
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def availability(self, event_id: int) -> Json:
        answer = self.get(f"/api/events/{event_id}/availability")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # ─── a guest ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def try_booking(self, event: Json, seats: int = 2, unit: int = 0, **options: Any) -> httpx.Response:
        body = wanted(event, seats, unit) | options.pop("changed", {})
        return self.post(f"/api/events/{event['event_id']}/bookings", body, **options)

    def book(self, event: Json, seats: int = 2, unit: int = 0, **changed: Any) -> Json:
        answer = self.try_booking(event, seats, unit, changed=changed)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def hosted(self, booking: Json, **form: str) -> httpx.Response:
        """The form of the hosted page, as a script may post it."""
        return self.client.post(f"{self.told['sandbox']}/pay/{booking['checkout_session_id']}", data=form)

    def pay(self, booking: Json, card: str = CARD) -> httpx.Response:
        answer = self.hosted(booking, card=card, action="pay")
        assert answer.status_code == 303, answer.text
        return answer

    def look(self, booking: Json) -> Json:
        answer = self.get(f"/api/bookings/{booking['reference']}", params={"token": booking["token"]})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def found(self, reference: str) -> Json:
        """From the staff's list, which asks Stripe nothing."""
        [row] = self.staff(f"/api/admin/bookings?query={reference}")["bookings"]
        return dict(row)

    def confirmed(self, event: Json, seats: int = 2, unit: int = 0, **changed: Any) -> Json:
        booking = self.book(event, seats, unit, **changed)
        self.pay(booking)
        until(lambda: self.look(booking)["status"] == "confirmed", "a paid booking is confirmed")
        return booking

    # ─── the sandbox ────────────────────────────────────────────────────────────────────────────────────────────────────

    def control(self, path: str, body: Json | None = None) -> httpx.Response:
        address = f"{self.told['sandbox']}/control/{path}"
        return self.client.get(address) if body is None else self.client.post(address, json=body)

    def faults(self, **groups: Json) -> None:
        answer = self.control("faults", dict(groups))
        assert answer.status_code == 200, answer.text

    def no_faults(self) -> None:
        self.faults(
            webhooks={"lose": 0, "duplicate": 0, "delay_s": 0, "reorder": False},
            api={
                "timeout_before": 0,
                "timeout_after": 0,
                "error_500": 0,
                "error_500_after": 0,
                "error_429": 0,
            },
        )

    def ledger(self, kind: str) -> list[Json]:
        return list(self.control("ledger").json().get(kind, []))

    def stripe(self, object_id: str) -> Json:
        """As Stripe's API shows it, with the demo's secret key."""
        kind = {"cs": "checkout/sessions", "pi": "payment_intents"}[object_id[:2]]
        answer = self.client.get(
            f"{self.told['sandbox']}/v1/{kind}/{object_id}", auth=(self.told["stripe_secret_key"], "")
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refunds_of(self, session_id: str) -> list[Json]:
        intent = self.stripe(session_id)["payment_intent"]
        return [refund for refund in self.ledger("refund") if refund["payment_intent"] == intent]

    def mails(self, address: str) -> list[Json]:
        return [mail for mail in self.control("messages").json()["messages"] if address in json.dumps(mail)]

    # ─── the machine ────────────────────────────────────────────────────────────────────────────────────────────────────

    def cli(self, *arguments: str, data: bool = True) -> subprocess.CompletedProcess[str]:
        """`holdfast …` without one setting in its environment."""
        where = ["--data", str(self.folder)] if data else []
        return holdfast(*where, *arguments, folder=self.folder.parent)

    def cli_json(self, *arguments: str, exit_code: int = 0) -> Json:
        done = self.cli(*arguments, "--json")
        assert done.returncode == exit_code, f"{arguments} → {done.returncode}\n{done.stdout}\n{done.stderr}"
        return dict(json.loads(done.stdout))

    def sql(self, statement: str, *values: Any) -> list[Json]:
        with psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    @property
    def database_url(self) -> str:
        return EmbeddedPostgres(self.folder).url(DATABASE)


def holdfast(
    *arguments: str, folder: Path, extra: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("holdfast")), *arguments],
        env=environment() | (extra or {}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def wanted(event: Json, seats: int = 2, unit: int = 0) -> Json:
    return {
        "units": [{"unit_id": event["units"][unit]["unit_id"], "seats": seats}],
        "menu": [],
        "customer": guest(),
    }


def guest(email: str | None = None) -> Json:
    number = next(NUMBERS)
    return {"name": f"Guest {number}", "email": email or f"guest{number}.{os.getpid()}@example.com"}


def in_the_future(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat(timespec="seconds")


def utc(text: str) -> datetime:
    assert text.endswith("Z"), f"{text} is not written in UTC"
    return datetime.fromisoformat(text)


def has_types(body: Json, types: dict[str, type]) -> None:
    for name, kind in types.items():
        assert type(body[name]) is kind, f"{name}: {body[name]!r}"


def problem(answer: httpx.Response, status: int, code: str | None = None) -> Json:
    """The answer is an RFC 9457 problem, and says so."""
    assert answer.status_code == status, f"{answer.status_code} instead of {status}: {answer.text[:500]}"
    assert answer.headers["content-type"].partition(";")[0] == PROBLEM
    body = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(body), body
    assert body["status"] == status
    assert "Traceback" not in answer.text
    if code is not None:
        assert body["code"] == code, body
    return dict(body)
