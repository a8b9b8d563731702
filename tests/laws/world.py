"""A world with a row of every kind: held, confirmed, completed, expired, paid too late, cancelled, stuck, free, disputed, paid
twice, refund failed; requests: requests_world.py. All of it is lawful. `NAMES` are what a law's `breaks_with` may speak of.

What exists at Stripe is named by the caller, so that a repair that asks finds it there (tests/laws/test_repairs.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from holdfast.database.connection import Connection
from tests.laws import requests_world

STORIES = (
    "confirmed",
    "pending",
    "expired",
    "late",
    "cancelled",
    "stuck",
    "disputed",
    "twice",
    "failed",
    "done",
)
# story → session id, intent id
AT_STRIPE = {name: (f"cs_test_{name}", f"pi_{name}") for name in STORIES} | requests_world.AT_STRIPE
NAMES: dict[str, Any] = {
    **{f"{name}_{what}": f"{prefix}_{name}" for name in [*STORIES, "free"] for what, prefix in (
        ("order", "ord"), ("booking", "bkg"), ("attempt", "att"), ("payment", "pay"), ("refund", "ref"), ("message", "msg"))},
    **requests_world.NAMES,
    "unit": 1,
    "waiting_message": "msg_waits",
    "tenant": 1,
    "other_tenant": 2,
    "handled_event": "evt_confirmed",
    "dispute": "dp_disputed",
}  # fmt: skip

# name, status, unit, seats, age of the order in hours, amount paid (None: nothing was)
ORDERS = [
    ("confirmed", "confirmed", 1, 2, 1.0, 12000),
    ("pending", "pending", 2, 2, 0.1, None),
    ("expired", "expired", 2, 2, 48.0, None),
    ("late", "expired", 2, 2, 48.0, 12000),
    ("cancelled", "cancelled", 3, 2, 48.0, 12000),
    ("stuck", "stuck", 3, 2, 48.0, 11000),
    ("disputed", "confirmed", 4, 2, 48.0, 12000),
    ("twice", "confirmed", 4, 2, 48.0, 12000),
    ("failed", "cancelled", 5, 2, 48.0, 12000),
    ("done", "completed", 9, 2, 900.0, 12000),
    ("free", "confirmed", 8, 1, 48.0, None),
]
LIVE = {"pending", "confirmed", "completed", "stuck"}


async def build_world(
    conn: Connection, now: datetime, at_stripe: Mapping[str, tuple[str, str]] = AT_STRIPE
) -> dict[str, Any]:
    """Writes it all and says the names, `now` among them."""
    await _catalogue(conn, now)
    for name, status, unit, seats, hours, paid in ORDERS:
        at = now - timedelta(hours=hours)
        await _order(conn, now, name, status, unit, seats, at)
        if name != "free":
            await _attempt(conn, now, name, status, at, at_stripe[name], paid)
        if paid:
            await _payment(conn, name, at, at_stripe[name][1], paid)
    await requests_world.build_requests(conn, now, at_stripe)
    await _seat(conn)
    await _aftermath(conn, now)
    await _messages(conn, now)
    await _inbox(conn, now, at_stripe["confirmed"])
    return {**NAMES, "now": now}


async def _catalogue(conn: Connection, now: datetime) -> None:
    await conn.execute(
        """INSERT INTO tenants (tenant_id, slug, name, created_at)
           VALUES (1, 'sample', 'The Sample Room', %(now)s), (2, 'other', 'The Other Room', %(now)s)""",
        {"now": now},
    )
    await conn.execute(
        """INSERT INTO offerings (offering_id, tenant_id, kind, title, starts_at, ends_at, time_zone, currency, created_at)
           VALUES (35, 1, 'event', 'A sample evening', %(soon)s,
               %(soon)s::timestamptz + interval '3 hours', 'Europe/London', 'GBP', %(now)s),
                  (36, 1, 'event', 'A free talk', %(soon)s, NULL, 'Europe/London', 'GBP', %(now)s),
                  (34, 1, 'event', 'Last month', %(past)s, NULL, 'Europe/London', 'GBP', %(past)s)""",
        {"now": now, "soon": now + timedelta(days=35), "past": now - timedelta(days=30)},
    )
    units = [(n, 35, f"Table {n}", 4, 5000) for n in range(1, 8)] + [
        (8, 36, "Hall", 50, 0),
        (9, 34, "Table 1", 4, 5000),
    ]
    for unit_id, offering, label, capacity, price in units:
        await conn.execute(
            """INSERT INTO units (unit_id, tenant_id, offering_id, kind, label, capacity, price, buffer)
               VALUES (%s, 1, %s, 'table', %s, %s, %s, %s)""",
            (unit_id, offering, label, capacity, price, unit_id == 7),
        )
    await conn.execute(
        """INSERT INTO menu_items (item_id, tenant_id, offering_id, category, name, price)
           VALUES (1, 1, 35, 'wine', 'Sample red', 2000), (2, 1, 34, 'wine', 'Old red', 2000)"""
    )
    await conn.execute(
        """INSERT INTO deployments (deployment_id, role, host, pid, version, commit, schema, started_at, heartbeat_at)
           VALUES ('dep_worker', 'worker', 'sample-host', 4711, '1.0', 'abc',
                   (SELECT max(version) FROM schema_versions), %(start)s, %(now)s)""",
        {"now": now, "start": now - timedelta(days=1)},
    )


async def _order(
    conn: Connection, now: datetime, name: str, status: str, unit: int, seats: int, at: datetime
) -> None:
    offering = {8: 36, 9: 34}.get(unit, 35)
    row = {
        "order": f"ord_{name}",
        "booking": f"bkg_{name}",
        "customer": f"cus_{name}",
        "email": f"{name}@example.com",
        "reference": f"HF-{name.upper()}",
        "hash": hashlib.sha256(name.encode()).digest(),
        "offering": offering,
        "status": status,
        "stuck": "amount" if status == "stuck" else None,
        "amount": 0 if name == "free" else 12000,
        "seats": seats,
        "unit": unit,
        "item": {35: 1, 34: 2}.get(offering),
        "price": 0 if name == "free" else 5000,
        "at": at,
        "expires": at + timedelta(minutes=30),
        "confirmed": at + timedelta(minutes=5) if status in {"confirmed", "completed", "cancelled"} else None,
        "ended": at + timedelta(minutes=45) if status in {"expired", "cancelled"} else None,
        "released": at + timedelta(minutes=45) if status not in LIVE else None,
    }
    await conn.execute(
        """INSERT INTO customers (customer_id, tenant_id, name, email, created_at)
           VALUES (%(customer)s, 1, 'A Guest', %(email)s, %(at)s)""",
        row,
    )
    await conn.execute(
        """INSERT INTO orders (order_id, tenant_id, offering_id, customer_id, status, amount, currency, source, offering_version,
                               refund_tiers, stuck_reason, created_at)
           VALUES (%(order)s, 1, %(offering)s, %(customer)s, %(status)s, %(amount)s, 'GBP', 'page', 1,
               '[]', %(stuck)s, %(at)s)""",
        row,
    )
    await conn.execute(
        """INSERT INTO order_lines (order_id, line_no, kind, unit_id, label, quantity, unit_amount, amount)
           VALUES (%(order)s, 1, 'unit', %(unit)s, 'Table', %(seats)s, %(price)s, %(seats)s * %(price)s::bigint)""",
        row,
    )
    if row["item"]:
        await conn.execute(
            """INSERT INTO order_lines (order_id, line_no, kind, item_id, label, quantity, unit_amount, amount)
               VALUES (%(order)s, 2, 'menu', %(item)s, 'Red', 1, 2000, 2000)""",
            row,
        )
    await conn.execute(
        """INSERT INTO bookings (booking_id, order_id, status, tenant_id, offering_id, reference, token_hash, contact_name,
                                 contact_email, seats, created_at, expires_at, hold_limit, confirmed_at, ended_at)
           VALUES (%(booking)s, %(order)s, %(status)s, 1, %(offering)s, %(reference)s, %(hash)s, 'A Guest', %(email)s, %(seats)s,
                   %(at)s, %(expires)s, %(expires)s, %(confirmed)s, %(ended)s)""",
        row,
    )
    await conn.execute(
        """INSERT INTO claims (booking_id, unit_id, seats, guests, released_at)
           VALUES (%(booking)s, %(unit)s, %(seats)s, %(seats)s, %(released)s)""",
        row,
    )
    await conn.execute(
        "INSERT INTO timeline (tenant_id, order_id, at, actor, what) VALUES (1, %(order)s, %(at)s, 'customer', 'held')",
        row,
    )


async def _attempt(
    conn: Connection,
    now: datetime,
    name: str,
    status: str,
    at: datetime,
    ids: tuple[str, str],
    paid: int | None,
) -> None:
    state = "complete" if paid else {"pending": "open"}.get(status, "expired")
    await conn.execute(
        """INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency, session_id, payment_intent_id,
                                 created_at, ask_at, closed_at)
           VALUES (%s, %s, 1, 'checkout_session', %s, 12000, 'GBP', %s, %s, %s, %s, %s)""",
        (
            f"att_{name}",
            f"ord_{name}",
            state,
            ids[0],
            ids[1] if paid else None,
            at,
            now + timedelta(minutes=1) if state == "open" else None,
            None if state == "open" else at,
        ),
    )


async def _payment(conn: Connection, name: str, at: datetime, intent: str, paid: int) -> None:
    # Who paid late paid fifty minutes after the start of a hold of thirty.
    moved = at + timedelta(minutes=50 if name == "late" else 4)
    await conn.execute(
        """INSERT INTO payments (payment_id, order_id, attempt_id, tenant_id, purpose,
               payment_intent_id, charge_id, amount, captured,
                                 currency, card_last4, charged_at, recorded_at, found_by)
           VALUES (%(payment)s, %(order)s, %(attempt)s, 1, %(purpose)s, %(intent)s, %(charge)s, %(paid)s, %(paid)s, 'GBP', '4242',
                   %(moved)s, %(recorded)s, 'webhook')""",
        {
            "payment": f"pay_{name}",
            "order": f"ord_{name}",
            "attempt": f"att_{name}",
            "purpose": "returned" if name == "late" else "order",
            "intent": intent,
            "charge": f"ch_{name}",
            "paid": paid,
            "moved": moved,
            "recorded": moved + timedelta(seconds=2),
        },
    )


async def _seat(conn: Connection) -> None:
    await conn.execute(
        """UPDATE units u SET taken = c.seats
             FROM (SELECT unit_id, sum(seats) AS seats FROM claims WHERE released_at IS NULL GROUP BY unit_id) c
            WHERE c.unit_id = u.unit_id"""
    )


async def _aftermath(conn: Connection, now: datetime) -> None:
    """Refunds, the second payment of one order, a dispute, and the tasks for people."""
    await conn.execute(
        """INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency, session_id, payment_intent_id,
                                 created_at, closed_at)
           SELECT 'att_twice_2', order_id, 1, kind, 'complete', amount, currency, 'cs_test_twice_2',
                  'pi_twice_2', created_at, closed_at
             FROM attempts WHERE attempt_id = 'att_twice'"""
    )
    await conn.execute(
        """INSERT INTO payments (payment_id, order_id, attempt_id, tenant_id, purpose,
               payment_intent_id, charge_id, amount, captured,
                                 currency, charged_at, recorded_at, found_by)
           SELECT 'pay_twice_2', order_id, 'att_twice_2', 1, 'returned', 'pi_twice_2', 'ch_twice_2', amount, captured, currency,
                  charged_at, recorded_at, 'page'
             FROM payments WHERE payment_id = 'pay_twice'"""
    )
    refunds = [
        ("late", "pay_late", 12000, "late", "succeeded"),
        ("cancelled", "pay_cancelled", 6000, "cancelled", "succeeded"),
        ("twice", "pay_twice_2", 12000, "surplus", "succeeded"),
        ("failed", "pay_failed", 12000, "cancelled", "failed"),
    ]
    for name, payment, amount, reason, status in refunds:
        await conn.execute(
            """INSERT INTO refunds (refund_id, payment_id, order_id, tenant_id, amount, currency,
                   reason, status, stripe_refund_id, actor,
                                    created_at, settled_at)
               VALUES (%s, %s, %s, 1, %s, 'GBP', %s, %s, %s, 'worker', %s, %s)""",
            (
                f"ref_{name}",
                payment,
                f"ord_{name}",
                amount,
                reason,
                status,
                f"re_{name}",
                now - timedelta(hours=40),
                now,
            ),
        )
    await conn.execute(
        """INSERT INTO disputes (dispute_id, payment_id, order_id, tenant_id, status, reason, amount,
               currency, evidence_due, opened_at)
           VALUES ('dp_disputed', 'pay_disputed', 'ord_disputed', 1, 'needs_response', 'fraudulent', 12000, 'GBP', %s, %s)""",
        (now + timedelta(days=7), now - timedelta(hours=3)),
    )
    for kind, subject, order in (("stuck", "ord_stuck", "ord_stuck"), ("dispute", "dp_disputed", "ord_disputed"),
                                 ("refund_failed", "ref_failed", "ord_failed")):  # fmt: skip
        await conn.execute(
            """INSERT INTO tasks (task_id, tenant_id, kind, subject, order_id, sentence, created_at)
               VALUES (%s, 1, %s, %s, %s, 'Somebody has to look.', %s)""",
            (f"tsk_{kind}", kind, subject, order, now),
        )


async def _messages(conn: Connection, now: datetime) -> None:
    for name, status, _unit, _seats, hours, _paid in ORDERS:
        at = now - timedelta(hours=hours) + timedelta(minutes=6)
        if status in {"confirmed", "completed"}:
            await _message(
                conn, f"msg_{name}", name, "booking_confirmed", "delivered" if name == "done" else "sent", at
            )
        if status == "cancelled":
            await _message(conn, f"msg_{name}", name, "booking_cancelled", "sent", at)
        if name == "late":
            await _message(conn, f"msg_{name}", name, "money_returned", "sent", at)
    # One that waits for its next try, and one whose guest has no address that works and was telephoned.
    await _message(conn, "msg_waits", "failed", "money_returned", "queued", now)


async def _message(
    conn: Connection, message_id: str, name: str, kind: str, status: str, at: datetime
) -> None:
    sent = status in {"sent", "delivered"}
    await conn.execute(
        """INSERT INTO messages (message_id, tenant_id, booking_id, customer_id, kind, channel,
               recipient, unique_key, cause, params,
                                 status, tries, try_at, created_at, sent_at)
           VALUES (%s, 1, %s, %s, %s, 'email', %s, %s, 'settle', %s, %s, 1, %s, %s, %s)""",
        (
            message_id,
            f"bkg_{name}",
            f"cus_{name}",
            kind,
            f"{name}@example.com",
            kind,
            json.dumps({"amount": 12000, "currency": "GBP", "why": "cancelled"})
            if kind == "money_returned"
            else "{}",
            status,
            at + timedelta(minutes=2),
            at,
            at if sent else None,
        ),
    )
    if sent:
        await conn.execute(
            "INSERT INTO message_tries (message_id, try_no, tried_at, outcome) VALUES (%s, 1, %s, 'sent')",
            (message_id, at),
        )


async def _inbox(conn: Connection, now: datetime, confirmed: tuple[str, str]) -> None:
    """The event that told of the confirmed payment, one that is nothing to us, and one that waits for its object."""
    await _event(
        conn,
        "evt_confirmed",
        "checkout.session.completed",
        confirmed[0],
        now - timedelta(minutes=56),
        "applied",
        confirmed[1],
    )
    await _event(conn, "evt_ignored", "customer.created", "cus_stripe", now - timedelta(hours=2), "ignored")
    await _event(
        conn, "evt_early", "payment_intent.succeeded", "pi_nobodys", now - timedelta(minutes=3), None
    )


async def _event(
    conn: Connection,
    event_id: str,
    kind: str,
    subject: str,
    at: datetime,
    outcome: str | None,
    intent: str = "",
) -> None:
    session = {
        "id": subject,
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "amount_total": 12000,
        "currency": "gbp",
        "payment_intent": intent,
        "client_reference_id": "att_confirmed",
    }
    about = session if kind.startswith("checkout") else {"id": subject, "object": kind.split(".")[0]}
    created = int(at.timestamp())
    payload = {"id": event_id, "object": "event", "type": kind, "created": created, "data": {"object": about}}
    await conn.execute(
        """INSERT INTO webhook_events (event_id, type, object_id, livemode, api_version, created_at,
               payload, received_at, handled_at,
                                       outcome, tries, try_at)
           VALUES (%s, %s, %s, false, '2026-10-28.endive', %s, %s, %s, %s, %s, 1, %s)""",
        (
            event_id,
            kind,
            subject,
            at,
            json.dumps(payload),
            at,
            at + timedelta(seconds=1) if outcome else None,
            outcome or "unknown_object",
            None if outcome else at + timedelta(minutes=5),
        ),
    )
