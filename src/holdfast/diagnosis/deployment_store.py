"""The SQL of what is deployed: who runs, what was started when, what was refused, what arrived. One function, one statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from holdfast.database.connection import Connection
from holdfast.inbox.rules import CANARY_TYPE

Row = dict[str, Any]

ALIVE_WITHIN = timedelta(seconds=60)


async def schema(conn: Connection) -> Row:
    """The version of the database's schema, and since when it has it."""
    found = await conn.execute(
        "SELECT version, applied_at AS since FROM schema_versions ORDER BY version DESC LIMIT 1"
    )
    return await found.fetchone() or {"version": None, "since": None}


async def processes(conn: Connection, now: datetime) -> list[Row]:
    """Those that live, web first, the oldest first."""
    found = await conn.execute(
        """SELECT deployment_id, role, host, pid, version, commit, schema, started_at, heartbeat_at, public_url,
                  settings_missing, code_on_disk, code_on_disk_since
             FROM deployments WHERE stopped_at IS NULL AND heartbeat_at > %s
         ORDER BY role, started_at, deployment_id""",
        (now - ALIVE_WITHIN,),
    )
    return await found.fetchall()


async def last_seen(conn: Connection) -> list[Row]:
    """The newest sign of life of each role, of a process that lives or not."""
    found = await conn.execute(
        """SELECT DISTINCT ON (role) role, host, version, commit, heartbeat_at, stopped_at FROM deployments
            WHERE refused IS NULL ORDER BY role, heartbeat_at DESC, deployment_id"""
    )
    return await found.fetchall()


async def refused_starts(conn: Connection, since: datetime) -> list[Row]:
    """The newest refused start of each role on each host, unless the role has started there since."""
    found = await conn.execute(
        """SELECT DISTINCT ON (d.role, d.host) d.role, d.host, d.version, d.commit, d.schema, d.started_at AS at, d.refused AS why
             FROM deployments d
            WHERE d.refused IS NOT NULL AND d.started_at > %s
              AND NOT EXISTS (SELECT FROM deployments n WHERE n.role = d.role AND n.host = d.host AND n.refused IS NULL
                                 AND n.started_at > d.started_at)
         ORDER BY d.role, d.host, d.started_at DESC""",
        (since,),
    )
    return await found.fetchall()


async def releases(conn: Connection, limit: int) -> list[Row]:
    """What has run here, the newest first."""
    found = await conn.execute(
        """SELECT version, commit, schema, min(started_at) AS first_started_at, max(started_at) AS last_started_at,
                  array_agg(DISTINCT role) AS roles, count(*) AS starts
             FROM deployments WHERE refused IS NULL
         GROUP BY version, commit, schema ORDER BY max(started_at) DESC, commit LIMIT %s""",
        (limit,),
    )
    return await found.fetchall()


async def start_and_the_one_before(conn: Connection, deployment_id: str) -> Row | None:
    """A start beside the release that its role ran before it: `before_*` are null at the very first. `first_here` and
    `before_first` say when each of the two releases was first started in this role."""
    found = await conn.execute(
        """SELECT d.role, d.host, d.version, d.commit, d.started_at, b.version AS before_version, b.commit AS before_commit,
                  (SELECT min(o.started_at) FROM deployments o WHERE o.role = d.role AND o.refused IS NULL
                      AND (o.version, o.commit) = (d.version, d.commit)) AS first_here,
                  (SELECT min(o.started_at) FROM deployments o WHERE o.role = d.role AND o.refused IS NULL
                      AND (o.version, o.commit) = (b.version, b.commit)) AS before_first
             FROM deployments d
        LEFT JOIN LATERAL (SELECT p.version, p.commit FROM deployments p
                            WHERE p.role = d.role AND p.refused IS NULL
                              AND (p.started_at, p.deployment_id) < (d.started_at, d.deployment_id)
                         ORDER BY p.started_at DESC, p.deployment_id DESC LIMIT 1) b ON true
            WHERE d.deployment_id = %s""",
        (deployment_id,),
    )
    return await found.fetchone()


async def canary(conn: Connection, event_id: str | None) -> Row | None:
    """The one asked for, or the last that came."""
    found = await conn.execute(
        """SELECT event_id, received_at, handled_at, outcome, error FROM webhook_events
            WHERE type = %(type)s AND (%(id)s::text IS NULL OR event_id = %(id)s) ORDER BY received_at DESC LIMIT 1""",
        {"type": CANARY_TYPE, "id": event_id},
    )
    return await found.fetchone()


async def sms_of_the_last_days(conn: Connection, since: datetime, before: datetime) -> Row:
    """SMS that the provider took between the two times: how many, how many of them were ever reported on, and when last."""
    found = await conn.execute(
        """SELECT count(*) AS sent, count(*) FILTER (WHERE m.status IN ('delivered', 'failed')) AS reported,
                  max(m.sent_at) AS last_sent_at, max(m.delivered_at) AS last_receipt_at
             FROM messages m
            WHERE m.channel = 'sms' AND m.provider_id IS NOT NULL AND m.sent_at > %s AND m.sent_at < %s""",
        (since, before),
    )
    row = await found.fetchone()
    assert row is not None  # an aggregate always answers
    return row


async def insert_refused(conn: Connection, row: Row, why: str) -> None:
    """A start that was refused. The schema may be an older one, or a newer: only what every version has is relied on. What
    starts it tries again and again: the same refusal is written down once in ten minutes."""
    await conn.execute(
        """INSERT INTO deployments (deployment_id, role, host, pid, version, commit, schema, started_at, heartbeat_at, stopped_at)
           SELECT %(deployment_id)s, %(role)s, %(host)s, %(pid)s, %(version)s, %(commit)s, %(schema)s, %(started_at)s,
                  %(started_at)s, %(started_at)s
            WHERE NOT EXISTS (SELECT FROM deployments d
                               WHERE d.stopped_at = d.started_at AND d.started_at > %(started_at)s - interval '10 minutes'
                                 AND (d.role, d.host, d.version, d.commit) = (%(role)s, %(host)s, %(version)s, %(commit)s))""",
        row,
    )
    asked = await conn.execute(
        """SELECT FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = 'deployments' AND column_name = 'refused'"""
    )
    if await asked.fetchone() is not None:
        await conn.execute(
            "UPDATE deployments SET refused = %s WHERE deployment_id = %s", (why, row["deployment_id"])
        )


async def has_tables(conn: Connection) -> bool:
    found = await conn.execute(
        "SELECT to_regclass('deployments') IS NOT NULL AND to_regclass('tasks') IS NOT NULL AS there"
    )
    row = await found.fetchone()
    return bool(row and row["there"])


async def close_told_releases(conn: Connection, now: datetime, before: datetime) -> int:
    """What was only news is closed by itself after a while."""
    done = await conn.execute(
        """UPDATE tasks SET done_at = %s, done_by = 'worker'
            WHERE kind = 'new_release' AND done_at IS NULL AND created_at < %s""",
        (now, before),
    )
    return done.rowcount


async def close_tasks_of(conn: Connection, now: datetime, kind: str) -> int:
    done = await conn.execute(
        "UPDATE tasks SET done_at = %s, done_by = 'worker' WHERE kind = %s AND done_at IS NULL",
        (now, kind),
    )
    return done.rowcount
