"""Money that came after the end of a booking has been answered: with the seats, or with a refund.

Why: the guest paid, only too late for us; keeping the money without a word is the worst answer.
Broken by: an expired hold that is paid in the last second; a cancellation while the payment was under way.
Prevented by: settling knows the ladder: seats free, confirm; else the organiser's reserve; else one refund,
    with a message.
PostgreSQL: the money is a fact that arrives after the booking's end, and must be storable before it is
    answered.
Repair: the order is settled again, which takes the next step of the ladder.
Failure modes: F13, F15, F16
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.resolve import answer_recorded_money

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT p.payment_id AS subject, p.recorded_at AS since, p.order_id, b.reference, b.status, b.ended_at, p.charged_at,
               p.captured, p.currency
          FROM payments p JOIN bookings b USING (order_id)
         WHERE b.status IN ('expired', 'cancelled', 'declined') AND p.captured > 0 AND p.recorded_at >= b.ended_at
           AND NOT EXISTS (SELECT FROM refunds r WHERE r.payment_id = p.payment_id)""",
    repair=answer_recorded_money,
    brake=True,
    breaks_with="""
        UPDATE attempts SET status = 'complete', session_id = coalesce(session_id, 'cs_planted'), payment_intent_id = 'pi_planted'
         WHERE attempt_id = %(expired_attempt)s;
        INSERT INTO payments (payment_id, order_id, attempt_id, tenant_id, purpose, payment_intent_id,
               charge_id, amount, captured,
                              currency, charged_at, recorded_at, found_by)
        SELECT 'pay_planted', order_id, attempt_id, tenant_id, 'order', 'pi_planted', 'ch_planted', amount, amount, currency,
               %(now)s, %(now)s, 'sweep'
          FROM attempts WHERE attempt_id = %(expired_attempt)s""",
)
