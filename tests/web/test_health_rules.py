from __future__ import annotations

from datetime import UTC, datetime, timedelta

from holdfast.database.connection import SCHEMA_VERSION
from holdfast.web.health import reasons_not_ready

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_ready() -> None:
    assert (
        reasons_not_ready({"schema": SCHEMA_VERSION, "worker_heartbeat": NOW - timedelta(seconds=30)}, NOW)
        == []
    )


def test_each_reason_is_a_sentence_of_its_own() -> None:
    reasons = reasons_not_ready({"schema": SCHEMA_VERSION + 1, "worker_heartbeat": None}, NOW)
    assert len(reasons) == 2
    silent = reasons_not_ready(
        {"schema": SCHEMA_VERSION, "worker_heartbeat": NOW - timedelta(seconds=31)}, NOW
    )
    assert "31 seconds" in silent[0]
