"""A small world for tests: a tenant with an evening, guests who hold seats, money that came. Written by the
same SQL function that the application calls; the rest are plain rows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from holdfast.database.connection import Connection

NUMBERS = count(1)


@dataclass(frozen=True)
class SampleEvent:
    tenant_id: int
    offering_id: int
    unit_ids: list[int]
    item_ids: list[int]
    currency: str


async def sample_event(
    conn: Connection,
    now: datetime,
    *,
    price: int = 8500,
    tables: int = 3,
    seats: int = 4,
    currency: str = "GBP",
    starts_in: timedelta = timedelta(days=35),
    tenant_name: str = "The Sample Room",
    title: str = "Dinner and a show",
    mail_from: str | None = None,
    contact_email: str | None = None,
    time_zone: str = "Europe/London",
    locale: str = "en_GB",
) -> SampleEvent:
    """A tenant of its own, one evening with some tables, one dish and one wine."""
    slug = f"sample-{next(NUMBERS)}"
    tenant = await _value(
        conn,
        """INSERT INTO tenants (slug, name, currency, time_zone, locale, mail_from, contact_email, created_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING tenant_id AS value""",
        (slug, tenant_name, currency, time_zone, locale, mail_from, contact_email, now),
    )
    offering = await _value(
        conn,
        """INSERT INTO offerings (tenant_id, kind, title, venue, starts_at, ends_at, time_zone, currency, created_at)
           VALUES (%s, 'event', %s, '1 Sample Street', %s, %s, %s, %s, %s) RETURNING offering_id AS value""",
        (
            tenant,
            title,
            now + starts_in,
            now + starts_in + timedelta(hours=3),
            time_zone,
            currency,
            now,
        ),
    )
    units = [
        await _value(
            conn,
            """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, price, position)
               VALUES (%s, %s, 'table', %s, %s, %s, %s) RETURNING unit_id AS value""",
            (tenant, offering, f"Table {number}", seats, price, number),
        )
        for number in range(1, tables + 1)
    ]
    items = [
        await _value(
            conn,
            """INSERT INTO menu_items (tenant_id, offering_id, category, name, price)
               VALUES (%s, %s, %s, %s, %s) RETURNING item_id AS value""",
            (tenant, offering, category, name, amount),
        )
        for category, name, amount in (("food", "Sample pie", 1850), ("wine", "Sample red", 3200))
        if price
    ]
    return SampleEvent(tenant, offering, units, items, currency)


async def hold(
    conn: Connection,
    now: datetime,
    event: SampleEvent,
    *,
    units: list[tuple[int, int]] | None = None,
    menu: list[tuple[int, int]] | None = None,
    name: str = "Sample Guest",
    email: str = "guest@example.com",
) -> dict[str, Any]:
    """Takes a hold (two seats at the first table unless told): take_hold's answer and the booking's row in
    one dict."""
    number = next(NUMBERS)
    request = {
        "tenant_id": event.tenant_id,
        "offering_id": event.offering_id,
        "order_id": f"ord_{number}",
        "booking_id": f"bkg_{number}",
        "attempt_id": f"att_{number}",
        "customer_id": f"cus_{number}",
        "message_id": f"msg_{number}",
        "reference": f"HF-{number:08d}",
        "token_hash": hashlib.sha256(f"token {number}".encode()).hexdigest(),
        "units": [{"unit_id": unit, "seats": seats} for unit, seats in units or [(event.unit_ids[0], 2)]],
        "menu": [{"item_id": item, "quantity": quantity} for item, quantity in menu or []],
        "name": name,
        "email": email,
        "phone": None,
        "source": "api",
    }
    answer = await _value(conn, "SELECT take_hold(%s, %s) AS value", (json.dumps(request), now))
    if "refused" in answer:
        return dict(answer)
    row = await (
        await conn.execute("SELECT * FROM bookings WHERE booking_id = %s", (answer["booking_id"],))
    ).fetchone()
    return {**(row or {}), **answer}


async def pay(conn: Connection, now: datetime, booking: dict[str, Any]) -> str:
    """The money came, and the booking is confirmed. Says the payment's id."""
    payment_id = str(booking["order_id"]).replace("ord", "pay")
    await conn.execute(
        """INSERT INTO payments (payment_id, order_id, attempt_id, tenant_id, purpose, payment_intent_id, amount, captured,
                                 currency, card_brand, card_last4, charged_at, recorded_at, found_by)
           VALUES (%s, %s, %s, %s, 'order', %s, %s, %s, %s, 'visa', '4242', %s, %s, 'webhook')""",
        (
            payment_id,
            booking["order_id"],
            booking["attempt_id"],
            booking["tenant_id"],
            payment_id.replace("pay", "pi"),
            booking["amount"],
            booking["amount"],
            booking["currency"],
            now,
            now,
        ),
    )
    await conn.execute(
        "UPDATE attempts SET status = 'complete', closed_at = %s, ask_at = NULL WHERE attempt_id = %s",
        (now, booking["attempt_id"]),
    )
    await conn.execute(
        "UPDATE bookings SET confirmed_at = %s WHERE booking_id = %s", (now, booking["booking_id"])
    )
    await conn.execute("UPDATE orders SET status = 'confirmed' WHERE order_id = %s", (booking["order_id"],))
    return payment_id


async def _value(conn: Connection, statement: Any, parameters: tuple[Any, ...]) -> Any:
    row = await (await conn.execute(statement, parameters)).fetchone()
    assert row is not None
    return row["value"]
