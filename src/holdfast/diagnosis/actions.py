"""The diagnosis: the rows of every table, what Stripe says of the same payments, what is wrong, and what to do.

It only reads, here and at Stripe. That Stripe cannot be reached is said and does not hide our side (rule 7).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from holdfast.database.connection import Connection
from holdfast.diagnosis import store
from holdfast.diagnosis.finding import Finding
from holdfast.diagnosis.findings import findings_of
from holdfast.diagnosis.message_findings import findings_of_answers, findings_of_messages
from holdfast.diagnosis.story import (
    Comparison,
    Entry,
    OurSide,
    StripeObject,
    StripeSide,
    comparisons_of,
    entries_of,
    entries_of_answers,
    entries_of_messages,
    in_words,
)
from holdfast.diagnosis.what import AT_STRIPE, understood
from holdfast.errors import (
    HoldfastError,
    NotFound,
    SettingsWrong,
    StripeRefused,
    StripeUnavailable,
    ValidationFailed,
)
from holdfast.system import System

Kind = Literal["order", "booking", "customer", "payment"]
MOST_ASKED = 10  # attempts that Stripe is asked about in one diagnosis: up to three reads each
OF_SOMEBODY = frozenset({"customer", "email", "phone"})
NOT_ANSWERED = (StripeUnavailable, StripeRefused, SettingsWrong)


@dataclass(frozen=True)
class Story:
    """One order's."""

    ours: OurSide
    comparisons: list[Comparison]
    entries: list[Entry]
    findings: list[Finding]


@dataclass(frozen=True)
class Diagnosis:
    kind: Kind
    what: str
    stories: list[Story]
    findings: list[Finding]  # of all stories, and of what belongs to none
    more: bool = False  # there are more orders than these
    stripe_problem: str | None = None  # why Stripe's side is missing
    loose: dict[str, Any] = field(default_factory=dict)  # what was found that belongs to no order of ours
    entries: list[Entry] = field(default_factory=list)  # what was said and answered that belongs to none

    @property
    def is_wrong(self) -> bool:
        return bool(self.findings)

    @property
    def next_command(self) -> str | None:
        """The one that is safe to run next: the gravest finding's that has one."""
        return next((finding.command for finding in self.findings if finding.command), None)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind,
            "what": self.what,
            "healthy": not self.is_wrong,
            "findings": self.findings,
            "next_command": self.next_command,
            "stripe": {"answered": self.stripe_problem is None, "problem": self.stripe_problem},
            "more": self.more,
            "loose": self.loose,
            "entries": self.entries,
            "orders": [_story_document(story) for story in self.stories],
        }


async def diagnose(system: System, kind: Kind, what: str, tenant_id: int | None = None) -> Diagnosis:
    """Raises ValidationFailed when `what` can be nothing that we know, NotFound when neither we nor Stripe know it."""
    by, written = understood(what, system.settings.default_region)
    order_ids, more = await _orders_meant(system, kind, by, written, tenant_id)
    if by == "phone" and not order_ids:
        written, order_ids, more = await _by_other_regions(system, kind, what, written, tenant_id)
    words = await _loose_words(system, kind, by, written, order_ids, tenant_id)
    if not order_ids:
        return words or await _without_order(system, kind, by, written)
    sides = await _our_sides(system, order_ids)
    stripe, problem = await _stripe_side(system, sides)
    now = system.clock.now()
    stories = [_story(ours, stripe, now) for ours in sides]
    findings = [finding for story in stories for finding in story.findings]
    if words is None:
        return Diagnosis(kind, written, stories, findings, more, problem)
    findings += words.findings
    return Diagnosis(kind, written, stories, findings, more, problem, words.loose, words.entries)


async def _orders_meant(
    system: System, kind: Kind, by: str, what: str, tenant_id: int | None
) -> tuple[list[str], bool]:
    async def work(conn: Connection) -> list[str]:
        found = await store.orders_by(conn, by, what, tenant_id)
        return await store.orders_of_same_customers(conn, found) if kind == "customer" and found else found

    found = await system.database.read(work)
    return found[: store.MOST_ORDERS], len(found) > store.MOST_ORDERS


async def _by_other_regions(
    system: System, kind: Kind, typed: str, written: str, tenant_id: int | None
) -> tuple[str, list[str], bool]:
    """A number without a country code may be a tenant's own way of writing it."""
    for region in await system.database.read(lambda conn: store.regions(conn, tenant_id)):
        try:
            _, number = understood(typed, region)
        except ValidationFailed:
            continue
        found, more = await _orders_meant(system, kind, "phone", number, tenant_id)
        if found:
            return number, found, more
    return written, [], False


async def _loose_words(
    system: System, kind: Kind, by: str, what: str, order_ids: list[str], tenant_id: int | None
) -> Diagnosis | None:
    """What was said to somebody, and answered, without a booking: an SMS written by hand, an early answer."""
    of_somebody = by in OF_SOMEBODY and (kind == "customer" or not order_ids)
    if not of_somebody and by != "message":
        return None

    async def work(conn: Connection) -> tuple[dict[str, list[store.Row]], list[store.Row], list[store.Row]]:
        tables = {
            table: await store.loose_rows(conn, table, what, order_ids, tenant_id) for table in store.LOOSE
        }
        ids = [row["message_id"] for row in tables["messages"]]
        return tables, *await store.rows_of_messages(conn, ids)

    tables, statuses, tries = await system.database.read(work)
    if not any(tables.values()):
        return None
    messages, answers = tables["messages"], tables["answers"]
    opt_outs = [] if order_ids else tables["opt_outs"]  # an order's own story tells of it
    entries = [
        *entries_of_messages(messages, statuses, tries),
        *entries_of_answers(answers, opt_outs),
    ]
    findings = [*findings_of_messages(messages, system.clock.now()), *findings_of_answers(answers)]
    loose = {name: rows for name, rows in tables.items() if rows}
    return Diagnosis(kind, what, [], findings, loose=loose, entries=sorted(entries, key=lambda one: one.at))


async def _our_sides(system: System, order_ids: list[str]) -> list[OurSide]:
    async def work(conn: Connection) -> dict[str, list[store.Row]]:
        return {table: await store.rows_of(conn, table, order_ids) for table in store.TABLES}

    tables = await system.database.read(work)
    return [_our_side(order_id, tables) for order_id in order_ids]


def _our_side(order_id: str, tables: dict[str, list[store.Row]]) -> OurSide:
    of_order = {table: [row for row in rows if row["order_id"] == order_id] for table, rows in tables.items()}
    orders, bookings = of_order.pop("orders"), of_order.pop("bookings")
    return OurSide(order=orders[0], booking=bookings[0] if bookings else None, **of_order)


async def _stripe_side(system: System, sides: list[OurSide]) -> tuple[StripeSide, str | None]:
    """Asked one after the other, and no more once Stripe has not answered."""
    attempts = [
        attempt
        for ours in sides
        for attempt in ours.attempts
        if attempt["session_id"] or attempt["payment_intent_id"]
    ]
    found: StripeSide = {}
    for attempt in attempts[:MOST_ASKED]:
        try:
            found[attempt["attempt_id"]] = await ask_stripe(
                system, attempt["session_id"], attempt["payment_intent_id"]
            )
        except NOT_ANSWERED as away:
            return found, away.detail
    left_out = len(attempts) - MOST_ASKED
    return found, f"Stripe was not asked about {left_out} more payments." if left_out > 0 else None


async def ask_stripe(system: System, session_id: str | None, intent_id: str | None) -> StripeObject:
    """One payment as Stripe has it now. Raises StripeUnavailable and its like; not knowing it is an answer."""
    session, intent = None, None
    try:
        if session_id:
            session = await system.stripe.checkout_session(session_id)
            intent = session.get("payment_intent")
        elif intent_id:
            intent = await system.stripe.payment_intent(intent_id)
    except NotFound:
        return StripeObject(known=False)
    if not isinstance(intent, dict):
        return StripeObject(session=session)
    refunds, disputes = [], []
    charge = intent.get("latest_charge")
    if isinstance(charge, dict) and (charge.get("amount_refunded") or charge.get("refunded")):
        refunds = await system.stripe.refunds_of(intent["id"])
    if isinstance(charge, dict) and charge.get("disputed"):
        disputes = await system.stripe.disputes_of(intent["id"])
    return StripeObject(session=session, intent=intent, refunds=refunds, disputes=disputes)


async def _without_order(system: System, kind: Kind, by: str, what: str) -> Diagnosis:
    """Nothing of ours belongs to it: an event that we ignored, or a payment that only Stripe knows."""
    if by == "event":
        event = await system.database.read(lambda conn: store.event_row(conn, what))
        if event is not None:
            late = (
                []
                if event["handled_at"]
                else [
                    Finding(
                        "event_waits", f"Webhook {event['type']} is not handled.", f"holdfast replay {what}"
                    )
                ]
            )
            return Diagnosis(kind, what, [], late, loose={"event": event})
    if by not in AT_STRIPE:
        raise NotFound(f"Nothing is known of {what}.")
    try:
        session_id, intent_id = await _session_or_intent(system, by, what)
        known = await ask_stripe(system, session_id, intent_id)
    except NotFound:
        known, session_id, intent_id = StripeObject(known=False), None, None
    except NOT_ANSWERED as away:
        raise _unknown(what, away) from away
    if not known.known:
        raise NotFound(f"Neither we nor Stripe know {what}.")
    return Diagnosis(
        kind, what, [], _unexplained(known, session_id or intent_id), loose={"stripe": in_words(known)}
    )


def _unexplained(known: StripeObject, handle: str | None) -> list[Finding]:
    words = f"Stripe has this payment ({in_words(known)}) and we have no order for it."
    money = known.is_paid or known.is_authorised
    return [Finding("unexplained_money", words, f"holdfast recover {handle}")] if money else []


async def _session_or_intent(system: System, by: str, what: str) -> tuple[str | None, str | None]:
    if by == "session":
        return what, None
    if by == "intent":
        return None, what
    intent = (await system.stripe.charge(what)).get("payment_intent")
    return None, intent["id"] if isinstance(intent, dict) else intent


def _unknown(what: str, away: HoldfastError) -> HoldfastError:
    """Not finding it here while Stripe does not answer proves nothing (rule 7)."""
    return StripeUnavailable(f"We have nothing of {what}, and Stripe could not be asked: {away.detail}")


def _story(ours: OurSide, stripe: StripeSide, now: datetime) -> Story:
    mine = {
        attempt["attempt_id"]: stripe[attempt["attempt_id"]]
        for attempt in ours.attempts
        if attempt["attempt_id"] in stripe
    }
    return Story(ours, comparisons_of(ours, mine), entries_of(ours, mine), findings_of(ours, mine, now))


def _story_document(story: Story) -> dict[str, Any]:
    ours = asdict(story.ours)
    return {
        "order_id": story.ours.order_id,
        "booking_id": story.ours.booking["booking_id"] if story.ours.booking else None,
        "reference": story.ours.booking["reference"] if story.ours.booking else None,
        "status": story.ours.order["status"],
        "amount": story.ours.order["amount"],
        "currency": story.ours.order["currency"],
        "findings": story.findings,
        "comparisons": story.comparisons,
        "entries": story.entries,
        "ours": ours,
    }
