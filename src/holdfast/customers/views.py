"""A customer as staff see one: who it is, what they booked, what was said to them and what they answered. Reads only."""

from __future__ import annotations

from typing import Any

from holdfast.customers import store
from holdfast.database.connection import Connection
from holdfast.messages import record_store, records
from holdfast.messages.record_store import Wanted

Row = dict[str, Any]
MOST_BOOKINGS = 100
MOST_MESSAGES = 100
MOST_SUGGESTIONS = 10


async def found(
    conn: Connection, tenant_id: int, query: str, limit: int, after: str | None = None
) -> list[Row]:
    """By a part of the name or e-mail address, by telephone number or id; newest first. `after` is the customer at which the page
    before ended."""
    last = await store.customer(conn, tenant_id, after) if after else None
    before = (last["created_at"], last["customer_id"]) if last else None
    text = query.strip()
    return await store.search(conn, tenant_id, text, record_store.phone_digits(text), limit, before)


async def one(conn: Connection, tenant_id: int, customer_id: str) -> Row | None:
    """All that is known; of one that was joined to another, only into which (`merged_into`). None: the tenant has none such."""
    row = await store.customer(conn, tenant_id, customer_id)
    if row is None or row["merged_into"] is not None:
        return row
    wanted = Wanted(customer_id=customer_id)
    return {
        **row,
        "known_also_as": await store.known_also_as(conn, customer_id),
        "opted_out": await store.opted_out_since(conn, tenant_id, customer_id),
        "bookings": await store.bookings(conn, customer_id, MOST_BOOKINGS),
        "messages": await records.listed(conn, tenant_id, wanted, MOST_MESSAGES),
        "answers": await record_store.answers(conn, tenant_id, limit=MOST_MESSAGES, customer_id=customer_id),
        "perhaps_the_same": await store.perhaps_the_same(conn, tenant_id, customer_id, MOST_SUGGESTIONS),
        "merges": await store.merges_of(conn, customer_id),
    }
