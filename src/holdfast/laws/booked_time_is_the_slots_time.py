"""The time that was agreed is the time that is taken.

Why: the customer comes at the one, the provider waits at the other.
Broken by: a change of one of the two by hand; a booking that is moved halfway.
Prevented by: a booking is moved in one transaction: the new slot taken, the old one released, the order's time written.
PostgreSQL: the two times are in rows of two tables, three joins apart.
Repair: none by machine.
Failure modes: F40, F43
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT b.booking_id AS subject, b.created_at AS since, b.order_id, b.reference, o.starts_at, o.ends_at,
               lower(u.during) AS slot_starts_at, upper(u.during) AS slot_ends_at
          FROM bookings b JOIN orders o USING (order_id) JOIN claims c USING (booking_id) JOIN units u USING (unit_id)
         WHERE b.status IN ('pending', 'requested', 'confirmed', 'in_progress') AND c.released_at IS NULL AND u.kind = 'slot'
           AND (o.starts_at IS DISTINCT FROM lower(u.during) OR o.ends_at IS DISTINCT FROM upper(u.during))""",
    person_decides="find out which of the two was told to customer and provider, and move the booking to it.",
    breaks_with="""
        UPDATE orders SET starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour'
         WHERE order_id = %(booked_order)s""",
)
