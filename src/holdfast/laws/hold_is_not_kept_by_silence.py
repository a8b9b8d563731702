"""A hold that is over is not kept for long because Stripe cannot be reached.

Why: the fence keeps the seats while Stripe is silent, which is right; somebody should know that it does.
Broken by: an outage at Stripe, a network that lets nothing out, a key that was revoked.
Prevented by: attempts are asked about again and again, ever more slowly, and let go as soon as Stripe
    answers.
PostgreSQL: the other side is Stripe.
Repair: the attempt is settled again; nothing is ever let go without Stripe's word.
Failure modes: F38, F39
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import let_go

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT b.booking_id AS subject, b.expires_at AS since, b.order_id, b.reference, b.seats,
               a.attempt_id, a.status, a.asked_at,
               a.times_asked, a.last_error
          FROM bookings b JOIN attempts a USING (order_id)
         WHERE b.status = 'pending' AND b.expires_at < %(now)s - interval '10 minutes'
           AND a.status IN ('planned', 'open') AND a.ask_at >= %(now)s - interval '10 minutes'""",
    repair=let_go,
    breaks_with="""
        UPDATE attempts SET last_error = 'planted', asked_at = %(now)s WHERE attempt_id = %(pending_attempt)s;
        UPDATE bookings SET expires_at = %(now)s - interval '20 minutes', hold_limit = %(now)s - interval '20 minutes'
         WHERE booking_id = %(pending_booking)s""",
)
