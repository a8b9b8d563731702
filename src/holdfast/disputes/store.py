"""All the SQL of disputes. One function, one statement."""

from __future__ import annotations

from typing import Any

from holdfast.database.connection import Connection


async def upsert_dispute(conn: Connection, row: dict[str, Any]) -> str | None:
    """Brings the row to what is known; says the status it had before, None when it is new. Under the order's lock."""
    before = await (
        await conn.execute("SELECT status FROM disputes WHERE dispute_id = %(dispute_id)s", row)
    ).fetchone()
    await conn.execute(
        """INSERT INTO disputes (dispute_id, payment_id, order_id, tenant_id, status, reason, amount, currency, evidence_due,
                                 opened_at, closed_at)
           VALUES (%(dispute_id)s, %(payment_id)s, %(order_id)s, %(tenant_id)s, %(status)s, %(reason)s, %(amount)s, %(currency)s,
                   %(evidence_due)s, %(opened_at)s, %(closed_at)s)
           ON CONFLICT (dispute_id) DO UPDATE
              SET status = excluded.status, evidence_due = coalesce(excluded.evidence_due, disputes.evidence_due),
                  closed_at = coalesce(disputes.closed_at, excluded.closed_at), amount = excluded.amount""",
        row,
    )
    return str(before["status"]) if before else None
