"""Every confirmed or ended booking says when, and its order's timeline tells the story.

Why: the timeline is what staff read to a guest on the telephone; a status that nobody wrote down was
    changed by hand.
Broken by: an UPDATE by hand; a step that forgot to tell.
Prevented by: a trigger refuses unknown steps, a CHECK wants the time of confirmation, and every step writes
    its line in its own transaction.
PostgreSQL: that a line belongs to a step is a matter of words.
Repair: none by machine.
Failure modes: F09, F63
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT o.order_id AS subject, coalesce(b.ended_at, b.confirmed_at, o.created_at) AS since, o.order_id, o.status,
               b.confirmed_at, b.ended_at
          FROM orders o LEFT JOIN bookings b USING (order_id)
         WHERE (o.status IN ('cancelled', 'declined', 'expired') AND b.ended_at IS NULL)
            OR (o.status IN ('confirmed', 'in_progress', 'completed', 'no_show') AND b.ended_at IS NOT NULL)
            OR NOT EXISTS (SELECT FROM timeline t WHERE t.order_id = o.order_id)""",
    person_decides="find out who changed it, and whether the guest knows.",
    breaks_with="""
        UPDATE orders SET status = 'cancelled' WHERE order_id = %(confirmed_order)s""",
)
