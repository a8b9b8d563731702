"""A hold that is over is let go, once Stripe has said that nobody can pay for it any more.

Why: seats that nobody will pay for are kept from guests who would.
Broken by: a worker that stands still; an attempt that nobody asks about; a hold whose payment page was
    never made.
Prevented by: the worker lets go of holds that have no open attempt, and asks Stripe about those that have
    one. While Stripe cannot be reached the hold stays, and that is right (the fence): such a hold is being
    asked about, and no violation. A request waits for its answer: see overdue_request_is_declined.
PostgreSQL: it cannot let time pass, and the fence's other side is Stripe.
Repair: every attempt is settled with Stripe, and the hold is let go if all of them are closed. Stripe out
    of reach: it stays.
Failure modes: F38, F39, F42
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import let_go

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT b.booking_id AS subject, b.expires_at AS since, b.order_id, b.reference, b.status, b.seats,
               a.attempt_id, a.ask_at, a.asked_at, a.last_error
          FROM bookings b
     LEFT JOIN LATERAL (SELECT * FROM attempts a WHERE a.order_id = b.order_id
                           AND (a.status IN ('planned', 'open') OR (a.status = 'complete' AND a.ask_at IS NOT NULL))
                         ORDER BY a.ask_at LIMIT 1) a ON true
         WHERE b.status = 'pending' AND b.expires_at < %(now)s - interval '10 minutes'
           AND (a.attempt_id IS NULL OR a.ask_at < %(now)s - interval '10 minutes')""",
    repair=let_go,
    breaks_with="""
        UPDATE attempts SET status = 'expired', ask_at = NULL, closed_at = %(now)s WHERE attempt_id = %(pending_attempt)s;
        UPDATE bookings SET expires_at = %(now)s - interval '11 minutes', hold_limit = %(now)s - interval '11 minutes'
         WHERE booking_id = %(pending_booking)s""",
)
