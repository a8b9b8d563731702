"""Messages as staff see them: what was said, to whom, by which way, who or what caused it, and every status with its time."""

from __future__ import annotations

from typing import Any

from holdfast.database.connection import Connection
from holdfast.messages import record_store
from holdfast.messages.record_store import Wanted

Row = dict[str, Any]
STATUSES = ("queued", "sending", "sent", "delivered", "failed", "suppressed")
CHANNELS = ("email", "sms")


async def listed(
    conn: Connection, tenant_id: int, wanted: Wanted, limit: int, after: str | None = None
) -> list[Row]:
    """Newest first, each with `history`; `after` is the message at which the page before ended. Times are UTC; `price` is a
    decimal as text in `price_currency`, null while the provider has not said it."""
    before = await record_store.position(conn, tenant_id, after) if after else None
    return await _with_history(conn, await record_store.messages(conn, tenant_id, wanted, limit, before))


async def one(conn: Connection, tenant_id: int, message_id: str) -> Row | None:
    """None for another tenant's."""
    found = await record_store.messages(conn, tenant_id, Wanted(), 1, message_id=message_id)
    rows = await _with_history(conn, found)
    return rows[0] if rows else None


async def _with_history(conn: Connection, rows: list[Row]) -> list[Row]:
    ids = [row["message_id"] for row in rows]
    statuses = await record_store.statuses(conn, ids) if ids else []
    tries = await record_store.tries(conn, ids) if ids else []
    return [
        {
            **row,
            "history": history(
                row,
                [each for each in statuses if each["message_id"] == row["message_id"]],
                [each for each in tries if each["message_id"] == row["message_id"]],
            ),
        }
        for row in rows
    ]


def history(message: Row, statuses: list[Row], tries: list[Row]) -> list[Row]:
    """Every status with its time, who said so and why, oldest first. Messages from before statuses were written down one by one
    are told by their tries and times. Pure."""
    if statuses:
        found = [{name: row[name] for name in ("at", "status", "source", "detail")} for row in statuses]
        if found[0]["status"] != "queued" and found[0]["at"] > message["created_at"]:
            found.insert(0, _entry(message["created_at"], "queued", message["cause"]))
        told = {row["detail"] for row in found}
        found += [
            _entry(row["tried_at"], row["outcome"], "worker", row["detail"])
            for row in tries
            if row["outcome"] != "sent" and row["detail"] not in told
        ]
    else:
        found = [_entry(message["created_at"], "queued", message["cause"])]
        found += [_entry(row["tried_at"], row["outcome"], "worker", row["detail"]) for row in tries]
        if message["delivered_at"]:
            found.append(_entry(message["delivered_at"], "delivered", "receipt"))
        elif message["status"] in {"failed", "suppressed"} and not tries:
            found.append(_entry(message["created_at"], message["status"], "worker", message["error"] or ""))
    return sorted(found, key=lambda entry: entry["at"])


def _entry(at: Any, status: str, source: str, detail: str = "") -> Row:
    return {"at": at, "status": status, "source": source, "detail": detail}
