"""`holdfast diagnose deployment URL`: is the code that should run running there, and does what Stripe and the SMS provider send
arrive and get handled?

It asks from outside first, then the installation itself: by a key over HTTP, or in its database where DATABASE_URL names the
one that the address uses. What it was given no means to ask is said and is neither green nor red.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.clock import Clock, SystemClock, monotonic, rfc3339
from holdfast.diagnosis.deployment_outside import (
    HANDLED_WITHIN_S,
    OpenHttp,
    Outside,
    canary_handled,
    checked_url,
    facts_of,
    http_to,
    look,
    outside_lines,
    send_canary,
    send_forged,
)
from holdfast.diagnosis.deployment_rules import (
    LEAST_OF_A_COMMIT,
    Facts,
    Line,
    State,
    address_line,
    judged,
    line_of,
    process_lines,
)
from holdfast.errors import HoldfastError, ValidationFailed
from holdfast.ids import Ids
from holdfast.laws.setup import audit_endpoints
from holdfast.settings import Settings
from holdfast.stripe_gateway.client import SdkGateway

PAUSE_S = 2.0
LONGEST_WAIT_S = 3600.0

# What is known of a deployment in a database: the facts, or None and why that database is none of the address'.
InDatabase = Callable[[list[dict[str, Any]], str | None, bool], Awaitable[tuple[Facts | None, str]]]


@dataclass(frozen=True)
class Asked:
    """`settings`: the local ones, of which STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET are used when they are set."""

    url: str
    settings: Settings
    expected: str | None = None
    wait_s: float = 0.0
    key: str | None = None
    in_database: InDatabase | None = None
    open_http: OpenHttp | None = None
    clock: Clock = field(default_factory=SystemClock)
    pause_s: float = PAUSE_S
    handled_within_s: float = HANDLED_WITHIN_S


@dataclass(frozen=True)
class Report:
    url: str
    expected: str | None
    checked_at: str
    waited_s: float
    versions: list[dict[str, Any]]
    facts: Facts | None
    lines: list[Line]

    @property
    def ok(self) -> bool:
        """What could not be found out is not right; what was not asked does not count."""
        return not any(line.state in (State.WRONG, State.UNKNOWN) for line in self.lines)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        inside = self.facts or {}
        return {
            "ok": self.ok,
            "url": self.url,
            "expected_commit": self.expected,
            "checked_at": self.checked_at,
            "waited_s": round(self.waited_s, 1),
            "versions": self.versions,
            "processes": inside.get("processes"),
            "schema": inside.get("schema"),
            "releases": inside.get("releases"),
            "lines": [line.as_json() for line in self.lines],
        }


@dataclass(frozen=True)
class _Seen:
    outside: Outside
    facts: Facts | None
    why_not: str  # no facts, though they were asked for; empty: nobody asked

    def lines(self, asked: Asked) -> list[Line]:
        """What a deployment is waited for."""
        lines = outside_lines(asked.url, self.outside, asked.expected)
        if self.facts is not None:
            lines += process_lines(self.facts, asked.expected)
        elif self.why_not and self.outside.problem is None:
            step = "See whether the new code was started there, and whether this asks the right installation."
            said = f"What runs there on which process is not known: {self.why_not}."
            lines.append(Line("processes", State.UNKNOWN, said, step))
        return lines


async def diagnose_deployment(asked: Asked) -> Report:
    """Raises ValidationFailed for an address or a commit that can be none, Unauthorized and Forbidden for a key that is refused
    there. Everything else is a line."""
    asked = _understood(asked)
    open_http = asked.open_http or http_to(asked.url)
    began = monotonic()
    seen = await _seen(asked, open_http)
    while any(line.state is not State.OK for line in seen.lines(asked)):
        left = asked.wait_s - (monotonic() - began)
        if left <= 0:
            break
        await asyncio.sleep(min(asked.pause_s, left))
        seen = await _seen(asked, open_http)
    waited = monotonic() - began
    lines = seen.lines(asked)
    if seen.outside.problem is None:
        lines = await _everything(asked, open_http, seen, lines)
    now = rfc3339(asked.clock.now())
    return Report(asked.url, asked.expected, now, waited, seen.outside.versions, seen.facts, lines)


def _understood(asked: Asked) -> Asked:
    expected = asked.expected.strip() if asked.expected is not None else None
    if expected is not None and (
        len(expected) < LEAST_OF_A_COMMIT or not expected.isprintable() or " " in expected
    ):
        raise ValidationFailed(
            f"--expect-commit needs a commit, or at least its first {LEAST_OF_A_COMMIT} letters."
        )
    if not 0 <= asked.wait_s <= LONGEST_WAIT_S:
        raise ValidationFailed(f"--wait must be from 0 to {LONGEST_WAIT_S:.0f} seconds.")
    return replace(asked, expected=expected, url=checked_url(asked.url))


async def _seen(asked: Asked, open_http: OpenHttp, *, audit: bool = False) -> _Seen:
    outside = await look(open_http)
    if outside.problem is not None:
        return _Seen(outside, None, "")
    facts, why_not = await _facts(asked, open_http, outside, None, audit)
    return _Seen(outside, facts, why_not)


async def _facts(
    asked: Asked, open_http: OpenHttp, outside: Outside, canary: str | None, audit: bool
) -> tuple[Facts | None, str]:
    if asked.key:
        return await facts_of(open_http, asked.key, canary=canary, audit=audit)
    if asked.in_database is not None:
        return await asked.in_database(outside.versions, canary, audit)
    return None, ""


async def _everything(asked: Asked, open_http: OpenHttp, seen: _Seen, lines: list[Line]) -> list[Line]:
    """Once the right code runs, or its time is over: settings, endpoints, canaries."""
    own_stripe = bool(asked.settings.stripe_secret_key)
    facts, _ = await _facts(asked, open_http, seen.outside, None, audit=True)
    if facts is not None:
        if own_stripe:  # asked from here below, for the address that was asked
            facts = {**facts, "stripe": []}
        running = {line.name for line in process_lines(facts, asked.expected)}
        rest = [line for line in judged(facts, asked.expected) if line.name not in running]
        lines = [*lines, *rest, address_line(asked.url, facts)]
    elif not seen.why_not:
        lines = [*lines, *_not_asked_inside()]
    if own_stripe:
        lines = [*lines, *await _stripe(asked, facts)]
    return [*lines, *await _canaries(asked, open_http, seen, facts)]


def _not_asked_inside() -> list[Line]:
    said = "Processes, the worker's code, settings and the SMS provider's callback were not asked."
    return [Line("inside", State.NOT_ASKED, said, "Give a key with the scope admin: --key, or HOLDFAST_KEY.")]


async def _stripe(asked: Asked, facts: Facts | None) -> list[Line]:
    """Stripe's own list of endpoints, with the local key, held against the address that was asked."""
    settings = asked.settings
    gateway = SdkGateway(settings.stripe_secret_key, settings.stripe_api_base)
    try:
        endpoints = await gateway.webhook_endpoints()
    except HoldfastError as problem:
        step = "Check STRIPE_SECRET_KEY, its right to read webhook endpoints, and the way out to Stripe."
        said = f"Stripe's endpoints could not be read: {problem.detail}"
        return [Line("webhook_endpoint", State.UNKNOWN, said, step)]
    finally:
        await gateway.close()
    instance = str(facts["instance_id"]) if facts else ""
    return [line_of(check) for check in audit_endpoints(endpoints, asked.url, instance, settings.livemode)]


async def _canaries(asked: Asked, open_http: OpenHttp, seen: _Seen, facts: Facts | None) -> list[Line]:
    ids, now = Ids(asked.clock), asked.clock.now()
    livemode = bool(facts["livemode"]) if facts else asked.settings.livemode
    forged = await send_forged(open_http, ids, now, livemode)
    if not asked.settings.stripe_webhook_secret:
        said = "No canary was sent: STRIPE_WEBHOOK_SECRET is not set here."
        return [forged, Line("canary", State.NOT_ASKED, said, "Set it to that of the installation.")]
    event_id, line = await send_canary(open_http, ids, now, asked.settings.stripe_webhook_secret, livemode)
    if event_id is None:
        return [forged, line]
    if facts is None:
        said = "Whether the canary was handled cannot be seen from here."
        return [forged, line, Line("canary_handled", State.NOT_ASKED, said, "Give a key: --key.")]

    async def at_home(wanted: str) -> Any:
        told, _ = await _facts(asked, open_http, seen.outside, wanted, audit=False)
        return told["canary"] if told else None

    return [forged, line, await canary_handled(event_id, at_home, asked.handled_within_s)]
