"""No unit has more seats promised than it has.

Why: two parties stand before one table.
Broken by: two checkouts that both saw the last seat; a counter that was set right by hand while the claims
    were not.
Prevented by: seats are claimed only together with the unit's counter, by a function that locks the unit,
    and `CHECK (taken BETWEEN 0 AND capacity)` refuses what does not fit.
PostgreSQL: the CHECK sees the counter; that the counter is the sum of the claims is another law
    (unit_count_is_true).
Repair: none by machine.
Failure modes: F37
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT u.unit_id::text AS subject, max(b.created_at) AS since, u.label, u.offering_id, u.capacity,
               sum(c.seats) AS promised,
               jsonb_agg(jsonb_build_object('reference', b.reference, 'status', b.status, 'seats', c.seats)
                         ORDER BY b.created_at DESC) AS bookings
          FROM claims c JOIN units u USING (unit_id) LEFT JOIN bookings b USING (booking_id)
         WHERE c.released_at IS NULL
      GROUP BY u.unit_id
        HAVING sum(c.seats) > u.capacity""",
    person_decides="which of the bookings moves to another unit or is cancelled; those that are not paid yet first.",
    breaks_with="""
        UPDATE claims SET seats = 5 WHERE booking_id = %(confirmed_booking)s AND unit_id = %(unit)s""",
)
