"""A deployment as Stripe, guests and a pipeline meet it: by its public address, with nothing but HTTP.

Whoever asks may be anywhere: neither database nor installation is needed here. Every request opens a connection of its own,
because several processes may answer at one address, and each keeps its connections to itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from holdfast.clock import monotonic
from holdfast.diagnosis.deployment_rules import Facts, Line, State, same_commit, short_time
from holdfast.errors import Forbidden, Unauthorized, ValidationFailed
from holdfast.ids import Ids
from holdfast.inbox.rules import CANARY_TYPE
from holdfast.stripe_gateway.signature import sign

ASKED = (
    8  # how often an address is asked which code it is: with four processes, nine times in ten all are met
)
ANSWER_WITHIN_S = 10.0
HANDLED_WITHIN_S = 20.0  # the worker is woken at once; without the wake it looks every 5 s
LOOK_AGAIN_S = 0.5
MOST_OF_AN_ANSWER = 200
WEBHOOK_PATH = "/api/webhooks/stripe"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

OpenHttp = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]
SeenBy = Callable[[str], Any]


@dataclass(frozen=True)
class Outside:
    """What an address said: each different answer of /version once, and why it may take no traffic."""

    versions: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    problem: str | None = None  # why there is no answer that could be read


def checked_url(url: str) -> str:
    """Raises ValidationFailed for what is no address of a web server."""
    parts = urlsplit(url.strip())
    try:
        parts.port  # noqa: B018  # reading it checks it
    except ValueError as problem:
        raise ValidationFailed(f"{url} has no port that can be read.") from problem
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValidationFailed(f"{url} is not an address like https://tickets.example.com.")
    return url.strip().rstrip("/")


def http_to(url: str) -> OpenHttp:
    """A proxy of the environment leads to the world outside, and not to this machine."""
    abroad = urlsplit(url).hostname not in LOOPBACK
    return lambda: httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN_S, trust_env=abroad)


async def look(open_http: OpenHttp) -> Outside:
    """Asks /version several times, and /readyz. Never raises for what the address does."""
    versions: dict[str, dict[str, Any]] = {}
    for _ in range(ASKED):
        try:
            said = await _json(open_http, "/version")
        except (httpx.HTTPError, ValueError) as problem:
            return Outside(list(versions.values()), problem=_in_words(problem))
        if not {"version", "commit", "schema", "started_at"} <= said.keys():
            return Outside(problem="what answers there is not Holdfast")
        versions[f"{said['commit']} {said['started_at']}"] = said
    return Outside(
        sorted(versions.values(), key=lambda one: str(one["started_at"])), await _reasons(open_http)
    )


async def _json(open_http: OpenHttp, path: str) -> dict[str, Any]:
    async with open_http() as http:
        answer = await http.get(path)
    if answer.is_redirect:
        raise ValueError(f"it redirects to {answer.headers.get('location', 'nowhere')}")
    if answer.status_code != 200:
        raise ValueError(f"{path} answers {answer.status_code}")
    said = answer.json()
    if not isinstance(said, dict):
        raise ValueError("what answers there is not Holdfast")
    return said


async def _reasons(open_http: OpenHttp) -> list[str]:
    try:
        async with open_http() as http:
            answer = await http.get("/readyz")
        said = answer.json()
        return [str(reason) for reason in said["reasons"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
        return [f"/readyz cannot be read: {_in_words(problem)}."]


def _in_words(problem: Exception) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return "what answers there is not Holdfast"
    if isinstance(problem, httpx.HTTPError):
        return "no answer in time" if isinstance(problem, httpx.TimeoutException) else type(problem).__name__
    return str(problem)[:MOST_OF_AN_ANSWER]


def outside_lines(url: str, seen: Outside, expected: str | None) -> list[Line]:
    """Whether it answers, with which code, and whether it may take traffic."""
    if seen.problem is not None:
        step = "See whether the web process runs and the proxy leads to it. Stripe and guests find nobody there either."
        return [Line("address", State.WRONG, f"{url} does not answer as it should: {seen.problem}.", step)]
    ready = [
        Line(
            "ready",
            State.WRONG,
            f"It is not ready: {reason}",
            "Do what it says; /readyz tells when it is well.",
        )
        for reason in seen.reasons
    ] or [Line("ready", State.OK, "It is ready: database, schema and a worker's sign of life are there.")]
    return [_commit_line(url, seen.versions, expected), *ready]


def _commit_line(url: str, versions: list[dict[str, Any]], expected: str | None) -> Line:
    told = "; ".join(_told(versions))
    releases = {(one["version"], one["commit"], one["schema"]) for one in versions}
    if expected is None:
        if len(releases) == 1:
            return Line("running_code", State.OK, f"{url} runs {told}.")
        step = "A deployment is under way, or one process was left on old code: restart it."
        return Line("running_code", State.WRONG, f"At {url} different code answers by turns: {told}.", step)
    wrong = [one for one in versions if not same_commit(str(one["commit"]), expected)]
    if not wrong:
        return Line("running_code", State.OK, f"{url} runs what was to be deployed: {told}.")
    if any(one["commit"] == "unknown" for one in wrong):
        step = "Start it from the checkout, or set RELEASE_COMMIT to the commit in what starts it."
        return Line("running_code", State.WRONG, f"{url} does not know its own commit: {told}.", step)
    some = len(wrong) < len(versions)
    words = "only some of its processes run it" if some else "it does not run there"
    step = (
        "Restart the processes that were left on old code."
        if some
        else "The new code was never started: see the pipeline's step that brings it there, then restart web and worker."
    )
    return Line(
        "running_code", State.WRONG, f"Commit {expected} was to be deployed, and {words}: {told}.", step
    )


def _told(versions: list[dict[str, Any]]) -> list[str]:
    by_release: dict[tuple[str, str, str], list[str]] = {}
    for one in versions:
        release = (str(one["commit"])[:12], str(one["version"]), str(one["schema"]))
        by_release.setdefault(release, []).append(str(one["started_at"]))
    return [
        f"commit {commit}, version {version}, schema {schema}, on {len(starts)} web"
        f" {'process' if len(starts) == 1 else 'processes'} since {short_time(min(starts))}"
        for (commit, version, schema), starts in by_release.items()
    ]


async def facts_of(
    open_http: OpenHttp, key: str, *, canary: str | None = None, audit: bool = True
) -> tuple[Facts | None, str]:
    """What the installation says of itself, or None and why not. Raises Unauthorized and Forbidden: the caller's mistake."""
    params = {"audit": str(audit).lower(), **({"canary": canary} if canary else {})}
    try:
        async with open_http() as http:
            answer = await http.get(
                "/api/admin/deployment", params=params, headers={"Authorization": f"Bearer {key}"}
            )
        if answer.status_code in (401, 403):
            error = Unauthorized if answer.status_code == 401 else Forbidden
            raise error(f"The address refuses this key: {_detail(answer)}")
        if answer.status_code == 404:
            return None, "its code is older than /api/admin/deployment"
        if answer.status_code != 200:
            return None, f"/api/admin/deployment answers {answer.status_code}"
        said = answer.json()
        return (said, "") if isinstance(said, dict) and "processes" in said else (None, "it is not Holdfast")
    except (httpx.HTTPError, ValueError) as problem:
        return None, _in_words(problem)


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])[:MOST_OF_AN_ANSWER]
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"


def canary_event(ids: Ids, now: datetime, livemode: bool) -> tuple[str, bytes]:
    """Its id, and its body."""
    event_id = ids.new("evt_canary")
    event = {
        "id": event_id,
        "object": "event",
        "type": CANARY_TYPE,
        "created": int(now.timestamp()),
        "livemode": livemode,
        "data": {"object": {"id": event_id.replace("evt_", ""), "object": "canary"}},
    }
    return event_id, json.dumps(event).encode()


async def post_event(
    open_http: OpenHttp, body: bytes, secrets: tuple[str, ...], stamp: int
) -> httpx.Response:
    """Signed as Stripe signs while a secret is replaced: once with each. Raises httpx.HTTPError."""
    signatures = [sign(body, secret, stamp).partition(",")[2] for secret in secrets]
    headers = {
        "Stripe-Signature": ",".join([f"t={stamp}", *signatures]),
        "Content-Type": "application/json; charset=utf-8",
    }
    async with open_http() as http:
        return await http.post(WEBHOOK_PATH, content=body, headers=headers)


async def send_canary(
    open_http: OpenHttp, ids: Ids, now: datetime, secrets: tuple[str, ...], livemode: bool
) -> tuple[str | None, Line]:
    """The id of the event that was taken, and the line about it."""
    event_id, body = canary_event(ids, now, livemode)
    address = f"The canary, an event signed with the local STRIPE_WEBHOOK_SECRET and sent to {WEBHOOK_PATH},"
    try:
        answer = await post_event(open_http, body, secrets, int(now.timestamp()))
    except httpx.HTTPError as problem:
        step = "Stripe's events get no answer either: see the proxy and the web process."
        return None, Line("canary", State.WRONG, f"{address} got no answer: {_in_words(problem)}.", step)
    if answer.status_code == 200:
        return event_id, Line("canary", State.OK, f"{address} was taken.")
    step = (
        "Compare STRIPE_WEBHOOK_SECRET here and there (and at Stripe), and both clocks; a proxy must not change bodies."
        if answer.status_code == 400
        else "Nothing on the way may redirect, challenge or refuse this path; Stripe's events share its fate."
    )
    said = f"{address} was answered {answer.status_code}: {_detail(answer)}"
    return None, Line("canary", State.WRONG, said, step)


async def send_forged(open_http: OpenHttp, ids: Ids, now: datetime, livemode: bool) -> Line:
    """An event signed with a secret that nobody has must be refused."""
    _, body = canary_event(ids, now, livemode)
    try:
        answer = await post_event(open_http, body, (ids.secret("whsec_"),), int(now.timestamp()))
    except httpx.HTTPError as problem:
        step = "Run it again when the address answers."
        return Line(
            "forged_event", State.UNKNOWN, f"A forged event got no answer: {_in_words(problem)}.", step
        )
    if answer.status_code == 400:
        return Line("forged_event", State.OK, "An event with a wrong signature is refused.")
    if answer.is_success:
        step = "Take it off the net: whoever knows the address can confirm bookings. Nothing may answer in Holdfast's place."
        said = f"An event with a wrong signature was taken with {answer.status_code}."
        return Line("forged_event", State.WRONG, said, step)
    step = "What answers there is not Holdfast's webhook: see the proxy, and STRIPE_WEBHOOK_SECRET there."
    said = (
        f"An event with a wrong signature was answered {answer.status_code}, and not 400: {_detail(answer)}"
    )
    return Line("forged_event", State.WRONG, said, step)


async def canary_handled(event_id: str, seen: SeenBy, within_s: float) -> Line:
    """`seen(event_id)` says what is known of it there: a row, or None. Waits until it is handled."""
    began = monotonic()
    found: dict[str, Any] | None = None
    while monotonic() - began < within_s:
        found = await seen(event_id)
        if found is not None and found["handled_at"] is not None:
            took = monotonic() - began
            said = f"The canary was handled {took:.1f} s later, as `{found['outcome']}`."
            return Line("canary_handled", State.OK, said)
        await asyncio.sleep(min(LOOK_AGAIN_S, within_s))
    if found is None:
        step = "Another installation or another database answers there: compare DATABASE_URL, and where the proxy leads."
        return Line("canary_handled", State.WRONG, "The canary was taken and is in no inbox.", step)
    step = (
        "Events are stored and not worked at: see whether a worker runs, and its log for `event_not_handled`."
    )
    said = f"The canary was stored and is not handled after {within_s:.0f} s."
    return Line("canary_handled", State.WRONG, said, step)
