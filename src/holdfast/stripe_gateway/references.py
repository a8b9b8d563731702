"""Which of our rows an object of Stripe's speaks of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class References:
    """Ids found in an object; any may be absent."""

    session_id: str | None = None
    payment_intent_id: str | None = None
    charge_id: str | None = None
    attempt_id: str | None = None
    instance_id: str | None = None


def references(one: Mapping[str, Any]) -> References:
    """From a session, intent, charge, refund or dispute. client_reference_id and metadata carry the attempt's id (rule 4)."""
    kind, id_ = one.get("object"), _text(one.get("id"))
    metadata = one.get("metadata") if isinstance(one.get("metadata"), Mapping) else {}
    assert isinstance(metadata, Mapping)
    return References(
        session_id=id_ if kind == "checkout.session" else None,
        payment_intent_id=id_ if kind == "payment_intent" else _id(one.get("payment_intent")),
        charge_id=id_ if kind == "charge" else _id(one.get("charge")),
        attempt_id=_text(metadata.get("attempt")) or _text(one.get("client_reference_id")),
        instance_id=_text(metadata.get("app_instance")),
    )


def _id(reference: Any) -> str | None:
    return _text(reference.get("id")) if isinstance(reference, Mapping) else _text(reference)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 255 else None
