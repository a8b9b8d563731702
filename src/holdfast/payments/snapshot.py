"""The booking travels with the money: a signed, versioned snapshot in the metadata of session and intent, from which the
order and its booking can be rebuilt when the database has lost them (F25).

Stripe's limits: 50 keys, names up to 40 characters, values up to 500 (docs.stripe.com/metadata). The snapshot is compact JSON,
compressed, in as many values as it needs. No more personal data than the rebuild needs: name, e-mail, phone. The signature
keeps anybody who may write metadata on the account from inventing bookings.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

VERSION = 1
VALUE_LENGTH = 500
MOST_PARTS = 40
MOST_BYTES = 200_000  # unpacked: far above any booking, far below trouble


@dataclass(frozen=True)
class SnapshotLine:
    kind: str  # unit, menu or adjustment
    label: str
    quantity: int
    unit_amount: int
    unit_id: int | None = None
    item_id: int | None = None


@dataclass(frozen=True)
class SnapshotClaim:
    unit_id: int
    seats: int
    guests: int


@dataclass(frozen=True)
class Snapshot:
    """Amounts in minor units, times in seconds since 1970."""

    tenant: str
    offering_id: int
    offering_version: int
    order_id: str
    booking_id: str
    attempt_id: str
    reference: str
    amount: int
    currency: str
    name: str
    email: str | None
    phone: str | None
    created: int
    expires: int
    lines: tuple[SnapshotLine, ...]
    claims: tuple[SnapshotClaim, ...]
    starts: int | None = None  # of an appointment: the time that was agreed when it was requested
    details: str | None = None  # and what the customer told


def pack(snapshot: Snapshot, secret_key: str) -> dict[str, str]:
    """The metadata that carries it."""
    plain = json.dumps(asdict(snapshot), separators=(",", ":"), ensure_ascii=False).encode()
    text = base64.urlsafe_b64encode(zlib.compress(plain, 9)).decode()
    parts = [text[start : start + VALUE_LENGTH] for start in range(0, len(text), VALUE_LENGTH)]
    if len(parts) > MOST_PARTS:
        raise ValueError("the booking does not fit into Stripe's metadata")
    packed = {f"snapshot_{number}": part for number, part in enumerate(parts)}
    return {**packed, "snapshot_version": str(VERSION), "snapshot_signature": _sign(text, secret_key)}


def unpack(metadata: Mapping[str, str], secret_key: str) -> Snapshot | None:
    """The snapshot, or None when there is none, or it was not signed by us, or it is of a version that is not known."""
    parts = [
        metadata[name] for name in (f"snapshot_{number}" for number in range(MOST_PARTS)) if name in metadata
    ]
    text = "".join(parts)
    signature = metadata.get("snapshot_signature", "")
    if not text or metadata.get("snapshot_version") != str(VERSION):
        return None
    if not hmac.compare_digest(_sign(text, secret_key).encode(), signature.encode()):
        return None
    try:
        inflate = zlib.decompressobj()
        plain = inflate.decompress(base64.urlsafe_b64decode(text), MOST_BYTES)
        return _from_json(json.loads(plain))
    except (ValueError, TypeError, KeyError, zlib.error, binascii.Error):
        return None


def _from_json(values: dict[str, Any]) -> Snapshot:
    lines = tuple(SnapshotLine(**line) for line in values.pop("lines"))
    claims = tuple(SnapshotClaim(**claim) for claim in values.pop("claims"))
    return Snapshot(**values, lines=lines, claims=claims)


def _sign(text: str, secret_key: str) -> str:
    return hmac.new(secret_key.encode(), f"snapshot:{VERSION}:{text}".encode(), hashlib.sha256).hexdigest()
