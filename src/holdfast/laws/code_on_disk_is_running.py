"""The code that lies on a machine is the code that runs there.

Why: a fix that was brought to the machine and never started looks, to whoever brought it, like a fix that
    does not work.
Broken by: `git pull` without a restart; a restart that failed and left the old process running.
Prevented by: `holdfast diagnose deployment` after each deployment, with the commit that is expected.
PostgreSQL: it does not know what lies on a disk; each process looks once a minute and writes it down.
Repair: none by machine.
Failure modes: F26
"""

from __future__ import annotations

from holdfast.laws.law import Law, Severity

LAW = Law(
    severity=Severity.NOTICE,
    violations="""
        SELECT d.deployment_id AS subject, d.code_on_disk_since AS since, d.role, d.host, d.commit, d.code_on_disk,
               format('The %%s on %%s runs %%s, and %%s lies in its folder.', d.role, d.host, left(d.commit, 12),
                      left(d.code_on_disk, 12)) AS sentence
          FROM deployments d
         WHERE d.stopped_at IS NULL AND d.heartbeat_at > %(now)s - interval '60 seconds'
           AND d.code_on_disk_since < %(now)s - interval '10 minutes'""",
    person_decides="restart it, so that what was brought there runs; ten minutes are left for a deployment.",
    needs_processes=True,
    breaks_with="""
        INSERT INTO deployments (deployment_id, role, host, pid, version, commit, schema, started_at, heartbeat_at, code_on_disk,
                                 code_on_disk_since)
        SELECT 'dep_planted', 'web', host, 4712, version, commit, schema, started_at, heartbeat_at, 'new',
               %(now)s - interval '11 minutes'
          FROM deployments WHERE role = 'worker'""",
)
