"""Who wants no SMS any more. While a row is open, nothing is sent to that number: at writing (outbox.py) and again at sending
(jobs.py) it becomes `suppressed`."""

from __future__ import annotations

from datetime import datetime

from holdfast.database.connection import Connection


async def opt_out(conn: Connection, now: datetime, tenant_id: int, phone: str, cause: str) -> bool:
    """From now on. False: it was so already. Locks the number until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (f"opt-out:{phone}",))
    done = await conn.execute(
        """INSERT INTO opt_outs (tenant_id, phone, at, cause)
           SELECT %(tenant_id)s, %(phone)s, %(now)s, %(cause)s
            WHERE NOT EXISTS (SELECT FROM opt_outs
                               WHERE tenant_id = %(tenant_id)s AND phone = %(phone)s AND lifted_at IS NULL)
           ON CONFLICT (tenant_id, phone, at) DO UPDATE SET lifted_at = NULL, cause = excluded.cause""",
        {"tenant_id": tenant_id, "phone": phone, "now": now, "cause": cause},
    )
    return done.rowcount == 1


async def lift(conn: Connection, now: datetime, phone: str) -> int:
    """Every tenant's, since they send from one number. Says how many were lifted."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", (f"opt-out:{phone}",))
    done = await conn.execute(
        "UPDATE opt_outs SET lifted_at = %s WHERE phone = %s AND lifted_at IS NULL", (now, phone)
    )
    return done.rowcount
