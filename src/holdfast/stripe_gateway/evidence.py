"""What an event or a fetched object proves. Pure: dicts of Stripe's come in, evidence comes out; nothing is decided here.

Evidence is kept with the attempt as JSON: kind of object → id → facts. It names the objects, so that two refunds are two and
the same refund told five times is one. The shapes below are the whole list of what Holdfast believes of Stripe's objects.

Sources: docs.stripe.com/api/checkout/sessions/object, /payment_intents/object, /charges/object, /refunds/object,
/disputes/object; docs.stripe.com/webhooks (events may come late, twice and in any order).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.stripe_gateway.lattice import Fixed, Flag, Highest, Ranked, Shape, contradicts, merge, take

StripeObject = Mapping[str, Any]

SHAPES: Mapping[str, Shape] = {
    "session": {
        "status": Ranked(("open", "expired", "complete")),
        "payment_status": Ranked(("unpaid", "no_payment_required", "paid")),
        # A slow method that failed. The session itself stays complete and unpaid, so this is told by the event, or by
        # seeing session and intent in one answer; a later `paid` outranks it.
        "async_failed": Flag(),
        "amount_total": Fixed(),
        "currency": Fixed(),
        "payment_intent": Fixed(),
        "client_reference_id": Fixed(),
        # When it expired, by Stripe's clock: only the event tells that.
        "expired_at": Highest(),
    },
    "intent": {
        # A decline returns it to requires_payment_method: not an end (F17). Money outranks a cancellation.
        "status": Ranked(
            (
                "requires_payment_method",
                "requires_confirmation",
                "requires_action",
                "processing",
                "requires_capture",
                "canceled",
                "succeeded",
            )
        ),
        "amount": Fixed(),
        "currency": Fixed(),
        "amount_received": Highest(),
        "declined_at": Highest(),
    },
    "charge": {
        "status": Ranked(("pending", "failed", "succeeded")),
        "payment_intent": Fixed(),
        "amount": Fixed(),
        "currency": Fixed(),
        "created": Fixed(),
        "amount_captured": Highest(),
        "amount_refunded": Highest(),
        "captured": Flag(),
        "disputed": Flag(),
        "brand": Fixed(),
        "last4": Fixed(),
        "capture_before": Highest(),
    },
    "refund": {
        # Born `succeeded`, and may fail days later (F45).
        "status": Ranked(("pending", "requires_action", "succeeded", "canceled", "failed")),
        "payment_intent": Fixed(),
        "charge": Fixed(),
        "amount": Fixed(),
        "currency": Fixed(),
        "created": Fixed(),
        "failure_reason": Fixed(),
        "ours": Fixed(),
    },
    "dispute": {
        "status": Ranked(
            (
                # An inquiry, which may become a dispute, also after it seemed closed.
                "warning_needs_response",
                "warning_under_review",
                "warning_closed",
                "needs_response",
                "under_review",
                "prevented",
                "won",
                "lost",
            )
        ),
        "payment_intent": Fixed(),
        "charge": Fixed(),
        "amount": Highest(),
        "currency": Fixed(),
        "reason": Fixed(),
        "created": Fixed(),
        "due_by": Highest(),
    },
}
KIND_OF_OBJECT = {
    "checkout.session": "session",
    "payment_intent": "intent",
    "charge": "charge",
    "refund": "refund",
    "dispute": "dispute",
}


@dataclass(frozen=True)
class Evidence:
    """kind → id → facts. Equal when it proves the same."""

    objects: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    def __or__(self, other: Evidence) -> Evidence:
        return merged(self, other)

    def of(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        return self.objects.get(kind, {})

    def contradictions(self) -> list[str]:
        """What Stripe seems to have told in two ways, such as `session cs_1 amount_total`."""
        return [
            f"{kind} {id_} {name}"
            for kind, by_id in self.objects.items()
            for id_, facts in by_id.items()
            for name in contradicts(SHAPES[kind], facts)
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            kind: {id_: dict(facts) for id_, facts in by_id.items()} for kind, by_id in self.objects.items()
        }


NOTHING = Evidence()


def merged(one: Evidence, other: Evidence) -> Evidence:
    """Both together. Commutative, associative, idempotent."""
    objects: dict[str, dict[str, Mapping[str, Any]]] = {
        kind: dict(by_id) for kind, by_id in one.objects.items()
    }
    for kind, by_id in other.objects.items():
        mine = objects.setdefault(kind, {})
        for id_, facts in by_id.items():
            mine[id_] = merge(SHAPES[kind], mine.get(id_, {}), facts)
    return Evidence({kind: dict(sorted(by_id.items())) for kind, by_id in sorted(objects.items())})


def from_objects(*objects: StripeObject) -> Evidence:
    """What fetched objects prove, with all that is expanded inside them."""
    evidence = NOTHING
    for one in objects:
        for kind, id_, facts in _walk(one):
            evidence |= Evidence({kind: {id_: merge(SHAPES[kind], {}, facts)}})
    return evidence


def from_event(event: StripeObject) -> Evidence:
    """What a snapshot event proves: its object, and what only its type says."""
    subject = event.get("data", {}).get("object")
    if not isinstance(subject, Mapping):
        return NOTHING
    evidence = from_objects(subject)
    kind, id_ = KIND_OF_OBJECT.get(str(subject.get("object"))), subject.get("id")
    if event.get("type") == "checkout.session.async_payment_failed" and isinstance(id_, str):
        evidence |= Evidence({"session": {id_: {"async_failed": True}}})
    if event.get("type") == "checkout.session.expired" and kind == "session" and isinstance(id_, str):
        evidence |= Evidence(
            {"session": {id_: take(SHAPES["session"], {"expired_at": event.get("created")})}}
        )
    if event.get("type") == "payment_intent.payment_failed" and kind == "intent" and isinstance(id_, str):
        evidence |= Evidence({"intent": {id_: take(SHAPES["intent"], {"declined_at": event.get("created")})}})
    return evidence


def _walk(one: StripeObject) -> Iterator[tuple[str, str, dict[str, Any]]]:
    kind, id_ = KIND_OF_OBJECT.get(str(one.get("object"))), one.get("id")
    if kind is None or not isinstance(id_, str):
        return
    yield kind, id_, take(SHAPES[kind], _values(kind, one))
    for inner in (one.get("payment_intent"), one.get("latest_charge"), one.get("charge")):
        if isinstance(inner, Mapping):
            yield from _walk(inner)
    listed = one.get("refunds")
    if isinstance(listed, Mapping):
        for refund in listed.get("data") or ():
            yield from _walk(refund)


def _values(kind: str, one: StripeObject) -> dict[str, Any]:
    values = {
        **one,
        "payment_intent": _id(one.get("payment_intent")),
        "charge": _id(one.get("charge")),
    }
    if kind == "session":
        values["async_failed"] = _failed_as_a_whole(one)
    if kind == "intent":
        values["declined_at"] = _declined_at(one)
    if kind == "charge":
        card = _card(one)
        values |= {
            "brand": card.get("brand"),
            "last4": card.get("last4"),
            "capture_before": card.get("capture_before"),
        }
    if kind == "refund":
        values["ours"] = (one.get("metadata") or {}).get("refund")
    if kind == "dispute":
        values["due_by"] = (one.get("evidence_details") or {}).get("due_by")
    return values


def _failed_as_a_whole(session: StripeObject) -> bool:
    """Session and intent in one answer: complete, unpaid, and nothing under way any more."""
    intent = session.get("payment_intent")
    return (
        session.get("status") == "complete"
        and session.get("payment_status") == "unpaid"
        and isinstance(intent, Mapping)
        and intent.get("status") in {"requires_payment_method", "canceled"}
    )


def _declined_at(intent: StripeObject) -> Any:
    """When the last try was declined: events say it by their own time, a fetched intent by its failed charge."""
    charge = intent.get("latest_charge")
    return charge.get("created") if isinstance(charge, Mapping) and charge.get("status") == "failed" else None


def _card(charge: StripeObject) -> Mapping[str, Any]:
    details = charge.get("payment_method_details") or {}
    card = details.get("card") or {}
    return card if isinstance(card, Mapping) else {}


def _id(reference: Any) -> Any:
    """Stripe gives an id, or the object itself where it was expanded."""
    return reference.get("id") if isinstance(reference, Mapping) else reference
