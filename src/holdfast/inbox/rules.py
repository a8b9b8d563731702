"""What an incoming event is, and when it is tried again: pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.clock import from_unix
from holdfast.errors import ValidationFailed

# What Holdfast acts on. Other types are stored, answered with 2xx and marked `ignored`: 4xx would make Stripe disable the
# endpoint in the end (F55).
NEEDED_TYPES = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.canceled",
    "payment_intent.requires_action",
    "payment_intent.amount_capturable_updated",
    "charge.succeeded",
    "charge.captured",
    "charge.expired",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
)
# Not Stripe's: `holdfast diagnose deployment` sends it by the public address, signed with our own secret, to see that an event
# arrives and is handled. It is about no money, so it is of either mode.
CANARY_TYPE = "holdfast.canary"
THIN_PREFIX = "v1."  # thin events for v1 resources are named so (2026-09-30.endive)
RETRY_ERRORS_AFTER = tuple(timedelta(seconds=s) for s in (2, 10, 30, 60, 300, 900, 3600))
RETRY_UNKNOWN_AFTER = tuple(timedelta(seconds=s) for s in (2, 10, 60, 300, 1800, 7200, 21600))
UNKNOWN_UNTIL = timedelta(hours=24)  # then a person is told, if money moved; the row stays
REBUILD_AFTER_TRIES = 2


@dataclass(frozen=True)
class Incoming:
    event_id: str
    type: str
    object_id: str | None
    livemode: bool
    account: str | None
    api_version: str | None
    created_at: datetime


def parse(body: bytes) -> Incoming:
    """The envelope of a signed event, snapshot or thin. Raises ValidationFailed (never stored, so Stripe tries again)."""
    try:
        event = json.loads(body)
        if not isinstance(event, dict):
            raise ValueError
        return Incoming(
            event_id=_id(event["id"]),
            type=_id(event["type"]).removeprefix(THIN_PREFIX),
            object_id=object_id(event),
            livemode=bool(event.get("livemode", False)),
            account=_optional(event.get("account")),
            api_version=_optional(event.get("api_version")),
            created_at=_time(event["created"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError) as problem:
        raise ValidationFailed("The body is signed, but it is not an event.") from problem


def not_ours(livemode: bool, account: str | None, our_livemode: bool) -> str | None:
    """Why an event is none of ours: stored and answered, never applied, however often it is replayed. Of the other mode (F59), or
    of an account connected to this one, for which this installation sells nothing (F58)."""
    if livemode != our_livemode:
        return "other_mode"
    return "other_account" if account else None


def mark_at_receipt(incoming: Incoming, our_livemode: bool) -> str | None:
    """The outcome of an event that is never handled; None: it waits for its turn."""
    if incoming.type == CANARY_TYPE:
        return None
    return not_ours(incoming.livemode, incoming.account, our_livemode)


def object_id(event: dict[str, Any]) -> str | None:
    """Of the object that the event is about: in the snapshot, or named by a thin event."""
    related = event.get("related_object")
    if isinstance(related, dict):
        return _optional(related.get("id"))
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    return _optional(subject.get("id")) if isinstance(subject, dict) else None


def is_thin(event: dict[str, Any]) -> bool:
    return not isinstance((event.get("data") or {}).get("object"), dict)


def retry_at(now: datetime, tries: int, *, unknown_object: bool) -> datetime:
    """When an event is handled again, after so many tries."""
    pauses = RETRY_UNKNOWN_AFTER if unknown_object else RETRY_ERRORS_AFTER
    return now + pauses[min(max(tries - 1, 0), len(pauses) - 1)]


def _id(value: Any) -> str:
    if (text := _optional(value)) is None:
        raise ValueError
    return text


def _optional(value: Any) -> str | None:
    """Text that can be stored: PostgreSQL takes neither NUL nor half a surrogate pair, both of which JSON can spell."""
    return value if isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable() else None


def _time(value: Any) -> datetime:
    """Seconds since 1970 in snapshots, RFC 3339 in thin events."""
    if isinstance(value, int) and not isinstance(value, bool):
        return from_unix(value)
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)
