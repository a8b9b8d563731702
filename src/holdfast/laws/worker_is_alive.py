"""A worker runs, and its code is of the database's schema.

Why: it asks Stripe, sends messages, carries out refunds and lets holds go; without it only pages that are
    opened repair themselves. One of another schema beats and fails at every job.
Broken by: a process that died and was not started again; a deployment without one; a worker whose start was
    refused because the migration had not run.
Prevented by: a worker beats once a few seconds, and `/readyz` says when none has for a minute; every web
    process looks, too, and tells the staff.
PostgreSQL: it cannot start one.
Repair: none by machine.
Failure modes: F69
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        SELECT 'worker' AS subject, max(d.heartbeat_at) AS since, max(d.host) AS last_host,
               (array_agg(d.refused ORDER BY d.started_at DESC))[1] AS refused
          FROM deployments d WHERE d.role = 'worker'
        HAVING count(*) FILTER (WHERE d.stopped_at IS NULL AND d.heartbeat_at > %(now)s - interval '60 seconds'
                                  AND d.schema = (SELECT max(version) FROM schema_versions)) = 0""",
    person_decides="start `holdfast worker`, and see to it that it is started again when it dies.",
    needs_processes=True,
    breaks_with="""
        UPDATE deployments SET heartbeat_at = %(now)s - interval '2 minutes' WHERE role = 'worker'""",
)
