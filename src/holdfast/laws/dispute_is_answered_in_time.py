"""A dispute that waits for our answer has more than two days left.

Why: who does not answer in time has lost, whatever the truth is.
Broken by: a task that nobody works on.
Prevented by: the task names the day on which the answer is due.
PostgreSQL: it cannot write the answer.
Repair: none by machine.
Failure modes: F47
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT d.dispute_id AS subject, d.evidence_due AS since, d.order_id, d.status, d.reason, d.amount, d.currency
          FROM disputes d
         WHERE d.closed_at IS NULL AND d.status IN ('needs_response', 'warning_needs_response')
           AND d.evidence_due < %(now)s + interval '2 days'""",
    person_decides="answer it in Stripe's dashboard, or accept it.",
    breaks_with="""
        UPDATE disputes SET evidence_due = %(now)s + interval '1 day' WHERE dispute_id = %(dispute)s""",
)
