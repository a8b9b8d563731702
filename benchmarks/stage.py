"""What is measured: a PostgreSQL of its own, `holdfast serve` and `holdfast worker` as processes, a catalogue to sell."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from holdfast.database.connection import apply_schema
from holdfast.database.embedded import EmbeddedPostgres

SPREAD_UNITS = 1_000
WHOLE_PRICE = 4_500  # minor units, a seat
WEBHOOK_SECRET = "whsec_of_the_benchmark"
START_S = 60.0
STOP_S = 20.0


@dataclass(frozen=True)
class Catalogue:
    tenant_id: int
    spread: int  # event ids
    spread_units: list[int]
    hot: int
    hot_unit: int
    small: int  # an evening of 20 tables, for reading


@dataclass(frozen=True)
class Stage:
    url: str
    programs: Path  # of PostgreSQL
    catalogue: Catalogue
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.url,
            "SECRET_KEY": "only for the benchmark, long enough",
            "STRIPE_SECRET_KEY": "sk_test_of_the_benchmark",
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_API_BASE": "http://127.0.0.1:9",
            "SMTP_URL": "",
            "RELEASE_COMMIT": "0" * 40,
        }


@contextmanager
def opened_stage(folder: Path | None = None) -> Iterator[Stage]:
    """A durable server, as people run it: every commit waits for the disk."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-", dir=folder) as made:
        os.chmod(made, 0o755)  # started by root, the server runs as another account
        server = EmbeddedPostgres(Path(made) / "data")
        server.start()
        try:
            yield Stage(fresh_database(server), server.bin_folder, *_furnished(server), Path(made))
        finally:
            server.destroy()


def fresh_database(server: EmbeddedPostgres) -> str:
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE bench")
    apply_schema(server.url("bench"))
    return server.url("bench")


def _furnished(server: EmbeddedPostgres) -> tuple[Catalogue]:
    with psycopg.connect(server.url("bench"), autocommit=True) as conn:
        tenant = _one(
            conn,
            "INSERT INTO tenants (slug, name, created_at) VALUES ('bench', 'The Bench', now()) RETURNING tenant_id",
        )
        spread, spread_units = _event(conn, tenant, "Spread", SPREAD_UNITS)
        hot, hot_units = _event(conn, tenant, "Hot", 1)
        small, _ = _event(conn, tenant, "Small", 20)
    return (Catalogue(tenant, spread, spread_units, hot, hot_units[0], small),)


def _event(conn: psycopg.Connection[Any], tenant: int, title: str, units: int) -> tuple[int, list[int]]:
    offering = _one(
        conn,
        """INSERT INTO offerings (tenant_id, kind, title, starts_at, time_zone, currency, created_at)
           VALUES (%s, 'event', %s, now() + interval '35 days', 'Europe/London', 'GBP', now()) RETURNING offering_id""",
        tenant,
        title,
    )
    found = conn.execute(
        """INSERT INTO units (tenant_id, offering_id, kind, label, capacity, price, position)
           SELECT %s, %s, 'area', 'Unit ' || n, 100000, %s, n FROM generate_series(1, %s) AS n RETURNING unit_id""",
        (tenant, offering, WHOLE_PRICE, units),
    )
    return offering, [row[0] for row in found]


def _one(conn: psycopg.Connection[Any], statement: Any, *values: Any) -> int:
    row = conn.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True)
class Served:
    port: int
    process: subprocess.Popen[bytes]

    def resident_mb(self) -> list[float]:
        """Of the processes that answer; their starter only waits."""
        return [resident_mb(pid) for pid in children_of(self.process.pid)]


@contextmanager
def serving(stage: Stage, processes: int) -> Iterator[Served]:
    with _running(stage, "serve", "--port", "0", "--workers", str(processes)) as (process, log):
        port = int(_when_said(process, log, r"Serving on http://127\.0\.0\.1:(\d+)"))
        _until_ready(process, log, port)
        yield Served(port, process)


@contextmanager
def working(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    with _running(stage, "worker") as (process, log):
        _when_said(process, log, r"(worker_started)")
        yield process


@contextmanager
def _running(stage: Stage, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = stage.folder / f"{arguments[0]}.log"
    command = [sys.executable, "-m", "holdfast", *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=stage.environment, cwd=stage.folder
        )
    try:
        yield process, log
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _when_said(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    ends_at = time.monotonic() + START_S
    while time.monotonic() < ends_at and process.poll() is None:
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"It did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _until_ready(process: subprocess.Popen[bytes], log: Path, port: int) -> None:
    ends_at = time.monotonic() + START_S
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"It does not answer:\n{log.read_text(errors='replace')[-3000:]}")


def children_of(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
        except (OSError, IndexError):
            continue
    return found


def resident_mb(pid: int) -> float:
    """Resident memory, as the kernel counts it: pages shared with others are counted in each."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return round(int(found[1]) / 1024, 1) if found else 0.0
