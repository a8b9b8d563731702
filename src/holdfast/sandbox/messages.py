"""What arrived in the mailbox and on the phone."""

import base64
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from psycopg.types.json import Jsonb

from holdfast.sandbox.database import Connection, Pool
from holdfast.sandbox.ledger import Json

RECENT = 200


async def keep_email(pool: Pool, raw: bytes, sender: str, recipients: list[str], now: float) -> None:
    """A mail. One that has come before (same Message-ID, same recipients) is counted, as a mailbox shows it once."""
    parsed = message_from_bytes(raw, policy=policy.default)
    message_id = str(parsed.get("Message-ID", "")).strip()
    key = f"{message_id} {','.join(sorted(recipients))}" if message_id else None
    body: Json = {
        "to": recipients,
        "from": str(parsed.get("From", sender)),
        "subject": str(parsed.get("Subject", "")).strip(),  # a long one begins on the next line
        "text": _part(parsed, "plain"),
        "html": _part(parsed, "html"),
        "message_id": message_id or None,
        "headers": {name: str(value) for name, value in parsed.items()},
        "attachments": _attachments(parsed),
    }
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO sandbox.message (channel, message_key, received_at, body, raw) VALUES ('email', %s, %s, %s, %s) "
            "ON CONFLICT (message_key) DO UPDATE SET copies = message.copies + 1",
            [key, now, Jsonb(_clean(body)), raw],
        )


async def keep_sms(connection: Connection, body: Json, now: float) -> None:
    await connection.execute(
        "INSERT INTO sandbox.message (channel, message_key, received_at, body) VALUES ('sms', %s, %s, %s)",
        [body["sid"], now, Jsonb(_clean(body))],
    )


async def everything(pool: Pool) -> list[Json]:
    """All messages, oldest first."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT id, channel, copies, received_at, body FROM sandbox.message ORDER BY id"
        )
        return [_shown(row) for row in await cursor.fetchall()]


async def recent(pool: Pool) -> list[Json]:
    """The newest messages, newest first."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT id, channel, copies, received_at, body FROM sandbox.message ORDER BY id DESC LIMIT %s",
            [RECENT],
        )
        return [_shown(row) for row in await cursor.fetchall()]


async def one(pool: Pool, id: int) -> Json | None:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT id, channel, copies, received_at, body FROM sandbox.message WHERE id = %s", [id]
        )
        row = await cursor.fetchone()
    return _shown(row) if row else None


def _shown(row: dict[str, Any]) -> Json:
    """Every field that callers rely on is there for both channels."""
    empty: Json = {"subject": None, "html": None, "attachments": [], "message_id": None}
    fields = {name: row[name] for name in ("id", "channel", "copies", "received_at")}
    body: Json = row["body"]
    return empty | body | fields


def _part(parsed: EmailMessage, kind: str) -> str | None:
    part = parsed.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # a charset that nobody knows
        return (part.get_payload(decode=True) or b"").decode("utf-8", "replace")  # type: ignore[union-attr]


def _attachments(parsed: EmailMessage) -> list[Json]:
    """Everything that is not one of the two texts: attached files and the pictures inside the HTML."""
    bodies = [parsed.get_body(preferencelist=(kind,)) for kind in ("plain", "html")]
    leaves = [part for part in parsed.walk() if not part.is_multipart() and part not in bodies]
    return [_attachment(part) for part in leaves]


def _attachment(part: Any) -> Json:
    content = part.get_payload(decode=True) or b""
    return {
        "filename": part.get_filename(),
        "content_type": part.get_content_type(),
        "content_id": str(part.get("Content-ID", "")).strip("<> ") or None,
        "size": len(content),
        "content": base64.b64encode(content).decode(),
    }


def _clean(value: Any) -> Any:
    """PostgreSQL's jsonb cannot hold NUL."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
