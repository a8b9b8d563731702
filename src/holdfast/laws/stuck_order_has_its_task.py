"""Of an order that stopped somebody is told.

Why: stuck means that only a person can go on; an order that is stuck and in nobody's list is lost.
Broken by: a task closed while the order is still stuck.
Prevented by: an order becomes stuck in the transaction that opens its task.
PostgreSQL: the order's status and the task are in two tables, and either may change alone.
Repair: the task is opened again.
Failure modes: F12, F21
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity
from holdfast.laws.repairs import open_task_for

LAW = Law(
    severity=Severity.BOOKING,
    violations="""
        SELECT o.order_id AS subject, o.created_at AS since, o.order_id, o.stuck_reason, o.amount, o.currency
          FROM orders o
         WHERE o.status = 'stuck'
           AND NOT EXISTS (SELECT FROM tasks t WHERE t.order_id = o.order_id AND t.done_at IS NULL)""",
    repair=open_task_for("stuck", "This order stopped and waits for a decision."),
    breaks_with="""
        UPDATE tasks SET done_at = %(now)s, done_by = 'planted' WHERE order_id = %(stuck_order)s""",
)
