"""A live appointment with an agreed time has that time in its provider's diary.

Why: a time that nobody has taken is sold again, and two customers come at once.
Broken by: a slot that was freed by hand; a booking that was made again; a restore.
Prevented by: the slot is taken by the transaction that makes, accepts or moves the booking, and released by the one that ends it.
PostgreSQL: whether a slot is needed depends on the service, the order and its answer, rows of three other tables.
Repair: it is taken again; when the provider has something else then, the booking stops and a person decides.
Failure modes: F38, F40
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.request_repairs import give_slot

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT b.booking_id AS subject, b.created_at AS since, b.order_id, b.offering_id, b.status, b.reference, o.starts_at
          FROM bookings b JOIN orders o USING (order_id)
          JOIN services s ON s.tenant_id = b.tenant_id AND s.offering_id = b.offering_id
         WHERE b.status IN ('pending', 'requested', 'confirmed', 'in_progress') AND o.starts_at IS NOT NULL
           AND (s.timing = 'slot' OR o.accepted_at IS NOT NULL OR b.status IN ('confirmed', 'in_progress'))
           AND NOT EXISTS (SELECT FROM claims c JOIN units u USING (unit_id)
                            WHERE c.booking_id = b.booking_id AND c.released_at IS NULL AND u.kind = 'slot')""",
    repair=give_slot,
    breaks_with="""
        UPDATE claims SET released_at = %(now)s WHERE booking_id = %(booked_booking)s;
        UPDATE units SET taken = 0 WHERE unit_id = (SELECT unit_id FROM claims WHERE booking_id = %(booked_booking)s)""",
)
