"""All processes that run are of one release, and of the schema's.

Why: old and new code on one database disagree about what a row means.
Broken by: a deployment that restarted the web and forgot the worker; a migration without a deployment.
Prevented by: code refuses to start on a schema that is newer than itself.
PostgreSQL: it does not know what runs.
Repair: none by machine.
Failure modes: F26
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT d.deployment_id AS subject, d.started_at AS since, d.role, d.host, d.version, d.commit, d.schema
          FROM deployments d
    CROSS JOIN (SELECT max(version) AS schema FROM schema_versions) s
    CROSS JOIN (SELECT n.version, n.commit FROM deployments n
                 WHERE n.stopped_at IS NULL AND n.heartbeat_at > %(now)s - interval '60 seconds'
              ORDER BY n.started_at DESC, n.deployment_id DESC LIMIT 1) newest
         WHERE d.stopped_at IS NULL AND d.heartbeat_at > %(now)s - interval '60 seconds'
           AND (d.schema <> s.schema OR (d.version, d.commit) <> (newest.version, newest.commit))
           AND newest.version IS NOT NULL AND d.started_at < %(now)s - interval '10 minutes'""",
    person_decides="restart what is old; ten minutes are left for a deployment that goes from one to the next.",
    needs_processes=True,
    breaks_with="""
        INSERT INTO deployments (deployment_id, role, host, pid, version, commit, schema, started_at, heartbeat_at)
        SELECT 'dep_planted', 'web', host, 4712, '0.0.1', 'old', schema, %(now)s - interval '3 days', %(now)s
          FROM deployments WHERE role = 'worker'""",
)
