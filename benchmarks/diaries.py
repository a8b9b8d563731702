"""Two hundred diaries over ninety days: how long PostgreSQL takes to say what is free in them."""

from __future__ import annotations

import statistics
import time
from typing import Any, LiteralString

import psycopg

from benchmarks.stage import Stage
from holdfast.database.connection import connection_options

PROVIDERS, DAYS, BOOKINGS = 200, 90, 20
EACH = 3  # free slots of each service that a page of results shows
ZONES = ["Europe/London", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney"]

FURNISH: tuple[LiteralString, ...] = (
    """INSERT INTO providers (tenant_id, name, time_zone, created_at)
       SELECT %(tenant)s, 'Provider ' || n, (%(zones)s::text[])[1 + n %% cardinality(%(zones)s::text[])], %(now)s
         FROM generate_series(1, %(providers)s) AS n""",
    """INSERT INTO opening_hours (tenant_id, provider_id, weekday, opens, closes)
       SELECT p.tenant_id, p.provider_id, day, h.opens, h.closes
         FROM providers p, generate_series(1, 5) AS day,
              (VALUES (time '09:00', time '12:30'), ('13:30', '17:00')) AS h (opens, closes)""",
    """INSERT INTO offerings (tenant_id, kind, title, time_zone, currency, provider_id, created_at)
       SELECT tenant_id, 'appointment', 'Half an hour', time_zone, 'GBP', provider_id, %(now)s FROM providers""",
    """INSERT INTO services (offering_id, tenant_id, provider_id, price, timing, duration_minutes, step_minutes,
                             buffer_after_minutes, lead_minutes, horizon_days)
       SELECT offering_id, tenant_id, provider_id, 3500, 'slot', 30, 30, 10, 120, 90 FROM offerings
        WHERE kind = 'appointment'""",
    """INSERT INTO opening_exceptions (tenant_id, provider_id, kind, during, created_at)
       SELECT tenant_id, provider_id, 'closed',
              tstzrange(%(now)s::timestamptz + (provider_id %% 60) * interval '1 day',
                        %(now)s::timestamptz + (provider_id %% 60 + 3) * interval '1 day'), %(now)s FROM providers""",
    # Each has taken some half hours, spread over the days, at other times of the day each.
    """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, taken, pricing, price, provider_id, during, blocked)
       SELECT f.tenant_id, f.offering_id, 'slot', 'Slot ' || n, 1, 1, 'per_unit', 3500, f.provider_id,
              tstzrange(starts, starts + interval '30 minutes'), tstzrange(starts, starts + interval '40 minutes')
         FROM offerings f, generate_series(1, %(bookings)s) AS n,
              LATERAL (SELECT date_trunc('day', %(now)s::timestamptz)
                              + (n * %(days)s / %(bookings)s + f.provider_id %% 3) * interval '1 day'
                              + interval '9 hours' + (f.provider_id + n) %% 14 * interval '30 minutes' AS starts) AS s
        WHERE f.kind = 'appointment'""",
)
PERIOD = "%(offerings)s, %(now)s, %(now)s::timestamptz + %(days)s * interval '1 day', %(now)s"
# What a page of results asks: the next free slots of everybody, within the whole period.
SEARCH = f"SELECT * FROM next_free_slots({PERIOD}, %(each)s)"
# All of it, as runs of slots, and slot by slot: counted, so that sending them is not measured.
RUNS = f"SELECT count(*) FROM free_runs({PERIOD})"
EVERY_SLOT = f"SELECT count(*) FROM free_slots({PERIOD})"
ONE_DIARY = f"SELECT count(*) FROM free_slots((%(offerings)s::bigint[])[1:1], {PERIOD.partition(', ')[2]})"
# What next_free_slots asks first, a week of everybody: EXPLAIN does not look into a function in PL/pgSQL.
FIRST_WEEK = f"SELECT * FROM free_slots({PERIOD.replace('%(days)s', '7')})"
WORDS = {
    "search": f"one query: the next {EACH} free slots of each of {PROVIDERS} providers in {DAYS} days",
    "one_diary": f"every free slot of one provider in {DAYS} days",
    "runs": f"every free slot of {PROVIDERS} providers in {DAYS} days, as runs",
    "every_slot": "the same slot by slot, counted",
}


def searches(stage: Stage, times: int) -> dict[str, Any]:
    """Milliseconds, as a client sees them: each query `times` times on one connection, after one that is not counted."""
    with psycopg.connect(stage.url, autocommit=True, options=connection_options()) as conn:
        values = _furnish(conn, stage)
        found: dict[str, Any] = {}
        for name, query in (
            ("search", SEARCH), ("one_diary", ONE_DIARY), ("runs", RUNS), ("every_slot", EVERY_SLOT),
        ):  # fmt: skip
            found[name] = {**_measured(conn, query, values, times), "what": WORDS[name]}
        found["search"]["plan"] = [
            *_plan(conn, SEARCH, values),
            "",
            "in it, a week of everybody:",
            *_plan(conn, FIRST_WEEK, values),
        ]
        found["runs"]["plan"] = _plan(conn, RUNS, values)
    if found["search"]["rows"] != PROVIDERS * EACH:
        raise RuntimeError(f"{found['search']['rows']} slots were found, not {EACH} of each provider")
    return found


def _furnish(conn: psycopg.Connection[Any], stage: Stage) -> dict[str, Any]:
    [now] = _row(conn, "SELECT now()")
    values = {
        "tenant": stage.catalogue.tenant_id, "now": now, "zones": ZONES, "providers": PROVIDERS,
        "bookings": BOOKINGS, "days": DAYS, "each": EACH,
    }  # fmt: skip
    for statement in FURNISH:
        conn.execute(statement, values)
    conn.execute("VACUUM (ANALYZE)")
    [offerings] = _row(conn, "SELECT array_agg(offering_id ORDER BY offering_id) FROM services")
    return {**values, "offerings": offerings}


def _measured(
    conn: psycopg.Connection[Any], query: Any, values: dict[str, Any], times: int
) -> dict[str, Any]:
    took, rows = [], []
    for _ in range(times + 1):
        began = time.perf_counter()
        rows = conn.execute(query, values).fetchall()
        took.append((time.perf_counter() - began) * 1000)
    counted = sorted(took[1:])
    return {
        "median_ms": round(statistics.median(counted), 1),
        "p99_ms": round(counted[min(len(counted) - 1, int(len(counted) * 0.99))], 1),
        "times": times,
        "rows": rows[0][0] if len(rows) == 1 else len(rows),
    }


def _plan(conn: psycopg.Connection[Any], query: str, values: dict[str, Any]) -> list[str]:
    explain: Any = f"EXPLAIN (ANALYZE, COSTS OFF, BUFFERS OFF) {query}"
    return [_shortened(row[0]) for row in conn.execute(explain, values).fetchall()]


def _shortened(line: str) -> str:
    """Without the list of two hundred numbers."""
    before, brace, rest = line.partition("'{")
    return f"{before}'{{…}}{rest.partition('}')[2]}" if brace else line


def _row(conn: psycopg.Connection[Any], query: Any) -> tuple[Any, ...]:
    row = conn.execute(query).fetchone()
    assert row is not None
    return tuple(row)
