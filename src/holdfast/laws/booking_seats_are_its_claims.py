"""A booking is for as many guests as its claims seat.

Why: the door counts one number, the kitchen the other.
Broken by: seats changed in one table and not in the other.
Prevented by: both are written by one function, from one list of units.
PostgreSQL: a sum over another table's rows is no CHECK.
Repair: none by machine.
Failure modes: F40
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT b.booking_id AS subject, b.created_at AS since, b.order_id, b.reference, b.seats, sum(c.guests) AS claimed
          FROM bookings b JOIN claims c USING (booking_id)
         WHERE b.status IN ('pending', 'requested', 'confirmed', 'in_progress')
      GROUP BY b.booking_id
        HAVING sum(c.guests) FILTER (WHERE c.released_at IS NULL) <> b.seats""",
    person_decides="ask the guest for how many it is.",
    breaks_with="""
        UPDATE bookings SET seats = seats + 1 WHERE booking_id = %(confirmed_booking)s""",
)
