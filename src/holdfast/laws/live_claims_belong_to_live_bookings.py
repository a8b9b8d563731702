"""A seat that is taken belongs to a live booking, and a live booking has all its seats.

Why: a seat held by a booking that ended is never sold again; a confirmed booking without seats stands
    before somebody else's.
Broken by: ending a booking without releasing; a claim whose booking was lost; seats given back twice.
Prevented by: claims are released by the transaction that ends the booking, and taken by the one that makes
    or revives it.
PostgreSQL: whether a claim may live depends on the booking's status, a row of another table; the foreign
    key only knows that the booking exists. What an appointment takes is another law's: appointment_has_its_slot.
Repair: the seats of an ended booking go back; a live booking takes its seats again if they are free, and if
    they are not it becomes stuck, and a person decides.
Failure modes: F38, F40, F41
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.database.connection import Connection
from holdfast.laws.law import Law, Severity, Violation
from holdfast.laws.repairs import make_stuck
from holdfast.system import System

ENDED = frozenset({"cancelled", "declined", "expired"})


async def set_claims_right(system: System, violation: Violation, actor: str) -> str:
    """Locks the order, then its units in id order."""
    now = system.clock.now()

    async def work(conn: Connection) -> str:
        booking = await _locked_booking(conn, violation)
        if booking is None or booking["status"] in ENDED:
            return await _release(conn, violation.subject, now)
        return await _retake(system, conn, booking, now, actor)

    sentence = await system.database.run(work)
    system.signals.tell(f"availability:{violation.detail['offering_id']}")
    return sentence


async def _locked_booking(conn: Connection, violation: Violation) -> dict[str, Any] | None:
    await conn.execute("SELECT FROM orders WHERE order_id = %s FOR UPDATE", (violation.order_id,))
    return await (
        await conn.execute("SELECT * FROM bookings WHERE booking_id = %s", (violation.subject,))
    ).fetchone()


async def _release(conn: Connection, booking_id: str, now: datetime) -> str:
    row = await (await conn.execute("SELECT release_claims(%s, %s) AS seats", (booking_id, now))).fetchone()
    return f"{row['seats'] if row else 0} seats of an ended booking are free again."


async def _retake(
    system: System, conn: Connection, booking: dict[str, Any], now: datetime, actor: str
) -> str:
    row = await (await conn.execute("SELECT retake_claims(%s) AS taken", (booking["booking_id"],))).fetchone()
    if row and row["taken"]:
        return "It has its seats again."
    await make_stuck(
        system, conn, now, booking, "seats_gone", "Its seats were given to somebody else.", actor
    )
    return "Its seats were given away; a person decides."


LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT c.booking_id AS subject, coalesce(b.ended_at, b.created_at) AS since, b.order_id, u.offering_id,
               coalesce(b.status, 'lost') AS status, b.reference, sum(c.seats) AS seats
          FROM claims c JOIN units u USING (unit_id) LEFT JOIN bookings b USING (booking_id)
         WHERE c.released_at IS NULL AND (b.booking_id IS NULL OR b.status IN ('cancelled', 'declined', 'expired'))
      GROUP BY c.booking_id, b.booking_id, u.offering_id
     UNION ALL
        SELECT b.booking_id, b.created_at, b.order_id, b.offering_id, b.status, b.reference, b.seats
          FROM bookings b JOIN offerings o USING (offering_id)
         WHERE b.status IN ('pending', 'requested', 'confirmed', 'in_progress') AND o.kind = 'event'
           AND NOT EXISTS (SELECT FROM claims c WHERE c.booking_id = b.booking_id AND c.released_at IS NULL)""",
    repair=set_claims_right,
    breaks_with="""
        UPDATE claims SET released_at = NULL WHERE booking_id = %(expired_booking)s;
        UPDATE units SET taken = taken + (SELECT seats FROM claims WHERE booking_id = %(expired_booking)s)
         WHERE unit_id = (SELECT unit_id FROM claims WHERE booking_id = %(expired_booking)s)""",
)
