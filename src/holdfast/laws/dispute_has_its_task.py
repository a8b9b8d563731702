"""Of a dispute somebody is told.

Why: a dispute that nobody answers is lost, and the answer is due within days.
Broken by: an event that was missed, or handled after the dispute was closed.
Prevented by: recording a dispute writes its task in the same transaction.
PostgreSQL: a task may be closed while the dispute goes on; what has to exist is that it was ever opened.
Repair: the task is opened.
Failure modes: F47, F48
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import open_task_for

LAW = Law(
    severity=Severity.MONEY,
    violations="""
        SELECT d.dispute_id AS subject, d.opened_at AS since, d.order_id, d.status, d.reason, d.amount, d.currency, d.evidence_due
          FROM disputes d
         WHERE d.closed_at IS NULL
           AND NOT EXISTS (SELECT FROM tasks t WHERE t.kind = 'dispute' AND t.subject = d.dispute_id)""",
    repair=open_task_for(
        "dispute", "A guest's bank disputes a payment. Answer it in Stripe's dashboard before it is due."
    ),
    breaks_with="""
        DELETE FROM tasks WHERE kind = 'dispute' AND subject = %(dispute)s""",
)
