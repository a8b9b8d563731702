"""All the SQL of attempts and payments. One function, one statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.database.connection import Connection

Row = dict[str, Any]


async def _one(conn: Connection, query: Any, params: dict[str, Any]) -> Row | None:
    return await (await conn.execute(query, params)).fetchone()


async def _all(conn: Connection, query: Any, params: dict[str, Any]) -> list[Row]:
    return await (await conn.execute(query, params)).fetchall()


async def lock_order(conn: Connection, order_id: str) -> Row | None:
    """The order and its booking, both rows locked: whoever moves an order on holds this lock. The booking's is locked for its
    values: of a row that is not, who had to wait would read what it was before (READ COMMITTED)."""
    return await _one(
        conn,
        """SELECT o.*, b.booking_id, b.reference, b.contact_name, b.contact_email, b.contact_phone, b.seats, b.expires_at,
                  b.hold_limit, b.confirmed_at, f.title, f.hold_minutes, coalesce(o.starts_at, f.starts_at) AS starts_at,
                  f.version AS current_version, f.status = 'cancelled' AS called_off, f.kind AS offering_kind,
                  s.timing, s.provider_id, s.respond_minutes, s.reschedule_minutes, s.most_reschedules,
                  p.name AS provider_name, p.email AS provider_email, p.phone AS provider_phone
             FROM orders o
             JOIN bookings b USING (order_id)
             JOIN offerings f ON f.offering_id = o.offering_id
        LEFT JOIN services s ON s.offering_id = o.offering_id
        LEFT JOIN providers p ON p.provider_id = s.provider_id
            WHERE o.order_id = %(id)s
              FOR NO KEY UPDATE OF o, b""",
        {"id": order_id},
    )


async def order_of_attempt(conn: Connection, attempt_id: str) -> str | None:
    row = await _one(conn, "SELECT order_id FROM attempts WHERE attempt_id = %(id)s", {"id": attempt_id})
    return row["order_id"] if row else None


async def order_of_refund(conn: Connection, refund_id: str) -> str | None:
    row = await _one(conn, "SELECT order_id FROM refunds WHERE refund_id = %(id)s", {"id": refund_id})
    return row["order_id"] if row else None


async def attempts_of_order(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        "SELECT * FROM attempts WHERE order_id = %(order_id)s ORDER BY created_at, attempt_id",
        {"order_id": order_id},
    )


async def kind_of_attempt(conn: Connection, attempt_id: str) -> str | None:
    row = await _one(conn, "SELECT kind FROM attempts WHERE attempt_id = %(id)s", {"id": attempt_id})
    return row["kind"] if row else None


async def attempt(conn: Connection, attempt_id: str) -> Row | None:
    return await _one(
        conn,
        """SELECT a.*, b.expires_at AS hold_ends, b.booking_id FROM attempts a JOIN bookings b USING (order_id)
            WHERE attempt_id = %(id)s""",
        {"id": attempt_id},
    )


async def closing(conn: Connection, attempt_id: str) -> Row | None:
    """What decides whether an attempt has to be closed at Stripe."""
    return await _one(
        conn,
        """SELECT a.status AS attempt_status, a.kind, a.evidence, o.status AS order_status, o.cancel_requested_at, b.expires_at,
                  f.status = 'cancelled' AS called_off
             FROM attempts a JOIN orders o USING (order_id) JOIN bookings b USING (order_id)
             JOIN offerings f ON f.offering_id = o.offering_id
            WHERE attempt_id = %(id)s""",
        {"id": attempt_id},
    )


async def checkout_context(conn: Connection, order_id: str) -> Row | None:
    """What a session is made of, beyond the order's lines."""
    return await _one(
        conn,
        """SELECT b.*, o.offering_version, o.starts_at, o.ends_at, o.details, f.title, t.slug AS tenant
             FROM bookings b JOIN orders o USING (order_id) JOIN offerings f ON f.offering_id = b.offering_id
             JOIN tenants t ON t.tenant_id = b.tenant_id
            WHERE b.order_id = %(id)s""",
        {"id": order_id},
    )


async def claims_of_order(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        "SELECT c.* FROM claims c JOIN bookings b USING (booking_id) WHERE b.order_id = %(id)s ORDER BY c.unit_id",
        {"id": order_id},
    )


async def insert_attempt(conn: Connection, row: Row) -> None:
    await conn.execute(
        """INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency, session_id,
                                 payment_intent_id, created_at, ask_at)
           VALUES (%(attempt_id)s, %(order_id)s, %(tenant_id)s, %(kind)s, %(status)s, %(amount)s, %(currency)s,
                   %(session_id)s, %(payment_intent_id)s, %(created_at)s, %(ask_at)s)""",
        {"payment_intent_id": None, **row},
    )


async def save_session(
    conn: Connection,
    attempt_id: str,
    session_id: str,
    url: str | None,
    expires_at: datetime,
    ask_at: datetime,
) -> None:
    """What Stripe answered to creating it. The evidence may have been here first (F08): status only rises."""
    await conn.execute(
        """UPDATE attempts
              SET session_id = %(session_id)s, checkout_url = %(url)s, session_expires_at = %(expires_at)s, last_error = NULL,
                  status = CASE status WHEN 'planned' THEN 'open' ELSE status END,
                  ask_at = CASE WHEN status IN ('planned', 'open') THEN %(ask_at)s ELSE ask_at END
            WHERE attempt_id = %(attempt_id)s""",
        {
            "attempt_id": attempt_id,
            "session_id": session_id,
            "url": url,
            "expires_at": expires_at,
            "ask_at": ask_at,
        },
    )


async def save_evidence(
    conn: Connection,
    attempt_id: str,
    *,
    evidence: dict[str, Any],
    status: str,
    session_id: str | None,
    payment_intent_id: str | None,
    capture_before: datetime | None,
    ask_at: datetime | None,
    closed_at: datetime | None,
) -> None:
    await conn.execute(
        """UPDATE attempts
              SET evidence = %(evidence)s, status = %(status)s, session_id = coalesce(session_id, %(session_id)s),
                  payment_intent_id = coalesce(payment_intent_id, %(payment_intent_id)s), ask_at = %(ask_at)s,
                  capture_before = coalesce(%(capture_before)s, capture_before),
                  closed_at = coalesce(closed_at, %(closed_at)s), last_error = NULL
            WHERE attempt_id = %(attempt_id)s""",
        {
            "attempt_id": attempt_id,
            "evidence": Jsonb(evidence),
            "status": status,
            "session_id": session_id,
            "payment_intent_id": payment_intent_id,
            "capture_before": capture_before,
            "ask_at": ask_at,
            "closed_at": closed_at,
        },
    )


async def save_intent(conn: Connection, attempt_id: str, payment_intent_id: str, ask_at: datetime) -> None:
    """What Stripe answered to creating it. As save_session: the evidence may have been here first."""
    await conn.execute(
        """UPDATE attempts
              SET payment_intent_id = coalesce(payment_intent_id, %(intent)s), last_error = NULL,
                  status = CASE status WHEN 'planned' THEN 'open' ELSE status END,
                  ask_at = CASE WHEN status IN ('planned', 'open') THEN %(ask_at)s ELSE ask_at END
            WHERE attempt_id = %(id)s""",
        {"id": attempt_id, "intent": payment_intent_id, "ask_at": ask_at},
    )


async def raise_key_version(conn: Connection, attempt_id: str, known: int) -> int:
    """The next idempotency key, once the object of the last one is proven absent; two callers get the same one."""
    row = await _one(
        conn,
        """UPDATE attempts SET key_version = greatest(key_version, %(known)s + 1) WHERE attempt_id = %(id)s
        RETURNING key_version""",
        {"id": attempt_id, "known": known},
    )
    return int(row["key_version"]) if row else known


async def attempt_of_stripe_ids(
    conn: Connection, *, session_id: str | None, payment_intent_id: str | None, charge_id: str | None
) -> str | None:
    """By Stripe's own ids."""
    row = await _one(
        conn,
        """SELECT attempt_id FROM (
               SELECT attempt_id, 1 AS rank FROM attempts WHERE session_id = %(session)s
         UNION SELECT attempt_id, 2 FROM attempts WHERE payment_intent_id = %(intent)s
         UNION SELECT attempt_id, 3 FROM payments WHERE charge_id = %(charge)s OR payment_intent_id = %(intent)s) AS found
         ORDER BY rank LIMIT 1""",
        {"session": session_id, "intent": payment_intent_id, "charge": charge_id},
    )
    return row["attempt_id"] if row else None


async def close_absent_attempt(conn: Connection, attempt_id: str, now: datetime) -> None:
    """Proven: Stripe never made it, and cannot any more under its key."""
    await conn.execute(
        """UPDATE attempts SET status = 'expired', ask_at = NULL, closed_at = %(now)s
            WHERE attempt_id = %(attempt_id)s AND status = 'planned' AND session_id IS NULL AND payment_intent_id IS NULL""",
        {"attempt_id": attempt_id, "now": now},
    )


async def claim_due_attempts(conn: Connection, now: datetime, lease: timedelta, limit: int) -> list[str]:
    """The attempts to ask about now, each given to one worker: whoever moves ask_at has it until the lease is over."""
    rows = await _all(
        conn,
        """UPDATE attempts
              SET ask_at = %(until)s, asked_at = %(now)s, times_asked = times_asked + 1
            WHERE attempt_id IN (SELECT attempt_id FROM attempts WHERE ask_at <= %(now)s
                                  ORDER BY ask_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING attempt_id""",
        {"now": now, "until": now + lease, "limit": limit},
    )
    return [row["attempt_id"] for row in rows]


async def claim_question(
    conn: Connection, attempt_id: str, now: datetime, pause: timedelta, pause_authorised: timedelta
) -> bool:
    """Whether this page load may ask Stripe about the attempt: at most once per `pause` over all processes, per
    `pause_authorised` while its authorisation waits for a provider's answer. 0 rows: somebody has just asked."""
    cursor = await conn.execute(
        """UPDATE attempts a SET asked_at = %(now)s, times_asked = times_asked + 1
            WHERE attempt_id = %(attempt_id)s
              AND (asked_at IS NULL OR asked_at <= CASE
                   WHEN a.status = 'open' AND EXISTS (SELECT FROM orders o WHERE o.order_id = a.order_id
                                                         AND o.status = 'requested' AND o.accepted_at IS NULL)
                   THEN %(since_authorised)s ELSE %(since)s END)""",
        {
            "attempt_id": attempt_id,
            "now": now,
            "since": now - pause,
            "since_authorised": now - pause_authorised,
        },
    )
    return cursor.rowcount == 1


async def note_error(conn: Connection, attempt_id: str, error: str, ask_at: datetime) -> None:
    await conn.execute(
        "UPDATE attempts SET last_error = %(error)s, ask_at = %(ask_at)s "
        "WHERE attempt_id = %(attempt_id)s AND ask_at IS NOT NULL",
        {"attempt_id": attempt_id, "error": error, "ask_at": ask_at},
    )


async def unsettled_attempts_of_booking(conn: Connection, booking_id: str) -> list[str]:
    """The attempts of a booking about which Stripe may know more than we do."""
    rows = await _all(
        conn,
        """SELECT attempt_id FROM attempts JOIN bookings USING (order_id)
            WHERE booking_id = %(booking_id)s AND ask_at IS NOT NULL ORDER BY attempts.created_at""",
        {"booking_id": booking_id},
    )
    return [row["attempt_id"] for row in rows]


async def payments_of_order(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn,
        "SELECT * FROM payments WHERE order_id = %(id)s ORDER BY recorded_at, payment_id",
        {"id": order_id},
    )


async def insert_payment(conn: Connection, row: Row) -> None:
    await conn.execute(
        """INSERT INTO payments (payment_id, order_id, attempt_id, tenant_id, purpose, payment_intent_id, charge_id, amount,
                                 captured, currency, card_brand, card_last4, charged_at, capture_before, recorded_at,
                                     found_by)
           VALUES (%(payment_id)s, %(order_id)s, %(attempt_id)s, %(tenant_id)s, %(purpose)s, %(payment_intent_id)s,
               %(charge_id)s,
                   %(amount)s, %(captured)s, %(currency)s, %(card_brand)s, %(card_last4)s, %(charged_at)s, %(capture_before)s,
                   %(recorded_at)s, %(found_by)s)""",
        row,
    )


async def file_payment(conn: Connection, payment_id: str, attempt_id: str) -> None:
    """Under another attempt of the same order."""
    await conn.execute("UPDATE payments SET attempt_id = %s WHERE payment_id = %s", (attempt_id, payment_id))


async def enrich_payment(conn: Connection, payment_id: str, row: Row) -> None:
    """What a later look adds: the charge, its time, the card. Nothing that is known is changed."""
    await conn.execute(
        """UPDATE payments
              SET charge_id = coalesce(charge_id, %(charge_id)s), charged_at = coalesce(charged_at, %(charged_at)s),
                  card_brand = coalesce(card_brand, %(card_brand)s), card_last4 = coalesce(card_last4, %(card_last4)s),
                  capture_before = coalesce(capture_before, %(capture_before)s)
            WHERE payment_id = %(payment_id)s""",
        {**row, "payment_id": payment_id},
    )


async def lines_of_order(conn: Connection, order_id: str) -> list[Row]:
    return await _all(
        conn, "SELECT * FROM order_lines WHERE order_id = %(id)s ORDER BY line_no", {"id": order_id}
    )


async def lapsed_without_open_attempt(
    conn: Connection, now: datetime, limit: int, but: list[str]
) -> list[str]:
    """Orders to let go: the hold is over, and no attempt is left that anybody could pay (the fence is passed or was never
    needed). The decision itself is made again under the order's lock."""
    rows = await _all(
        conn,
        """SELECT order_id FROM bookings b
            WHERE status = 'pending' AND expires_at <= %(now)s AND order_id <> ALL (%(but)s::text[])
              AND NOT EXISTS (SELECT FROM attempts a WHERE a.order_id = b.order_id AND a.ask_at IS NOT NULL)
         ORDER BY expires_at LIMIT %(limit)s""",
        {"now": now, "limit": limit, "but": but},
    )
    return [row["order_id"] for row in rows]


async def offering_for_rebuild(conn: Connection, offering_id: int, tenant: str | None) -> Row | None:
    """The event that money was paid for, of the named tenant, or of any when a foreign system named none."""
    return await _one(
        conn,
        """SELECT f.offering_id, f.tenant_id, f.currency, f.kind FROM offerings f JOIN tenants t USING (tenant_id)
            WHERE f.offering_id = %(id)s AND f.kind IN ('event', 'appointment')
              AND (%(tenant)s::text IS NULL OR t.slug = %(tenant)s)""",
        {"id": offering_id, "tenant": tenant},
    )


async def state_for_report(conn: Connection, attempt_id: str) -> Row | None:
    """What an order looks like, in the words of the recovery's report."""
    return await _one(
        conn,
        """SELECT o.tenant_id, o.status, o.stuck_reason, b.reference, b.seats,
                  EXISTS (SELECT FROM payments p WHERE p.attempt_id = a.attempt_id) AS paid,
                  (SELECT string_agg(u.label, ', ' ORDER BY u.unit_id) FROM claims c JOIN units u USING (unit_id)
                    WHERE c.booking_id = b.booking_id AND c.released_at IS NULL) AS units,
                  (SELECT string_agg(l.quantity || ' × ' || l.label, ', ' ORDER BY l.line_no) FROM order_lines l
                    WHERE l.order_id = o.order_id AND l.kind = 'menu') AS menu,
                  (SELECT count(*) FROM messages m
                      WHERE m.booking_id = b.booking_id AND m.kind = 'booking_confirmed') AS mails
             FROM attempts a JOIN orders o USING (order_id) JOIN bookings b USING (order_id)
            WHERE a.attempt_id = %(id)s""",
        {"id": attempt_id},
    )


async def adjust_amount(conn: Connection, order_id: str, amount: int, difference: int) -> None:
    """What was paid becomes what was agreed, by a line that says so."""
    await conn.execute(
        """WITH line AS (
               INSERT INTO order_lines (order_id, line_no, kind, label, quantity, unit_amount, amount)
               SELECT order_id, max(line_no) + 1, 'adjustment', 'Accepted as paid', 1, %(difference)s, %(difference)s
                 FROM order_lines WHERE order_id = %(id)s GROUP BY order_id)
           UPDATE orders SET amount = %(amount)s WHERE order_id = %(id)s""",
        {"id": order_id, "amount": amount, "difference": difference},
    )
