"""Apply: what a stored event means is worked out and written down, and `handled_at` with it, in one transaction (F05)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import structlog

from holdfast.database.connection import Connection
from holdfast.errors import HoldfastError, NotFound, unforeseen
from holdfast.inbox import rules, store
from holdfast.payments.apply import Settled, apply
from holdfast.payments.find import find_attempt
from holdfast.payments.recover import rebuild_if_ours
from holdfast.payments.rules import Step
from holdfast.payments.settle import fetch, with_returns
from holdfast.stripe_gateway.evidence import NOTHING, Evidence, from_event, from_objects, merged
from holdfast.stripe_gateway.references import References, references
from holdfast.system import System
from holdfast.tasks.actions import open_task

log = structlog.get_logger()

Row = dict[str, Any]


async def handle_event(system: System, row: Row) -> str:
    """Handles one claimed event; says its outcome: applied, ignored, canary, not_ours, unknown_object (kept, and tried again),
    or error. Never raises for what it can put off: the row is the queue."""
    try:
        return await _handle(system, row)
    except HoldfastError as problem:
        return await _put_off(system, row, "error", problem.detail)
    except Exception as problem:
        log.exception("event_not_handled", event_id=row["event_id"], type=row["type"])
        return await _put_off(system, row, "error", unforeseen(problem))


async def replay(
    system: System, *, event_ids: list[str] | None = None, failed: bool = False, since: datetime | None = None
) -> list[str]:
    """Makes stored events due again, in any number: handling twice changes nothing. Says which. The signature was checked
    when they came in, and is not again (F53)."""
    now = system.clock.now()
    async with system.database.transaction() as conn:
        due = await store.make_due(conn, now, event_ids=event_ids, failed_only=failed, since=since)
    system.signals.tell("work:inbox")
    return due


async def _handle(system: System, row: Row) -> str:
    if row["type"] == rules.CANARY_TYPE:
        return await _mark(system, row, "canary")
    if row["type"] not in rules.NEEDED_TYPES:
        return await _mark(system, row, "ignored")
    if foreign := rules.not_ours(row["livemode"], row["account"], system.settings.livemode):
        return await _mark(system, row, foreign)
    event = json.loads(row["payload"])
    subject, evidence = await _subject(system, row, event)
    named = references(subject)
    now = system.clock.now()
    attempt_id = await system.database.read(lambda conn: find_attempt(conn, system.ids, now, named))
    if attempt_id is None and row["tries"] >= rules.REBUILD_AFTER_TRIES:
        attempt_id = await rebuild_if_ours(system, subject, named, "stripe")
    if attempt_id is None:
        return await _unknown_object(system, row, subject, named)
    if row["type"] == "charge.refunded":
        # The event says how much went back, not in which refunds (F46).
        evidence = await with_returns(system, evidence)
    return await _apply(system, row, attempt_id, evidence)


async def _subject(system: System, row: Row, event: Row) -> tuple[Row, Evidence]:
    """The object and what it proves: from the event itself when it carries one, else fetched (rule 2)."""
    if rules.is_thin(event) and row["object_id"]:
        subject = await fetch_object(system, row["object_id"])
        return subject, await with_returns(system, from_objects(subject))
    subject = event["data"]["object"]
    evidence = from_event(event)
    if evidence == NOTHING and row["object_id"]:
        subject = await fetch_object(system, row["object_id"])
        evidence = from_objects(subject)
    return subject, evidence


async def fetch_object(system: System, object_id: str) -> Row:
    """Any of the objects that Holdfast knows, by its id's prefix."""
    readers = {
        "cs": system.stripe.checkout_session,
        "pi": system.stripe.payment_intent,
        "ch": system.stripe.charge,
        "py": system.stripe.charge,
        "re": system.stripe.refund,
        "pyr": system.stripe.refund,
        "dp": system.stripe.dispute,
        "du": system.stripe.dispute,
    }
    reader = readers.get(object_id.split("_", 1)[0])
    if reader is None:
        raise NotFound("This is not an object that Holdfast looks up.")
    return await reader(object_id)


async def _apply(system: System, row: Row, attempt_id: str, evidence: Evidence) -> str:
    settled = await _apply_once(system, row, attempt_id, evidence)
    if settled.step is Step.ASK:
        fetched = merged(evidence, await fetch(system, attempt_id))
        settled = await _apply_once(system, row, attempt_id, fetched)
    system.signals.tell(*settled.subjects)
    return "applied"


async def _apply_once(system: System, row: Row, attempt_id: str, evidence: Evidence) -> Settled:
    async def work(conn: Connection) -> Settled:
        settled = await apply(system, conn, attempt_id, evidence, "webhook")
        if settled.step is not Step.ASK:
            await store.mark_handled(conn, row["event_id"], system.clock.now(), "applied", settled.order_id)
        return settled

    return await system.database.run(work)


async def _mark(system: System, row: Row, outcome: str) -> str:
    async with system.database.transaction() as conn:
        await store.mark_handled(conn, row["event_id"], system.clock.now(), outcome, None)
    return outcome


async def _unknown_object(system: System, row: Row, subject: Row, named: References) -> str:
    """No attempt of ours, and nothing to rebuild one from. It may be early (F08) or another system's (F58): kept and tried
    again; after a day it is set aside, and where money moved, a person is told."""
    now = system.clock.now()
    if now - row["received_at"] < rules.UNKNOWN_UNTIL:
        return await _put_off(system, row, "unknown_object", None)
    async with system.database.transaction() as conn:
        await store.mark_handled(conn, row["event_id"], now, "not_ours", None)
        if row["type"] in {"checkout.session.completed", "payment_intent.succeeded"}:
            await open_task(
                conn,
                system.ids,
                now,
                kind="unexplained_money",
                subject=named.payment_intent_id or str(row["object_id"]),
                sentence="Stripe took money that no order here explains: recover it, or leave it to the system it belongs to.",
                detail={"event": row["event_id"], "object": row["object_id"]},
            )
    return "not_ours"


async def _put_off(system: System, row: Row, outcome: str, error: str | None) -> str:
    at = rules.retry_at(system.clock.now(), row["tries"], unknown_object=outcome == "unknown_object")
    async with system.database.transaction() as conn:
        await store.put_off(conn, row["event_id"], at, outcome, error)
    return outcome
