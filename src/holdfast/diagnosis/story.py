"""An order's whole story, pure: rows and Stripe's objects come in; entries in the order of time, both sides of every payment,
and what is wrong come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from holdfast.clock import from_unix
from holdfast.messages.records import history
from holdfast.money import formatted

Row = dict[str, Any]
SIDES = ("ours", "stripe")


@dataclass(frozen=True)
class OurSide:
    """Every row that belongs to one order; `booking` is None when it is missing, which is itself a finding."""

    order: Row
    booking: Row | None = None
    lines: list[Row] = field(default_factory=list)
    claims: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    payments: list[Row] = field(default_factory=list)
    captures: list[Row] = field(default_factory=list)
    refunds: list[Row] = field(default_factory=list)
    disputes: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    message_tries: list[Row] = field(default_factory=list)
    message_statuses: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    opt_outs: list[Row] = field(default_factory=list)
    timeline: list[Row] = field(default_factory=list)
    tasks: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)

    @property
    def order_id(self) -> str:
        return str(self.order["order_id"])


@dataclass(frozen=True)
class StripeObject:
    """What Stripe answered about one attempt. `known` False: Stripe says that there is no such thing."""

    known: bool = True
    session: Row | None = None
    intent: Row | None = None
    refunds: list[Row] = field(default_factory=list)
    disputes: list[Row] = field(default_factory=list)

    @property
    def charge(self) -> Row | None:
        charge = (self.intent or {}).get("latest_charge")
        return charge if isinstance(charge, dict) else None

    @property
    def is_paid(self) -> bool:
        """Only what Stripe itself calls paid; a session that completed without money yet is not (F18)."""
        if self.session is not None:
            return self.session.get("status") == "complete" and self.session.get("payment_status") != "unpaid"
        return (self.intent or {}).get("status") == "succeeded"

    @property
    def is_authorised(self) -> bool:
        """The bank holds the money for us, and we have neither taken it nor let it go."""
        return (self.intent or {}).get("status") == "requires_capture"

    @property
    def is_open(self) -> bool:
        return (self.session or {}).get("status") == "open"

    @property
    def amount(self) -> int | None:
        if self.session is not None:
            return self.session.get("amount_total")
        return (
            (self.intent or {}).get("amount_received") if self.is_paid else (self.intent or {}).get("amount")
        )

    @property
    def refunded(self) -> int:
        return sum(
            refund["amount"]
            for refund in self.refunds
            if refund.get("status") in ("pending", "succeeded", "requires_action")
        )


# By attempt id. An attempt that is not in it was not asked about.
StripeSide = dict[str, StripeObject]


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `side` says whose books it is from."""

    at: datetime
    side: str
    who: str
    what: str


@dataclass(frozen=True)
class Comparison:
    """One attempt in our books and in Stripe's, in words."""

    attempt_id: str
    stripe_id: str | None
    ours: str
    stripe: str
    agree: bool | None  # None: Stripe was not asked, or did not answer


def entries_of(ours: OurSide, stripe: StripeSide) -> list[Entry]:
    """Everything that happened, in the order in which it happened; ours before Stripe's within one instant."""
    found = [*_our_entries(ours), *(entry for known in stripe.values() for entry in _stripe_entries(known))]
    return sorted(found, key=lambda entry: (entry.at, SIDES.index(entry.side)))


def _our_entries(ours: OurSide) -> Iterator[Entry]:
    def money(row: Row) -> str:
        return formatted(row["amount"], row["currency"], ours.order.get("locale") or "en_GB")

    for row in ours.timeline:
        detail = ", ".join(f"{name} {value}" for name, value in row["detail"].items() if value is not None)
        yield Entry(row["at"], "ours", row["actor"], f"{row['what']}{f' ({detail})' if detail else ''}")
    for row in ours.attempts:
        yield Entry(row["created_at"], "ours", "us", f"attempt {row['attempt_id']} of {money(row)} planned")
        if row["closed_at"]:
            yield Entry(row["closed_at"], "ours", "us", f"attempt {row['attempt_id']} is {row['status']}")
    for row in ours.events:
        again = f", {row['duplicates']} times more" if row["duplicates"] else ""
        yield Entry(
            row["received_at"], "ours", "stripe", f"webhook {row['type']} ({row['event_id']}) received{again}"
        )
        if row["handled_at"]:
            yield Entry(
                row["handled_at"], "ours", "us", f"webhook {row['event_id']} handled: {row['outcome']}"
            )
    for row in ours.payments:
        card = f", {row['card_brand']} …{row['card_last4']}" if row["card_last4"] else ""
        purpose = "" if row["purpose"] == "order" else ", one too many"
        yield Entry(
            row["recorded_at"],
            "ours",
            row["found_by"],
            f"payment {row['payment_intent_id']} of {money(row)} recorded{card}{purpose}",
        )
    for row in ours.captures:
        decided = f"{row['action']} of the authorised {money(row)}"
        yield Entry(row["created_at"], "ours", row["actor"], f"{decided} owed ({row['reason']})")
        if row["settled_at"]:
            end = f"{decided} {row['status']} {row['failure'] or ''}".rstrip()
            yield Entry(row["settled_at"], "ours", "us", end)
    for row in ours.refunds:
        yield Entry(row["created_at"], "ours", row["actor"], f"refund of {money(row)} owed ({row['reason']})")
        if row["settled_at"]:
            yield Entry(
                row["settled_at"],
                "ours",
                "us",
                f"refund of {money(row)} {row['status']} {row['failure'] or ''}".rstrip(),
            )
    yield from _our_words(ours)


def _our_words(ours: OurSide) -> Iterator[Entry]:
    yield from entries_of_messages(ours.messages, ours.message_statuses, ours.message_tries)
    yield from entries_of_answers(ours.answers, ours.opt_outs)
    for row in ours.disputes:
        yield Entry(row["opened_at"], "ours", "stripe", f"dispute {row['dispute_id']} ({row['reason']})")
    for row in ours.tasks:
        yield Entry(row["created_at"], "ours", "us", f"task for a person: {row['sentence']}")
        if row["done_at"]:
            yield Entry(row["done_at"], "ours", row["done_by"] or "somebody", f"task done: {row['kind']}")


def entries_of_messages(messages: list[Row], statuses: list[Row], tries: list[Row]) -> Iterator[Entry]:
    """Every status that each message has had, and every try, at its time."""
    for row in messages:
        own_statuses = [one for one in statuses if one["message_id"] == row["message_id"]]
        own_tries = [one for one in tries if one["message_id"] == row["message_id"]]
        named = f"{row['channel']} {row['kind']} to {row['recipient'] or 'nobody'}"
        for entry in history(row, own_statuses, own_tries):
            detail = f" ({entry['detail']})" if entry["detail"] else ""
            handle = f" {row['provider_id']}" if entry["status"] == "sent" and row.get("provider_id") else ""
            yield Entry(entry["at"], "ours", entry["source"], f"{named}: {entry['status']}{handle}{detail}")


def entries_of_answers(answers: list[Row], opt_outs: list[Row]) -> Iterator[Entry]:
    """What came by SMS, who read it, and since when nothing may be sent."""
    for row in answers:
        yield Entry(row["received_at"], "ours", row["sender"], f"answered by SMS: {row['body']}")
        if row["read_at"]:
            yield Entry(row["read_at"], "ours", row["read_by"] or "somebody", "read the answer")
    for row in opt_outs:
        yield Entry(row["at"], "ours", row["phone"], f"wants no more SMS ({row['cause']})")
        if row["lifted_at"]:
            yield Entry(row["lifted_at"], "ours", row["phone"], "wants SMS again")


def _stripe_entries(known: StripeObject) -> Iterator[Entry]:
    if known.session and known.session.get("created"):
        yield Entry(
            from_unix(known.session["created"]), "stripe", "us", f"session {known.session['id']} made"
        )
    charge = known.charge
    if charge and charge.get("created"):
        # Stripe calls a charge paid that is only authorised; it names captured what was made in two steps, too.
        done = "paid" if charge.get("captured", True) else "authorised"
        failure = charge.get("failure_message") or charge.get("failure_code")
        outcome = done if charge.get("paid") else f"failed: {failure}"
        yield Entry(from_unix(charge["created"]), "stripe", "customer", f"charge {charge['id']} {outcome}")
    for refund in known.refunds:
        sum_of = formatted(refund["amount"], refund["currency"].upper())
        yield Entry(
            from_unix(refund["created"]),
            "stripe",
            "us",
            f"refund {refund['id']} of {sum_of}: {refund['status']}",
        )
    for dispute in known.disputes:
        yield Entry(
            from_unix(dispute["created"]),
            "stripe",
            "customer's bank",
            f"dispute {dispute['id']}: {dispute['status']}",
        )


def comparisons_of(ours: OurSide, stripe: StripeSide) -> list[Comparison]:
    return [_comparison(attempt, ours, stripe.get(attempt["attempt_id"])) for attempt in ours.attempts]


def _comparison(attempt: Row, ours: OurSide, known: StripeObject | None) -> Comparison:
    paid_here = any(payment["attempt_id"] == attempt["attempt_id"] for payment in ours.payments)
    our_words = f"{attempt['status']}, {formatted(attempt['amount'], attempt['currency'])}, {'paid' if paid_here else 'not paid'}"
    stripe_id = attempt["session_id"] or attempt["payment_intent_id"]
    if known is None:
        return Comparison(attempt["attempt_id"], stripe_id, our_words, "not asked", None)
    return Comparison(
        attempt["attempt_id"],
        stripe_id,
        our_words,
        in_words(known),
        known.known and known.is_paid == paid_here,
    )


def in_words(known: StripeObject) -> str:
    """Stripe's side of one attempt, as one reads it."""
    if not known.known:
        return "does not know it"
    currency = ((known.session or known.intent or {}).get("currency") or "").upper()
    parts = [str((known.session or known.intent or {}).get("status"))]
    if known.amount is not None and currency:
        parts.append(formatted(known.amount, currency))
    parts.append("paid" if known.is_paid else "not paid")
    if known.refunded:
        parts.append(f"{formatted(known.refunded, currency)} refunded")
    parts += [f"dispute {dispute['status']}" for dispute in known.disputes]
    return ", ".join(parts)
