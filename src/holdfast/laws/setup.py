"""What has to be right around the database before money is taken: settings, schema, Stripe, its webhook
endpoint, the mail server.

Each check is one sentence, green or red, with what to do next. Nothing here changes anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from holdfast.database.connection import SCHEMA_VERSION
from holdfast.errors import HoldfastError
from holdfast.inbox.rules import CANARY_TYPE, NEEDED_TYPES
from holdfast.messages.senders.smtp import parse_smtp_url
from holdfast.settings import missing_for_production
from holdfast.stripe_gateway.client import sdk_api_version
from holdfast.system import System

WEBHOOK_PATHS = ("/api/webhooks/stripe", "/api/stripe/webhook")
MOST_ENDPOINTS = 16  # Stripe's limit per account and mode (docs.stripe.com/webhooks)
ENDPOINTS_TO_SPARE = 2
SMTP_TIMEOUT_S = 5.0
HOSTS_OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class State(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # it could not be found out: never read as right (rule 7)


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report. `next_step` is empty when there is nothing to do."""

    name: str
    state: State
    sentence: str
    next_step: str = ""


async def setup_checks(system: System) -> list[Check]:
    """All of them; two requests to Stripe and one connection to the mail server."""
    return [
        *settings_checks(system),
        await schema_check(system),
        *await stripe_checks(system),
        await events_check(system),
        await smtp_check(system),
    ]


def settings_checks(system: System) -> list[Check]:
    missing = [
        Check("settings", State.WRONG, sentence, "Set it and start again.")
        for sentence in missing_for_production(system.settings)
    ]
    address = urlsplit(system.settings.public_url)
    if system.settings.livemode and (address.scheme != "https" or address.hostname in HOSTS_OF_THIS_MACHINE):
        sentence = (
            f"PUBLIC_URL is {system.settings.public_url}, and the key takes real money:"
            " guests and Stripe must reach it over https."
        )
        missing.append(
            Check("settings", State.WRONG, sentence, "Set PUBLIC_URL to the https address that guests see.")
        )
    return missing or [Check("settings", State.OK, "Everything that is needed to take money is set.")]


async def schema_check(system: System) -> Check:
    async with system.database.transaction() as conn:
        row = await (await conn.execute("SELECT max(version) AS version FROM schema_versions")).fetchone()
    version = row["version"] if row else None
    if version == SCHEMA_VERSION:
        return Check("schema", State.OK, f"The database has schema {version}, as this code needs.")
    step = (
        "Run `holdfast migrate`."
        if (version or 0) < SCHEMA_VERSION
        else "Deploy the release that belongs to the schema."
    )
    return Check(
        "schema",
        State.WRONG,
        f"The database has schema {version}, and this code needs {SCHEMA_VERSION}.",
        step,
    )


async def stripe_checks(system: System) -> list[Check]:
    """Whether the key works, and the audit of the webhook endpoint."""
    mode = "live" if system.settings.livemode else "test"
    try:
        account = await system.stripe.account()
    except HoldfastError as problem:
        return [
            Check(
                "stripe_key",
                _unless_settings(problem),
                problem.detail,
                "Check STRIPE_SECRET_KEY and the way out to Stripe.",
            )
        ]
    answers = Check(
        "stripe_key", State.OK, f"Stripe answers, in {mode} mode, for account {account.get('id', 'unknown')}."
    )
    try:
        endpoints = await system.stripe.webhook_endpoints()
    except HoldfastError as problem:
        step = "Give the key the right to read webhook endpoints, or look at them in Stripe's dashboard."
        return [answers, Check("webhook_endpoint", State.UNKNOWN, problem.detail, step)]
    return [
        answers,
        *audit_endpoints(endpoints, system.settings.public_url, system.instance_id, system.settings.livemode),
    ]


def _unless_settings(problem: HoldfastError) -> State:
    return State.WRONG if problem.code == "settings_wrong" else State.UNKNOWN


def audit_endpoints(
    endpoints: list[dict[str, Any]], public_url: str, instance_id: str, livemode: bool
) -> list[Check]:
    """Rule 14, F02, F55-F60: exactly one endpoint is ours, enabled, in the SDK's version, with every type that is
    needed. Pure."""
    wanted = {_normal(public_url + path) for path in WEBHOOK_PATHS}
    ours = [one for one in endpoints if _normal(str(one.get("url"))) in wanted]
    checks = [*_strays(endpoints, wanted, instance_id), *_room(endpoints)]
    if not ours:
        types = ", ".join(NEEDED_TYPES)
        step = (
            f"Make one for {public_url}{WEBHOOK_PATHS[0]} in Stripe's dashboard, with these events: {types}."
        )
        return [
            Check("webhook_endpoint", State.WRONG, "No webhook endpoint at Stripe has our address.", step),
            *checks,
        ]
    if len(ours) > 1:
        names = ", ".join(str(one.get("id")) for one in ours)
        sentence = f"{len(ours)} endpoints have our address ({names}): every event comes more than once."
        checks.append(
            Check("webhook_endpoint", State.WRONG, sentence, "Delete all but one in Stripe's dashboard.")
        )
    for one in ours:
        checks.extend(_faults(one, livemode))
    return checks or [
        Check(
            "webhook_endpoint",
            State.OK,
            f"Stripe's endpoint {ours[0].get('id')} is ours, enabled and complete.",
        )
    ]


def _faults(endpoint: dict[str, Any], livemode: bool) -> Iterable[Check]:
    name, enabled = endpoint.get("id"), set(endpoint.get("enabled_events") or [])
    if endpoint.get("status") != "enabled":
        step = "Enable it, then send what was missed again from Stripe's dashboard; open attempts are asked about meanwhile."
        yield Check(
            "webhook_endpoint",
            State.WRONG,
            f"Endpoint {name} is {endpoint.get('status')}: Stripe tells us nothing.",
            step,
        )
    missing = [] if "*" in enabled else sorted(set(NEEDED_TYPES) - enabled)
    if missing:
        step = f"Add them to endpoint {name} in Stripe's dashboard."
        yield Check(
            "webhook_endpoint", State.WRONG, f"Endpoint {name} does not send {', '.join(missing)}.", step
        )
    version = endpoint.get("api_version")
    if version != sdk_api_version():
        theirs = version or "of the account"
        sentence = f"Endpoint {name} writes API version {theirs}, and this code reads {sdk_api_version()}."
        step = "Make a second one in our version beside it (events may come twice), then delete this one."
        yield Check("webhook_endpoint", State.WRONG, sentence, step)
    if endpoint.get("livemode") is not None and bool(endpoint["livemode"]) != livemode:
        yield Check(
            "webhook_endpoint",
            State.WRONG,
            f"Endpoint {name} is of the other mode than the key.",
            "Use the key of the same mode.",
        )


def _strays(endpoints: list[dict[str, Any]], wanted: set[str], instance_id: str) -> Iterable[Check]:
    """Ours by its mark or by its path, but with another address: an old host that answers for us (F02)."""
    for one in endpoints:
        url = str(one.get("url"))
        marked = (one.get("metadata") or {}).get("app_instance") == instance_id
        if marked and _normal(url) not in wanted:
            sentence = (
                f"Endpoint {one.get('id')} carries our mark and points at {url}, which is not our address."
            )
            step = "Point it at our address or delete it; meanwhile its events are lost to us."
            yield Check("webhook_endpoint", State.WRONG, sentence, step)


def _room(endpoints: list[dict[str, Any]]) -> Iterable[Check]:
    if len(endpoints) > MOST_ENDPOINTS - ENDPOINTS_TO_SPARE:
        sentence = f"The account has {len(endpoints)} webhook endpoints of at most {MOST_ENDPOINTS}."
        yield Check("webhook_endpoints_left", State.WRONG, sentence, "Delete those that nobody needs.")


def _normal(url: str) -> str:
    """Addresses that Stripe would deliver to the same place are equal."""
    parts = urlsplit(url.strip())
    port = "" if parts.port in {None, {"https": 443, "http": 80}.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}{parts.path.rstrip('/')}"


async def events_check(system: System) -> Check:
    """F59: events of the other mode mean that keys and endpoint are of two worlds."""
    async with system.database.transaction() as conn:
        row = await (
            await conn.execute(
                """SELECT count(*) AS events, count(*) FILTER (WHERE livemode <> %s) AS other FROM webhook_events
                    WHERE received_at > %s - interval '7 days' AND type <> %s""",
                (system.settings.livemode, system.clock.now(), CANARY_TYPE),
            )
        ).fetchone()
    assert row is not None  # an aggregate always answers
    if row["other"]:
        sentence = f"{row['other']} of {row['events']} events of the last week are of the other mode than STRIPE_SECRET_KEY."
        return Check(
            "event_mode",
            State.WRONG,
            sentence,
            "Use keys and webhook secret of one mode, and another database for the other.",
        )
    return Check(
        "event_mode", State.OK, f"The {row['events']} events of the last week are of the key's mode."
    )


async def smtp_check(system: System) -> Check:
    """Connects and waits for the greeting; nothing is sent."""
    if not system.settings.smtp_url:
        return Check(
            "mail", State.WRONG, "SMTP_URL is not set: no e-mail can leave.", "Set SMTP_URL and MAIL_FROM."
        )
    server = parse_smtp_url(system.settings.smtp_url)
    try:
        async with asyncio.timeout(SMTP_TIMEOUT_S):
            greeting = await _greeting(server.host, server.port, server.tls_from_start)
    except (OSError, TimeoutError) as problem:
        sentence = (
            f"The mail server {server.host}:{server.port} cannot be reached ({type(problem).__name__})."
        )
        return Check(
            "mail",
            State.WRONG,
            sentence,
            "Check SMTP_URL and the way out to it; messages wait in the outbox.",
        )
    if not greeting.startswith(b"220"):
        return Check(
            "mail",
            State.WRONG,
            f"What answers at {server.host}:{server.port} is no mail server.",
            "Check SMTP_URL.",
        )
    return Check("mail", State.OK, f"The mail server {server.host}:{server.port} answers.")


async def _greeting(host: str, port: int, tls: bool) -> bytes:
    reader, writer = await asyncio.open_connection(host, port, ssl=tls or None)
    try:
        line = await reader.readline()
        writer.write(b"QUIT\r\n")
        await writer.drain()
        return line
    finally:
        writer.close()
