"""What the database tells Prometheus: the promises as numbers. Read at every scrape, by set-based statements on indexes.

Nothing here names a customer. Counters that a database can only state as of now are gauges.
"""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from holdfast.database.connection import Connection
from holdfast.laws.registry import all_laws

SECONDS = (1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)
NUMBERS: LiteralString = """
    SELECT (SELECT count(*) FROM webhook_events WHERE handled_at IS NULL) AS unhandled_events,
           (SELECT extract(epoch FROM %(now)s - min(received_at)) FROM webhook_events
                  WHERE handled_at IS NULL) AS oldest_unhandled_event,
           (SELECT count(*) FROM messages WHERE status IN ('queued', 'sending')) AS undelivered_messages,
           (SELECT extract(epoch FROM %(now)s - min(created_at)) FROM messages WHERE status IN ('queued', 'sending'))
               AS oldest_undelivered_message,
           (SELECT count(*) FROM bookings WHERE status = 'pending') AS open_holds,
           (SELECT count(*) FROM bookings WHERE status = 'pending' AND expires_at < %(now)s) AS lapsed_holds,
           (SELECT count(*) FROM bookings WHERE status = 'requested') AS open_requests,
           (SELECT count(*) FROM captures WHERE status IN ('owed', 'asked')) AS captures_owed,
           (SELECT count(*) FROM refunds WHERE status IN ('owed', 'asked')) AS refunds_owed,
           (SELECT count(*) FROM tasks WHERE done_at IS NULL) AS open_tasks,
           (SELECT count(*) FROM disputes WHERE closed_at IS NULL) AS open_disputes,
           (SELECT extract(epoch FROM %(now)s - max(heartbeat_at)) FROM deployments WHERE role = 'worker' AND stopped_at IS NULL)
               AS worker_heartbeat_age,
           (SELECT extract(epoch FROM %(now)s - min(checked_at)) FROM law_results) AS laws_age"""

HELP = {
    "unhandled_events": "Events from Stripe that wait to be handled",
    "oldest_unhandled_event": "Seconds since the oldest of them was received",
    "undelivered_messages": "Messages in the outbox",
    "oldest_undelivered_message": "Seconds since the oldest of them was written",
    "open_holds": "Bookings that hold seats and are not paid yet",
    "lapsed_holds": "Open holds whose time is over: asked about, or not let go yet",
    "open_requests": "Requests that wait for their provider's answer, or for their capture",
    "captures_owed": "Authorisations that Stripe has not captured or let go yet, as was decided",
    "refunds_owed": "Refunds that Stripe has not taken yet",
    "open_tasks": "Tasks that wait for a person",
    "open_disputes": "Disputes that are not closed",
    "worker_heartbeat_age": "Seconds since a worker last beat",
    "laws_age": "Seconds since the law that was asked longest ago was asked",
}
IN_SECONDS = frozenset(
    {"oldest_unhandled_event", "oldest_undelivered_message", "worker_heartbeat_age", "laws_age"}
)
# Whoever paid and has nothing: what the board shows in large.
PAID_WITHOUT_BOOKING = ("paid_has_booking", "late_money_is_resolved")


ORDERS: LiteralString = "SELECT status AS label, count(*) AS value FROM orders GROUP BY status"
FOUND_BY: LiteralString = """
    SELECT found_by AS label, count(*) AS value FROM payments
     WHERE purpose = 'order' AND recorded_at > %(now)s - interval '30 days' GROUP BY found_by"""
MESSAGES: LiteralString = """
    SELECT status AS label, count(*) AS value FROM messages WHERE created_at > %(now)s - interval '30 days' GROUP BY status"""
CONFIRMATION_TIMES: LiteralString = """
    WITH times AS (
        -- What is authorised first is charged when the provider has said yes: only from then on does anybody wait for us.
        SELECT greatest(extract(epoch FROM b.confirmed_at - greatest(p.charged_at, o.accepted_at)), 0)::float8 AS took
          FROM payments p JOIN bookings b USING (order_id) JOIN orders o USING (order_id)
         WHERE p.purpose = 'order' AND b.confirmed_at IS NOT NULL AND p.charged_at > %(now)s - interval '30 days')
    SELECT (SELECT count(*) FROM times) AS everything, (SELECT coalesce(sum(took), 0) FROM times) AS total,
           (SELECT array_agg(below ORDER BY edge)
              FROM (SELECT edge, count(took) FILTER (WHERE took <= edge) AS below
                      FROM unnest(%(edges)s::float8[]) AS edge LEFT JOIN times ON true GROUP BY edge) b) AS counted"""


async def database_metrics(conn: Connection, now: datetime) -> list[Metric]:
    """Everything, ready for prometheus_client's exposition: a collector yields them as they are."""
    return [
        *await _laws(conn),
        *await _numbers(conn, now),
        await _grouped(conn, now, "orders", "Orders by status", "status", ORDERS),
        await _grouped(
            conn,
            now,
            "bookings_found_by",
            "Payments of 30 days by who heard of them first",
            "layer",
            FOUND_BY,
        ),
        await _grouped(conn, now, "messages", "Messages of 30 days by status", "status", MESSAGES),
        await _confirmation_times(conn, now),
    ]


async def _laws(conn: Connection) -> list[Metric]:
    rows = await (await conn.execute("SELECT law, violations FROM law_results")).fetchall()
    known = {row["law"]: int(row["violations"]) for row in rows}
    violations = GaugeMetricFamily(
        "holdfast_law_violations",
        "Violations that each law found when it was last asked",
        labels=["law", "severity"],
    )
    for law in all_laws():
        if law.name in known:
            violations.add_metric([law.name, law.severity.value], known[law.name])
    without = GaugeMetricFamily(
        "holdfast_paid_without_booking", "Who paid and has neither booking nor refund"
    )
    if any(name in known for name in PAID_WITHOUT_BOOKING):
        without.add_metric([], max(known.get(name, 0) for name in PAID_WITHOUT_BOOKING))
    return [violations, without]


async def _numbers(conn: Connection, now: datetime) -> list[Metric]:
    row = await (await conn.execute(NUMBERS, {"now": now})).fetchone()
    assert row is not None  # one row of scalars
    found: list[Metric] = []
    for name, text in HELP.items():
        family = GaugeMetricFamily(f"holdfast_{name}{'_seconds' if name in IN_SECONDS else ''}", text)
        # Without anything to be old, nothing has an age: 0. A worker that never ran has none either, and is absent.
        if row[name] is not None or name.startswith("oldest"):
            family.add_metric([], float(row[name] or 0))
        found.append(family)
    return found


async def _grouped(
    conn: Connection, now: datetime, name: str, text: str, label: str, query: LiteralString
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"holdfast_{name}", text, labels=[label])
    for row in await (await conn.execute(query, {"now": now})).fetchall():
        family.add_metric([row["label"]], row["value"])
    return family


async def _confirmation_times(conn: Connection, now: datetime) -> HistogramMetricFamily:
    """From `charge.created`, a whole second, to the commit that confirmed: up to a second too long, never too short."""
    row = await (await conn.execute(CONFIRMATION_TIMES, {"now": now, "edges": list(SECONDS)})).fetchone()
    assert row is not None  # an aggregate always answers
    counted = row["counted"] or [0] * len(SECONDS)
    buckets = [(str(float(edge)), float(below)) for edge, below in zip(SECONDS, counted, strict=True)]
    family = HistogramMetricFamily(
        "holdfast_seconds_from_charge_to_confirmation",
        "Of the payments of 30 days: from the charge to the confirmed booking",
    )
    family.add_metric([], [*buckets, ("+Inf", float(row["everything"]))], float(row["total"]))
    return family
