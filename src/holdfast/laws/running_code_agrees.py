"""All processes that run are of the release that was started last, and of the database's schema.

Why: old and new code on one database disagree about what a row means; and a mended release that was brought
    here but does not run mends nothing.
Broken by: a deployment that restarted the web and forgot the worker; a migration without a deployment; a
    deployment whose migration did not run, so that its start was refused and the old code runs on.
Prevented by: code refuses to start on a schema that is not its own, and that refusal is on record.
PostgreSQL: it does not know what runs.
Repair: none by machine.
Failure modes: F26
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.SERVICE,
    violations="""
        WITH live AS (
            SELECT * FROM deployments WHERE stopped_at IS NULL AND heartbeat_at > %(now)s - interval '60 seconds'
        ), last_start AS (
            SELECT version, commit, schema, refused FROM deployments
             WHERE refused IS NOT NULL AND started_at > %(now)s - interval '1 day'
                OR stopped_at IS NULL AND heartbeat_at > %(now)s - interval '60 seconds'
          ORDER BY started_at DESC, deployment_id DESC LIMIT 1
        ), deployed AS (
            SELECT l.*, (SELECT min(d.started_at) FROM deployments d
                          WHERE (d.version, d.commit) = (l.version, l.commit)
                            AND (d.refused IS NOT NULL AND d.started_at > %(now)s - interval '1 day'
                                 OR d.stopped_at IS NULL AND d.heartbeat_at > %(now)s - interval '60 seconds')) AS since
              FROM last_start l
        ), base AS (
            SELECT version, applied_at FROM schema_versions ORDER BY version DESC LIMIT 1
        )
        SELECT d.deployment_id AS subject, greatest(d.started_at, n.since) AS since, d.role, d.host, d.version, d.commit,
               d.schema, n.commit AS deployed_commit, b.version AS database_schema,
               CASE WHEN n.refused IS NOT NULL
                    THEN format('The %%s on %%s still runs %%s: %%s was started and refused (%%s).', d.role, d.host,
                                left(d.commit, 12), left(n.commit, 12), n.refused)
                    WHEN d.schema <> b.version
                    THEN format('The %%s on %%s is code for schema %%s, and the database has schema %%s.', d.role, d.host,
                                d.schema, b.version)
                    ELSE format('The %%s on %%s runs %%s, and the release that was started last is %%s.', d.role, d.host,
                                left(d.commit, 12), left(n.commit, 12)) END AS sentence
          FROM live d CROSS JOIN deployed n CROSS JOIN base b
         WHERE d.schema <> b.version AND greatest(d.started_at, b.applied_at) < %(now)s - interval '10 minutes'
            OR (d.version, d.commit) <> (n.version, n.commit) AND n.since < %(now)s - interval '10 minutes'""",
    person_decides="restart what is old; ten minutes are left for a deployment that goes from one to the next.",
    needs_processes=True,
    breaks_with="""
        INSERT INTO deployments (deployment_id, role, host, pid, version, commit, schema, started_at, heartbeat_at)
        SELECT 'dep_planted', 'web', host, 4712, '0.0.1', 'old', schema, %(now)s - interval '3 days', %(now)s
          FROM deployments WHERE role = 'worker'""",
)
