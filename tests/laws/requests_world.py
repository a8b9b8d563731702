"""The part of the world that is asked for and answered: an expert with three appointments, one that waits for an answer, one
that was accepted and paid, one that was declined. All of it is lawful; world.py names them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from holdfast.database.connection import Connection

STORIES = ("asked", "booked", "declined")
AT_STRIPE = {name: ("", f"pi_{name}") for name in STORIES}
PREFIXES = {
    "order": "ord",
    "booking": "bkg",
    "attempt": "att",
    "payment": "pay",
    "message": "msg",
    "capture": "cap",
}
UNITS = {"asked": 21, "booked": 22, "declined": 23}
NAMES: dict[str, Any] = {
    **{f"{name}_{what}": f"{prefix}_{name}" for name in STORIES for what, prefix in PREFIXES.items()},
    **{f"{name}_unit": unit for name, unit in UNITS.items()},
    "provider": 1,
    "service": 37,
}
STATUS = {"asked": "requested", "booked": "confirmed", "declined": "declined"}
INTENT = {"asked": "requires_capture", "booked": "succeeded", "declined": "canceled"}
ATTEMPT = {"asked": "open", "booked": "complete", "declined": "expired"}
PRICE = 9000


async def build_requests(conn: Connection, now: datetime, at_stripe: Mapping[str, tuple[str, str]]) -> None:
    await _service(conn, now)
    # What is made later by the application gets ids of its own.
    await conn.execute("SELECT setval(pg_get_serial_sequence('units', 'unit_id'), 1000)")
    for number, name in enumerate(STORIES):
        intent = at_stripe.get(name, AT_STRIPE[name])[1]
        facts = _facts(name, number, now, intent)
        await _appointment(conn, facts)
        await _money(conn, facts)
        await _told(conn, facts)


def _facts(name: str, number: int, now: datetime, intent: str) -> dict[str, Any]:
    made, starts = now - timedelta(hours=2), now + timedelta(days=3 + number)
    ended = made + timedelta(minutes=30) if name == "declined" else None
    facts = {key: f"{prefix}_{name}" for key, prefix in PREFIXES.items()}
    return {
        **facts,
        "name": name,
        "customer": f"cus_{name}",
        "email": f"{name}@example.com",
        "reference": f"HF-{name.upper()}",
        "hash": hashlib.sha256(name.encode()).digest(),
        "unit": UNITS[name],
        "status": STATUS[name],
        "price": PRICE,
        "at": made,
        "starts": starts,
        "ends": starts + timedelta(minutes=30),
        "respond_by": made + timedelta(days=2),
        "accepted": made + timedelta(minutes=29) if name == "booked" else None,
        "confirmed": made + timedelta(minutes=30) if name == "booked" else None,
        "ended": ended,
        "told": made + timedelta(minutes=31) if name == "booked" else made,
        "taken": 0 if ended else 1,
        "intent": intent,
        "charge": f"ch_{name}",
        "attempt_status": ATTEMPT[name],
        "evidence": json.dumps({"intent": {intent: {"status": INTENT[name], "amount": [PRICE], "currency": ["gbp"]}}}),
        "ask_at": now + timedelta(minutes=30) if name == "asked" else None,
        "closed": made + timedelta(minutes=30) if name != "asked" else None,
        "capture_before": made + timedelta(days=7),
    }  # fmt: skip


async def _service(conn: Connection, now: datetime) -> None:
    await conn.execute(
        """INSERT INTO providers (provider_id, tenant_id, name, email, created_at)
           VALUES (1, 1, 'A Sample Expert', 'expert@example.com', %s)""",
        (now,),
    )
    await conn.execute(
        """INSERT INTO offerings (offering_id, tenant_id, kind, title, time_zone, currency, provider_id, created_at)
           VALUES (37, 1, 'appointment', 'Half an hour', 'Europe/London', 'GBP', 1, %s)""",
        (now,),
    )
    await conn.execute(
        """INSERT INTO services (offering_id, tenant_id, provider_id, price, timing, duration_minutes, step_minutes)
           VALUES (37, 1, 1, %s, 'slot', 30, 30)""",
        (PRICE,),
    )


async def _appointment(conn: Connection, facts: dict[str, Any]) -> None:
    for statement in (
        """INSERT INTO customers (customer_id, tenant_id, name, email, created_at)
           VALUES (%(customer)s, 1, 'A Student', %(email)s, %(at)s)""",
        """INSERT INTO orders (order_id, tenant_id, offering_id, customer_id, status, amount, currency, source, offering_version,
                               refund_tiers, created_at, starts_at, ends_at, requested_at, respond_by, accepted_at)
           VALUES (%(order)s, 1, 37, %(customer)s, %(status)s, %(price)s, 'GBP', 'page', 1, '[]', %(at)s, %(starts)s, %(ends)s,
                   %(at)s, %(respond_by)s, %(accepted)s)""",
        """INSERT INTO order_lines (order_id, line_no, kind, label, quantity, unit_amount, amount)
           VALUES (%(order)s, 1, 'service', 'Half an hour', 1, %(price)s, %(price)s)""",
        """INSERT INTO bookings (booking_id, order_id, status, tenant_id, offering_id, reference, token_hash, contact_name,
                                 contact_email, seats, created_at, expires_at, hold_limit, confirmed_at, ended_at)
           VALUES (%(booking)s, %(order)s, %(status)s, 1, 37, %(reference)s, %(hash)s, 'A Student', %(email)s, 1, %(at)s,
                   %(respond_by)s, %(respond_by)s, %(confirmed)s, %(ended)s)""",
        """INSERT INTO units (unit_id, tenant_id, offering_id, kind, label, capacity, taken, pricing, price, provider_id, during,
                              blocked)
           VALUES (%(unit)s, 1, 37, 'slot', %(name)s, 1, %(taken)s, 'per_unit', %(price)s, 1,
                   tstzrange(%(starts)s, %(ends)s), tstzrange(%(starts)s, %(ends)s))""",
        """INSERT INTO claims (booking_id, unit_id, seats, guests, released_at)
           VALUES (%(booking)s, %(unit)s, 1, 1, %(ended)s)""",
        """INSERT INTO timeline (tenant_id, order_id, at, actor, what) VALUES (1, %(order)s, %(at)s, 'customer', 'held')""",
    ):
        await conn.execute(statement, facts)


async def _money(conn: Connection, facts: dict[str, Any]) -> None:
    await conn.execute(
        """INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency, payment_intent_id, evidence,
                                 created_at, ask_at, closed_at, capture_before)
           VALUES (%(attempt)s, %(order)s, 1, 'payment_intent', %(attempt_status)s, %(price)s, 'GBP', %(intent)s, %(evidence)s,
                   %(at)s, %(ask_at)s, %(closed)s, %(capture_before)s)""",
        facts,
    )
    if facts["name"] == "asked":
        return
    action = "capture" if facts["name"] == "booked" else "cancel"
    reason = "accepted" if facts["name"] == "booked" else "declined"
    await conn.execute(
        """INSERT INTO captures (capture_id, order_id, attempt_id, tenant_id, action, amount, currency, status, reason, actor,
                                 created_at, settled_at)
           VALUES (%(capture)s, %(order)s, %(attempt)s, 1, %(action)s, %(price)s, 'GBP', 'done', %(reason)s, 'provider:1',
                   %(closed)s, %(closed)s)""",
        {**facts, "action": action, "reason": reason},
    )
    if facts["name"] == "booked":
        await conn.execute(
            """INSERT INTO payments (payment_id, order_id, attempt_id, tenant_id, purpose, payment_intent_id, charge_id, amount,
                                     captured, currency, card_last4, charged_at, recorded_at, found_by)
               VALUES (%(payment)s, %(order)s, %(attempt)s, 1, 'order', %(intent)s, %(charge)s, %(price)s, %(price)s, 'GBP',
                       '4242', %(at)s, %(confirmed)s, 'page')""",
            facts,
        )
        await conn.execute(
            """INSERT INTO webhook_events (event_id, type, object_id, livemode, created_at, payload, received_at, handled_at,
                                           outcome, tries)
               VALUES ('evt_booked', 'payment_intent.succeeded', %(intent)s, false, %(confirmed)s, '{}', %(confirmed)s,
                       %(confirmed)s, 'applied', 1)""",
            facts,
        )


async def _told(conn: Connection, facts: dict[str, Any]) -> None:
    kind = {"asked": "request_to_answer", "booked": "booking_confirmed", "declined": "request_declined"}
    recipient = "expert@example.com" if facts["name"] == "asked" else facts["email"]
    await conn.execute(
        """INSERT INTO messages (message_id, tenant_id, booking_id, kind, channel, recipient, unique_key, cause, status, tries,
                                 created_at, sent_at)
           VALUES (%(message)s, 1, %(booking)s, %(kind)s, 'email', %(recipient)s, %(kind)s, 'settle', 'sent', 1,
                   %(told)s, %(told)s)""",
        {**facts, "kind": kind[facts["name"]], "recipient": recipient},
    )
    await conn.execute(
        "INSERT INTO message_tries (message_id, try_no, tried_at, outcome) VALUES (%(message)s, 1, %(told)s, 'sent')",
        facts,
    )
