"""Stripe is asked about every attempt that is still open, when it is due.

Why: asking is what finds a payment whose webhook was lost; an attempt that nobody asks about is a paid
    guest without a booking.
Broken by: no worker; a worker that fails on one attempt and never comes to the next.
Prevented by: an open attempt always has a time to be asked at (CHECK), and attempts are taken by that time,
    each by one worker.
PostgreSQL: it cannot make anybody do the work in time.
Repair: it is settled with Stripe now.
Failure modes: F01, F03, F10, F69
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import settle_order

LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT a.attempt_id AS subject, a.ask_at AS since, a.order_id, a.status, a.session_id, a.times_asked, a.last_error
          FROM attempts a
         WHERE a.ask_at < %(now)s - interval '10 minutes'""",
    repair=settle_order,
    breaks_with="""
        UPDATE attempts SET ask_at = %(now)s - interval '11 minutes' WHERE attempt_id = %(pending_attempt)s""",
)
