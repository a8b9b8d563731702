"""Of a refund that failed somebody is told.

Why: the bank sent the money back to us (a closed card, weeks later), while the guest was told that it was
    on its way.
Broken by: taking `succeeded` for the end: a refund is born succeeded and may fail days afterwards.
Prevented by: `refund.failed` is listened to, and its task is written in the transaction that records it.
PostgreSQL: a task may be closed while the refund stays failed; what has to exist is that it was ever
    opened.
Repair: the task is opened.
Failure modes: F45
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import open_task_for

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT r.refund_id AS subject, coalesce(r.settled_at, r.created_at) AS since, r.order_id, r.amount, r.currency, r.failure
          FROM refunds r
         WHERE r.status = 'failed'
           AND NOT EXISTS (SELECT FROM refunds o WHERE o.payment_id = r.payment_id AND o.reason = 'outside'
                              AND o.status <> 'failed')
           AND NOT EXISTS (SELECT FROM tasks t WHERE t.kind = 'refund_failed' AND t.subject = r.refund_id)""",
    repair=open_task_for("refund_failed", "A refund failed at the guest's bank. Pay it in another way."),
    breaks_with="""
        UPDATE refunds SET status = 'failed', failure = 'expired_or_canceled_card' WHERE refund_id = %(cancelled_refund)s""",
)
