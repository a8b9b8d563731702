"""What this process has done, in Prometheus' words. What the database knows is measured there (laws/metrics.py) and is the
same whichever process is asked; these counters are this process's own, so each carries its `pid`.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from holdfast import __version__
from holdfast.database.connection import Connection

DatabaseMetrics = Callable[[Connection, datetime], Awaitable[Sequence[Metric]]]
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Measurements:
    """A registry of its own: nothing that a library counts slips in, and each app in a test starts from nothing."""

    def __init__(self, commit: str) -> None:
        self._registry = CollectorRegistry()
        self._pid = str(os.getpid())
        self._requests = Counter(
            "holdfast_http_requests_total",
            "Requests answered",
            ["pid", "method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "holdfast_http_request_seconds",
            "Time to answer",
            ["pid", "route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        build = Gauge(
            "holdfast_build_info", "What is running", ["version", "commit"], registry=self._registry
        )
        build.labels(__version__, commit).set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(self._pid, method, route, str(status)).inc()
        self._seconds.labels(self._pid, route).observe(seconds)

    def exposed(self, from_database: Iterable[Metric]) -> bytes:
        """The text that Prometheus reads."""
        told = CollectorRegistry()
        told.register(_Told(from_database))
        return generate_latest(self._registry) + generate_latest(told)


class _Told(Collector):
    def __init__(self, told: Iterable[Metric]) -> None:
        self._told = list(told)

    def collect(self) -> Iterator[Metric]:
        yield from self._told
