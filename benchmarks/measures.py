"""The measures. Each says what it did in its docstring; README.md says why, and what it is compared with."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from benchmarks.client import Load, drive, request_bytes
from benchmarks.stage import WEBHOOK_SECRET, WHOLE_PRICE, Served, Stage
from holdfast.inbox.jobs import handle_due
from holdfast.settings import Settings
from holdfast.system import open_system

DATABASE_CONNECTIONS = 10  # of a web process's pool, and pgbench's clients

HOLD_IN_SQL = r"""
\set which random(0, {last})
SELECT take_hold(jsonb_build_object(
    'tenant_id', {tenant}, 'offering_id', {offering}, 'order_id', 'ord_' || u, 'booking_id', 'bkg_' || u, 'attempt_id', null,
    'customer_id', 'cus_' || u, 'message_id', 'msg_' || u, 'reference', 'HF-' || u,
    'token_hash', encode(sha256(u::bytea), 'hex'),
    'units', jsonb_build_array(jsonb_build_object('unit_id', {first} + :which, 'seats', 1)),
    'menu', '[]'::jsonb, 'name', 'Sample Guest', 'email', u || '@example.com', 'phone', null, 'source', 'api'), now())
  FROM (SELECT gen_random_uuid()::text AS u) AS one;
"""


def pgbench(stage: Stage, event_id: int, units: list[int], seconds: int, clients: int) -> float:
    """Holds a second when nothing but PostgreSQL is at work: the same function, called by PostgreSQL's own load generator.
    The units' ids are consecutive."""
    script = stage.folder / "hold.sql"
    script.write_text(
        HOLD_IN_SQL.format(
            tenant=stage.catalogue.tenant_id, offering=event_id, first=units[0], last=len(units) - 1
        )
    )
    command = [str(stage.programs / "pgbench"), "-n", "-M", "prepared", "-f", str(script), "-T", str(seconds)]
    command += ["-c", str(clients), "-j", "1", stage.url]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", told.stdout)
    if told.returncode != 0 or found is None or "number of failed transactions: 0" not in told.stdout:
        raise RuntimeError(f"pgbench failed: {told.stderr[-2000:]}{told.stdout[-2000:]}")
    return float(found[1])


def holds(
    stage: Stage, served: Served, event_id: int, units: list[int], seconds: float, connections: int
) -> Load:
    """POST /api/events/{id}/bookings with "checkout": false: a hold without its payment page, so that Stripe's speed is not
    measured. Every one is another guest's."""

    def requests(number: int, of: int) -> Iterator[bytes]:
        turn = number
        while True:
            unit = units[(turn * 7919) % len(units)]
            body = {
                "units": [{"unit_id": unit, "seats": 1}],
                "customer": {"name": "Sample Guest", "email": f"g{time.monotonic_ns():x}.{turn}@example.com"},
                "checkout": False,
            }
            turn += of
            yield request_bytes("POST", f"/api/events/{event_id}/bookings", json.dumps(body).encode())

    return drive(served.port, requests, connections=connections, seconds=seconds)


def availability(served: Served, event_id: int, seconds: float, connections: int) -> Load:
    """GET /api/events/{id}/availability."""

    def requests(_number: int, _of: int) -> Iterator[bytes]:
        request = request_bytes("GET", f"/api/events/{event_id}/availability")
        while True:
            yield request

    return drive(served.port, requests, connections=connections, seconds=seconds)


def webhooks(served: Served, bodies: list[bytes], connections: int) -> Load:
    """POST /api/webhooks/stripe, each body once, signed."""

    def requests(number: int, of: int) -> Iterator[bytes]:
        for body in bodies[number::of]:
            headers = (("Stripe-Signature", signature(body)),)
            yield request_bytes("POST", "/api/webhooks/stripe", body, headers)

    return drive(served.port, requests, connections=connections, seconds=120)


def signature(body: bytes) -> str:
    stamp = int(time.time())
    mac = hmac.new(WEBHOOK_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={mac}"


def unpaid_attempts(stage: Stage, count: int) -> list[dict[str, Any]]:
    """Holds with an open session each, put there by the same SQL function."""
    catalogue = stage.catalogue
    with psycopg.connect(stage.url, autocommit=True) as conn:
        conn.execute(
            """SELECT take_hold(jsonb_build_object(
                   'tenant_id', %(tenant)s::bigint, 'offering_id', %(event)s::bigint, 'order_id', 'ord_' || u,
                   'booking_id', 'bkg_' || u, 'attempt_id', 'att_' || u, 'customer_id', 'cus_' || u, 'message_id', 'msg_' || u,
                   'reference', 'HF-' || u, 'token_hash', encode(sha256(u::bytea), 'hex'),
                   'units', jsonb_build_array(jsonb_build_object('unit_id', %(first)s::bigint + n %% %(units)s, 'seats', 1)),
                   'menu', '[]'::jsonb, 'name', 'Sample Guest', 'email', u || '@example.com', 'phone', null,
                   'source', 'api'), now())
                 FROM (SELECT n, gen_random_uuid()::text AS u FROM generate_series(1, %(count)s) AS n) AS wanted""",
            {
                "tenant": catalogue.tenant_id,
                "event": catalogue.spread,
                "first": catalogue.spread_units[0],
                "units": len(catalogue.spread_units),
                "count": count,
            },
        )
        found = conn.execute(
            """UPDATE attempts SET status = 'open', session_id = 'cs_test_' || attempt_id,
                      checkout_url = 'http://127.0.0.1:9/pay', session_expires_at = now() + interval '1 hour'
                WHERE status = 'planned' RETURNING attempt_id, order_id, session_id"""
        ).fetchall()
        instance = conn.execute("SELECT instance_id FROM installation").fetchone()
        conn.execute("ANALYZE")
    assert instance is not None
    return [
        {"attempt": row[0], "order": row[1], "session": row[2], "app_instance": instance[0]} for row in found
    ]


def completed(attempt: dict[str, Any]) -> bytes:
    """checkout.session.completed for it, with the fields that Stripe sends (docs.stripe.com/api/checkout/sessions/object)."""
    now = int(time.time())
    intent = "pi_" + attempt["attempt"].removeprefix("att_").replace("-", "")
    metadata = {
        "app_instance": attempt["app_instance"],
        "attempt": attempt["attempt"],
        "order": attempt["order"],
        "hf0": "x" * 400,  # as long as the signed snapshot
    }
    session = {
        "id": attempt["session"],
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": WHOLE_PRICE,
        "amount_total": WHOLE_PRICE,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": "http://127.0.0.1:8000/b/token?back=1",
        "client_reference_id": attempt["attempt"],
        "client_secret": None,
        "consent": None,
        "created": now - 60,
        "currency": "gbp",
        "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None},
        "customer": None,
        "customer_creation": "if_required",
        "customer_details": {
            "address": {"city": None, "country": "GB", "line1": None, "line2": None, "postal_code": None},
            "email": "guest@example.com",
            "name": "Sample Guest",
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        "customer_email": "guest@example.com",
        "expires_at": now + 3600,
        "livemode": False,
        "metadata": metadata,
        "mode": "payment",
        "payment_intent": intent,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "paid",
        "recovered_from": None,
        "status": "complete",
        "success_url": "http://127.0.0.1:8000/b/token?paid={CHECKOUT_SESSION_ID}",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted",
        "url": None,
    }
    event = {
        "id": "evt_" + attempt["attempt"].removeprefix("att_").replace("-", ""),
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": now,
        "data": {"object": session},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "checkout.session.completed",
    }
    return json.dumps(event, indent=2).encode()


def applied(stage: Stage) -> tuple[int, float]:
    """The worker's job on everything that is stored, in this process, alone: how many events, in how many seconds."""

    async def run() -> tuple[int, float]:
        settings = Settings(
            database_url=stage.url,
            secret_key="only for the benchmark, long enough",
            stripe_secret_key="sk_test_of_the_benchmark",
            stripe_api_base="http://127.0.0.1:9",
        )
        async with open_system(settings) as system:
            began, events = time.perf_counter(), 0
            while done := await handle_due(system):
                events += done
            return events, time.perf_counter() - began

    return asyncio.run(run())


def confirmed_without_fault(stage: Stage, count: int) -> None:
    """What was applied was applied: as many confirmed orders with their payment and message, and no count is wrong."""
    with psycopg.connect(stage.url) as conn:
        row = conn.execute(
            """SELECT (SELECT count(*) FROM orders JOIN payments USING (order_id) JOIN bookings USING (order_id)
                         JOIN messages USING (booking_id) WHERE orders.status = 'confirmed'),
                      (SELECT count(*) FROM units u
                        WHERE taken <> (SELECT coalesce(sum(seats), 0) FROM claims c
                                         WHERE c.unit_id = u.unit_id AND released_at IS NULL))"""
        ).fetchone()
    if row is None or row[0] != count or row[1]:
        raise RuntimeError(
            f"Of {count} paid orders {row and row[0]} are confirmed; {row and row[1]} counts are wrong."
        )
