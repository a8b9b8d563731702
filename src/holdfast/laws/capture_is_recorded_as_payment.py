"""Money that was captured is on record as a payment.

Why: the customer paid; without the payment nothing is confirmed, and nothing can be refunded.
Broken by: a process that dies after Stripe has captured; a restore.
Prevented by: a capture counts as done only when the evidence says so, in the transaction that records the payment.
PostgreSQL: at the moment of a capture one of the two rows has to be there first, and a restore may bring back only one.
Repair: the attempt is settled with Stripe, which records what was captured.
Failure modes: F05, F25, F30
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import settle_order

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT c.capture_id AS subject, c.settled_at AS since, c.order_id, c.amount, c.currency, c.attempt_id
          FROM captures c
         WHERE c.action = 'capture' AND c.status = 'done'
           AND NOT EXISTS (SELECT FROM payments p WHERE p.attempt_id = c.attempt_id)""",
    repair=settle_order,
    breaks_with="""
        SET LOCAL session_replication_role = replica;
        DELETE FROM payments WHERE payment_id = %(booked_payment)s""",
)
