"""All SQL of customers. One function, one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def _all(conn: Connection, query: Any, values: dict[str, Any]) -> list[Row]:
    return await (await conn.execute(query, values)).fetchall()


async def _one(conn: Connection, query: Any, values: dict[str, Any]) -> Row | None:
    return await (await conn.execute(query, values)).fetchone()


# ─── who ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def customer(conn: Connection, tenant_id: int, customer_id: str) -> Row | None:
    return await _one(
        conn,
        """SELECT customer_id, tenant_id, name, email, phone, created_at, merged_into FROM customers
            WHERE tenant_id = %(tenant)s AND customer_id = %(id)s""",
        {"tenant": tenant_id, "id": customer_id},
    )


async def search(
    conn: Connection, tenant_id: int, text: str, phone: str, limit: int, before: tuple[datetime, str] | None
) -> list[Row]:
    """The newest first, without those that were joined to another; what those were known by finds the one they were joined to.
    `text` is a part of a name or address, or an id; `phone` the last digits of a number, "" when `text` is none."""
    return await _all(
        conn,
        """SELECT c.customer_id, c.name, c.email, c.phone, c.created_at,
                  (SELECT count(*) FROM orders o WHERE o.customer_id = c.customer_id) AS bookings,
                  (SELECT count(*) FROM messages m WHERE m.customer_id = c.customer_id) AS messages
             FROM customers c
            WHERE c.tenant_id = %(tenant)s AND c.merged_into IS NULL
              AND (%(before_at)s::timestamptz IS NULL OR (c.created_at, c.customer_id) < (%(before_at)s, %(before_id)s))
              AND (%(text)s = '' OR c.customer_id IN (
                   SELECT coalesce(k.merged_into, k.customer_id) FROM customers k
                    WHERE k.tenant_id = %(tenant)s
                      AND (k.customer_id = %(text)s OR k.name ILIKE %(like)s OR k.email ILIKE %(like)s
                           OR (%(phone)s <> '' AND k.phone LIKE '%%' || %(phone)s))))
         ORDER BY c.created_at DESC, c.customer_id DESC LIMIT %(limit)s""",
        {
            "tenant": tenant_id,
            "text": text,
            "like": f"%{escaped(text)}%",
            "phone": phone,
            "limit": limit,
            "before_at": before[0] if before else None,
            "before_id": before[1] if before else None,
        },
    )


async def known_also_as(conn: Connection, customer_id: str) -> list[Row]:
    """The rows that were joined to this one: the same person, known before by other words."""
    return await _all(
        conn,
        """SELECT customer_id, name, email, phone, created_at FROM customers
            WHERE merged_into = %(id)s ORDER BY created_at, customer_id""",
        {"id": customer_id},
    )


async def perhaps_the_same(conn: Connection, tenant_id: int, customer_id: str, limit: int) -> list[Row]:
    """Others with one of this customer's numbers."""
    return await _all(
        conn,
        """SELECT c.customer_id, c.name, c.email, c.phone, c.created_at FROM customers c
            WHERE c.tenant_id = %(tenant)s AND c.merged_into IS NULL AND c.customer_id <> %(id)s
              AND c.phone IN (SELECT k.phone FROM customers k WHERE %(id)s IN (k.customer_id, k.merged_into)
                                 AND k.tenant_id = %(tenant)s)
         ORDER BY c.created_at, c.customer_id LIMIT %(limit)s""",
        {"tenant": tenant_id, "id": customer_id, "limit": limit},
    )


async def by_phone(conn: Connection, tenant_id: int, phone: str) -> str | None:
    """The customer with this number, as customer_of (schema.sql) would choose; None: nobody has booked by it."""
    row = await _one(
        conn,
        """SELECT coalesce(merged_into, customer_id) AS customer_id FROM customers
            WHERE tenant_id = %(tenant)s AND phone = %(phone)s
         ORDER BY merged_into IS NOT NULL, email IS NULL, created_at, customer_id LIMIT 1""",
        {"tenant": tenant_id, "phone": phone},
    )
    return row["customer_id"] if row else None


async def opted_out_since(conn: Connection, tenant_id: int, customer_id: str) -> list[Row]:
    """The customer's numbers that want no SMS."""
    return await _all(
        conn,
        """SELECT phone, at, cause FROM opt_outs
            WHERE tenant_id = %(tenant)s AND lifted_at IS NULL
              AND phone IN (SELECT k.phone FROM customers k WHERE %(id)s IN (k.customer_id, k.merged_into)
                            UNION SELECT b.contact_phone FROM bookings b JOIN orders o USING (order_id)
                                   WHERE o.customer_id = %(id)s)
         ORDER BY at""",
        {"tenant": tenant_id, "id": customer_id},
    )


# ─── what they did ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def bookings(conn: Connection, customer_id: str, limit: int) -> list[Row]:
    """Newest first; amounts in minor units. An order that has lost its booking is there too, without a reference."""
    return await _all(
        conn,
        """SELECT o.order_id, b.booking_id, b.reference, o.status, o.amount, o.currency, o.source, o.created_at, b.seats,
                  b.contact_name, b.contact_email, b.contact_phone, f.title, f.time_zone,
                  coalesce(o.starts_at, f.starts_at) AS starts_at,
                  coalesce((SELECT sum(p.captured) FROM payments p WHERE p.order_id = o.order_id), 0)::bigint AS amount_paid,
                  coalesce((SELECT sum(r.amount) FROM refunds r
                             WHERE r.order_id = o.order_id AND r.status IN ('pending', 'succeeded')), 0)::bigint
                      AS amount_refunded
             FROM orders o JOIN offerings f USING (offering_id) LEFT JOIN bookings b USING (order_id)
            WHERE o.customer_id = %(id)s ORDER BY o.created_at DESC, o.order_id DESC LIMIT %(limit)s""",
        {"id": customer_id, "limit": limit},
    )


# ─── joining two rows ───────────────────────────────────────────────────────────────────────────────────────────────────


async def lock_customers(conn: Connection, tenant_id: int, customer_ids: list[str]) -> dict[str, Row]:
    """In id order, so that two at once do not wait for each other for ever. No key is changed: orders may be placed meanwhile."""
    rows = await _all(
        conn,
        """SELECT customer_id, tenant_id, name, email, phone, created_at, merged_into FROM customers
            WHERE tenant_id = %(tenant)s AND customer_id = ANY(%(ids)s) ORDER BY customer_id FOR NO KEY UPDATE""",
        {"tenant": tenant_id, "ids": customer_ids},
    )
    return {row["customer_id"]: row for row in rows}


async def alone_with_phone(conn: Connection, tenant_id: int, phone: str) -> str | None:
    """Who is known by this number and nothing else."""
    row = await _one(
        conn,
        """SELECT customer_id FROM customers
            WHERE tenant_id = %(tenant)s AND phone = %(phone)s AND email IS NULL AND merged_into IS NULL""",
        {"tenant": tenant_id, "phone": phone},
    )
    return row["customer_id"] if row else None


async def move_orders(conn: Connection, from_id: str, to_id: str, only: list[str] | None = None) -> list[str]:
    """Says which went over. Locks them. `only`: of these ids."""
    rows = await _all(
        conn,
        """UPDATE orders SET customer_id = %(to)s
            WHERE customer_id = %(from)s AND (%(only)s::text[] IS NULL OR order_id = ANY(%(only)s)) RETURNING order_id""",
        {"from": from_id, "to": to_id, "only": only},
    )
    return sorted(row["order_id"] for row in rows)


async def move_messages(
    conn: Connection, from_id: str, to_id: str, only: list[str] | None = None
) -> list[str]:
    rows = await _all(
        conn,
        """UPDATE messages SET customer_id = %(to)s
            WHERE customer_id = %(from)s AND (%(only)s::text[] IS NULL OR message_id = ANY(%(only)s))
        RETURNING message_id""",
        {"from": from_id, "to": to_id, "only": only},
    )
    return sorted(row["message_id"] for row in rows)


async def move_answers(
    conn: Connection, from_id: str, to_id: str, only: list[str] | None = None
) -> list[str]:
    rows = await _all(
        conn,
        """UPDATE inbound_messages SET customer_id = %(to)s
            WHERE customer_id = %(from)s AND (%(only)s::text[] IS NULL OR inbound_id = ANY(%(only)s))
        RETURNING inbound_id""",
        {"from": from_id, "to": to_id, "only": only},
    )
    return sorted(row["inbound_id"] for row in rows)


async def move_followers(
    conn: Connection, from_id: str, to_id: str, only: list[str] | None = None
) -> list[str]:
    """Those that had been joined to `from_id` before: customer_of follows one step only."""
    rows = await _all(
        conn,
        """UPDATE customers SET merged_into = %(to)s
            WHERE merged_into = %(from)s AND (%(only)s::text[] IS NULL OR customer_id = ANY(%(only)s))
        RETURNING customer_id""",
        {"from": from_id, "to": to_id, "only": only},
    )
    return sorted(row["customer_id"] for row in rows)


async def set_merged_into(conn: Connection, customer_id: str, kept_id: str | None) -> None:
    await conn.execute(
        "UPDATE customers SET merged_into = %(kept)s WHERE customer_id = %(id)s",
        {"id": customer_id, "kept": kept_id},
    )


async def fill_in(conn: Connection, customer_id: str, name: str, phone: str | None) -> None:
    """What is not known of a customer yet; what is known stays."""
    await conn.execute(
        """UPDATE customers SET name = CASE name WHEN '' THEN %(name)s ELSE name END, phone = coalesce(phone, %(phone)s)
            WHERE customer_id = %(id)s""",
        {"id": customer_id, "name": name, "phone": phone},
    )


async def take_away(conn: Connection, customer_id: str, name: str | None, phone: str | None) -> None:
    """What was filled in from another, as long as it is still that."""
    await conn.execute(
        """UPDATE customers SET name = CASE WHEN name = %(name)s THEN '' ELSE name END,
                  phone = CASE WHEN phone = %(phone)s AND email IS NOT NULL THEN NULL ELSE phone END
            WHERE customer_id = %(id)s""",
        {"id": customer_id, "name": name, "phone": phone},
    )


async def insert_merge(
    conn: Connection,
    now: datetime,
    merge_id: str,
    tenant_id: int,
    kept_id: str,
    merged_id: str,
    moved: Row,
    actor: str,
) -> None:
    await conn.execute(
        """INSERT INTO customer_merges (merge_id, tenant_id, kept_id, merged_id, moved, actor, created_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s)""",
        (merge_id, tenant_id, kept_id, merged_id, Jsonb(moved), actor, now),
    )


async def merge_row(conn: Connection, tenant_id: int, merge_id: str) -> Row | None:
    """Locks it until the transaction ends."""
    return await _one(
        conn,
        "SELECT * FROM customer_merges WHERE tenant_id = %(tenant)s AND merge_id = %(id)s FOR UPDATE",
        {"tenant": tenant_id, "id": merge_id},
    )


async def mark_undone(conn: Connection, now: datetime, merge_id: str, actor: str) -> None:
    await conn.execute(
        "UPDATE customer_merges SET undone_at = %s, undone_by = %s WHERE merge_id = %s",
        (now, actor, merge_id),
    )


async def merges_of(conn: Connection, customer_id: str) -> list[Row]:
    """Every time that this customer was joined with another, newest first, also what was undone."""
    return await _all(
        conn,
        """SELECT g.merge_id, g.kept_id, g.merged_id, g.moved, g.actor, g.created_at, g.undone_at, g.undone_by,
                  m.name, m.email, m.phone
             FROM customer_merges g JOIN customers m ON m.customer_id = g.merged_id
            WHERE %(id)s IN (g.kept_id, g.merged_id)
               OR g.kept_id IN (SELECT customer_id FROM customers WHERE merged_into = %(id)s)
         ORDER BY g.created_at DESC, g.merge_id DESC""",
        {"id": customer_id},
    )


async def note_on_orders(
    conn: Connection, now: datetime, order_ids: list[str], actor: str, what: str, detail: Row
) -> None:
    """Into the timeline of each."""
    await conn.execute(
        """INSERT INTO timeline (tenant_id, order_id, at, actor, what, detail)
           SELECT tenant_id, order_id, %s, %s, %s, %s FROM orders WHERE order_id = ANY(%s)""",
        (now, actor, what, Jsonb(detail), order_ids),
    )


def escaped(text: str) -> str:
    """For LIKE: what was typed means itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
