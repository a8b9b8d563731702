"""A worker runs.

Why: it asks Stripe, sends messages, carries out refunds and lets holds go; without it only pages that are
    opened repair themselves.
Broken by: a process that died and was not started again; a deployment without one.
Prevented by: a worker beats once a few seconds, and `/readyz` says when none has for a minute.
PostgreSQL: it cannot start one.
Repair: none by machine.
Failure modes: F69
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT 'worker' AS subject, max(d.heartbeat_at) AS since, max(d.host) AS last_host
          FROM deployments d WHERE d.role = 'worker'
        HAVING count(*) FILTER (WHERE d.stopped_at IS NULL AND d.heartbeat_at > %(now)s - interval '60 seconds') = 0""",
    person_decides="start `holdfast worker`, and see to it that it is started again when it dies.",
    needs_processes=True,
    breaks_with="""
        UPDATE deployments SET heartbeat_at = %(now)s - interval '2 minutes' WHERE role = 'worker'""",
)
