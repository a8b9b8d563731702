"""No provider is promised to two customers at once.

Why: one of the two stands before a closed door.
Broken by: constraints that were off, as in a restore; a slot whose count was set to nothing while a booking has it.
Prevented by: an exclusion constraint refuses a second slot, buffers included, whatever the path.
PostgreSQL: it does refuse this among slots that count as taken; the law asks the claims, a second witness.
Repair: none by machine.
Failure modes: F37, F40
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        WITH held AS (
            SELECT u.unit_id, u.provider_id, u.blocked, b.order_id, b.reference, b.created_at
              FROM units u JOIN claims c USING (unit_id) JOIN bookings b USING (booking_id)
             WHERE u.kind = 'slot' AND c.released_at IS NULL AND upper(u.blocked) > %(now)s
               AND b.status IN ('pending', 'requested', 'confirmed', 'in_progress'))
        SELECT later.unit_id::text AS subject, later.created_at AS since, later.order_id, later.reference, later.provider_id,
               lower(later.blocked) AS blocked_from, upper(later.blocked) AS blocked_until,
               jsonb_agg(earlier.reference ORDER BY earlier.created_at) AS overlaps
          FROM held later JOIN held earlier
            ON earlier.provider_id = later.provider_id AND earlier.blocked && later.blocked
           AND (earlier.created_at, earlier.unit_id, earlier.order_id) < (later.created_at, later.unit_id, later.order_id)
      GROUP BY later.unit_id, later.created_at, later.order_id, later.reference, later.provider_id, later.blocked""",
    person_decides="which of the two is moved to another time or cancelled; the one that is not paid yet first.",
    breaks_with="""
        UPDATE units SET taken = 0 WHERE unit_id = %(booked_unit)s;
        UPDATE units SET during = (SELECT during FROM units WHERE unit_id = %(asked_unit)s),
                         blocked = (SELECT blocked FROM units WHERE unit_id = %(asked_unit)s)
         WHERE unit_id = %(booked_unit)s""",
)
