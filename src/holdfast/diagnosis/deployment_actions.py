"""The facts of a deployment, from inside: what the database knows of its processes, and what Stripe says of its endpoint.

It only reads.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg

from holdfast import __version__
from holdfast.clock import rfc3339
from holdfast.database.connection import SCHEMA_VERSION, Connection
from holdfast.diagnosis import deployment_store as store
from holdfast.diagnosis.deployment_rules import Facts, State, judged, line_of
from holdfast.errors import HoldfastError
from holdfast.laws.setup import audit_endpoints
from holdfast.messages.api import INCOMING_PATH
from holdfast.messages.senders.sms import SmsError
from holdfast.messages.texts import CALLBACK_PATH
from holdfast.system import System
from holdfast.version import running_commit

RELEASES_SHOWN = 20
REFUSED_SHOWN_FOR = timedelta(days=7)
SMS_OF = timedelta(days=7)
RECEIPT_WITHIN = timedelta(hours=1)


async def deployment_facts(system: System, *, canary: str | None = None, audit: bool = True) -> Facts:
    """As JSON. `canary`: the event to tell of, else the last that came. `audit`: ask Stripe for its endpoints, and
    the SMS provider for its number, too (one request each). Raises DatabaseUnavailable; that one does not answer is a line."""
    now = system.clock.now()

    async def read(conn: Connection) -> Facts:
        return {
            "schema": await store.schema(conn),
            "processes": await store.processes(conn, now),
            "last_seen": await store.last_seen(conn),
            "refused_starts": await store.refused_starts(conn, now - REFUSED_SHOWN_FOR),
            "releases": await store.releases(conn, RELEASES_SHOWN),
            "canary": await store.canary(conn, canary),
            "sms": await _sms(system, conn, now),
        }

    found = await system.database.read(read)
    facts: Facts = {
        "checked_at": rfc3339(now),
        "public_url": system.settings.public_url,
        "livemode": system.settings.livemode,
        "instance_id": system.instance_id,
        "code": {
            "version": __version__,
            "commit": running_commit(system.settings),
            "schema": SCHEMA_VERSION,
        },
        "stripe": await _endpoint(system) if audit else [],
        **_plain(found),
    }
    facts["sms"] |= await _answers(system) if audit else {}
    lines = judged(facts)
    facts["lines"] = [line.as_json() for line in lines]
    facts["ok"] = not any(line.state in (State.WRONG, State.UNKNOWN) for line in lines)
    return facts


async def facts_in_database(
    system: System, versions: list[dict[str, Any]], canary: str | None, audit: bool
) -> tuple[Facts | None, str]:
    """The facts, when this database is the one that an address uses: one of its web processes is one of those that answered
    /version with `versions`. None without a reason: it is another database, or one that cannot be read."""
    try:
        facts = await deployment_facts(system, canary=canary, audit=audit)
    except (HoldfastError, psycopg.Error):
        return None, ""
    answered = {str(one["started_at"]) for one in versions}
    known = {one["started_at"] for one in facts["processes"] if one["role"] == "web"}
    return (facts, "") if answered & known else (None, "")


async def _endpoint(system: System) -> list[dict[str, str]]:
    try:
        endpoints = await system.stripe.webhook_endpoints()
    except HoldfastError as problem:
        step = (
            "Check STRIPE_SECRET_KEY there, its right to read webhook endpoints, and the way out to Stripe."
        )
        state = State.WRONG if problem.code == "settings_wrong" else State.UNKNOWN
        return [
            {
                "name": "webhook_endpoint",
                "state": state,
                "sentence": f"Stripe's endpoints could not be read: {problem.detail}",
                "next_step": step,
            }
        ]
    settings = system.settings
    checks = audit_endpoints(endpoints, settings.public_url, system.instance_id, settings.livemode)
    return [line_of(check).as_json() for check in checks]


async def _sms(system: System, conn: Connection, now: datetime) -> Facts:
    """`unheard_of`: how many SMS the provider took more than an hour ago, when not one of the week was ever reported on."""
    seen = await store.sms_of_the_last_days(conn, now - SMS_OF, now - RECEIPT_WITHIN)
    return {
        "configured": not system.sms.missing,
        "callback_url": f"{system.settings.public_url}{CALLBACK_PATH}",
        "answers_url": f"{system.settings.public_url}{INCOMING_PATH}",
        "last_sent_at": seen["last_sent_at"],
        "last_receipt_at": seen["last_receipt_at"],
        "unheard_of": seen["sent"] if seen["sent"] and not seen["reported"] else 0,
    }


async def _answers(system: System) -> Facts:
    """Where the provider sends what people answer; one request to it."""
    if system.sms.missing:
        return {}
    if not system.sms.takes_answers:
        return {"answers_unasked": True}
    try:
        async with system.sms.batch() as provider:
            return {"answers_go_to": await provider.answers_go_to()}
    except SmsError as problem:
        return {"answers_problem": str(problem)}


def _plain(value: Any) -> Any:
    """Times as RFC 3339, all the way down."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
