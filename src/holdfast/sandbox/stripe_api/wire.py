"""One request to the API, from its key to its answer.

The order is Stripe's, as far as it can be seen from outside: key, address, idempotency key, parameters, execution.
A fault that strikes before the effect does so before the parameters are looked at.
"""

import asyncio
import base64
import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from psycopg import errors as postgres

from holdfast.sandbox import faults as fault_rules
from holdfast.sandbox.ledger import Json
from holdfast.sandbox.server import HangUp
from holdfast.sandbox.stripe_api import API_VERSION, errors, publishable, routes
from holdfast.sandbox.stripe_api.context import Answer, Call
from holdfast.sandbox.stripe_api.errors import StripeFault
from holdfast.sandbox.stripe_api.expand import expanded
from holdfast.sandbox.stripe_api.form import parse_form
from holdfast.sandbox.stripe_api.parameters import checked
from holdfast.sandbox.world import World

LOG = logging.getLogger(__name__)
KEY_LENGTH = 255
# https://docs.stripe.com/api/idempotent_requests: keys can be pruned after at least 24 hours
KEY_KEPT_SECONDS = 24 * 3600
LOCK_ERRORS = (postgres.LockNotAvailable, postgres.DeadlockDetected)


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    base_url: str
    # asked with the publishable key; known once the key has been looked at
    public: bool = False


@dataclass
class Response:
    status: int
    body: str
    headers: dict[str, str]


class Api:
    """Stripe's API over one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.in_flight: set[str] = set()

    async def answer(self, request: Request) -> Response:
        """The answer to a request, or `HangUp` where a fault says that none comes."""
        request_id = self.world.chance.id("req")
        headers = {
            "Request-Id": request_id,
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        }
        key = request.headers.get("idempotency-key", "")
        if key and request.method == "POST":
            headers["Idempotency-Key"] = key
        try:
            status, body = await self._checked(request, request_id, key, headers)
        except StripeFault as fault:
            status, body = fault.status, json.dumps(self._error_body(fault.error, request_id))
            headers |= fault.headers
        except Exception:
            LOG.exception("%s %s", request.method, request.path)
            status, body = 500, json.dumps(self._error_body(errors.server_error().error, request_id))
        return Response(status, body, headers | {"Content-Type": "application/json"})

    def _error_body(self, error: Json, request_id: str) -> Json:
        return {"error": error | {"request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}"}}

    async def _checked(
        self, request: Request, request_id: str, key: str, headers: dict[str, str]
    ) -> tuple[int, str]:
        request.public = self._authenticate(request)
        found = routes.match(request.method, request.path)
        if found is None:
            raise errors.unrecognized_url(request.method, request.path)
        if request.public and not found[0].public:
            raise errors.secret_key_required()
        await self._fault_before(request)
        await self.world.catch_up()
        route, ids = found
        given = parse_form(request.body if request.method == "POST" else request.query)
        if not key or request.method != "POST":
            answer = await self._execute(request, route, ids, given, request_id, None, "")
        else:
            answer = await self._once(request, route, ids, given, request_id, key, headers)
        if self._strikes(request, "timeout_after"):
            await self._silence()
        return answer

    def _authenticate(self, request: Request) -> bool:
        """Whose key it is: False, the shop's secret one; True, the publishable one that a web page carries."""
        given = _key_of(request.headers.get("authorization", ""))
        if not given:
            raise errors.no_key()
        if given == self.world.options.publishable_key:
            return True
        if given != self.world.options.secret_key:
            raise errors.wrong_key(given)
        return False

    async def _once(
        self,
        request: Request,
        route: routes.Route,
        ids: tuple[str, ...],
        given: Json,
        request_id: str,
        key: str,
        headers: dict[str, str],
    ) -> tuple[int, str]:
        """Execute under an idempotency key: at most once, and every later time the first answer again."""
        if len(key) > KEY_LENGTH:
            raise StripeFault(
                f"Idempotency keys may have at most {KEY_LENGTH} characters.", kind="idempotency_error"
            )
        if key in self.in_flight:
            raise errors.key_in_use(key)
        self.in_flight.add(key)
        try:
            fingerprint = _fingerprint(request, given)
            stored = await self._stored(key)
            if stored is None:
                return await self._execute(request, route, ids, given, request_id, key, fingerprint)
        finally:
            self.in_flight.discard(key)
        if stored["fingerprint"] != fingerprint:
            raise errors.key_mismatch(key)
        headers |= {"Idempotent-Replayed": "true", "Original-Request": stored["request_id"]}
        if stored["status"] >= 500:
            headers["Stripe-Should-Retry"] = "false"
        return int(stored["status"]), str(stored["body"])

    async def _stored(self, key: str) -> dict[str, Any] | None:
        async with self.world.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT fingerprint, status, body, request_id FROM sandbox.idempotency WHERE key = %s AND created > %s",
                [key, self.world.clock.seconds() - KEY_KEPT_SECONDS],
            )
            return await cursor.fetchone()

    async def _execute(
        self,
        request: Request,
        route: routes.Route,
        ids: tuple[str, ...],
        given: Json,
        request_id: str,
        key: str | None,
        fingerprint: str,
    ) -> tuple[int, str]:
        """Check and do. error_500 undoes the effect, error_500_after keeps it."""
        params = checked(given, route.fields, route.required)
        lost_before, lost_after = (
            self._strikes(request, "error_500"),
            self._strikes(request, "error_500_after"),
        )
        try:
            async with self.world.transaction(request_id, key) as ledger:
                call = Call(ledger, params, self.world.faults, request.base_url, request.public)
                status, text = await _handled(call, route, ids)
                if lost_before:
                    raise errors.server_error()
                if lost_after:
                    status, text = 500, json.dumps(self._error_body(errors.server_error().error, request_id))
                if key:
                    await self._store(ledger.connection, key, fingerprint, status, request_id, text)
        except LOCK_ERRORS as error:
            raise errors.lock_timeout() from error
        except StripeFault as fault:
            if request.public:
                fault.error = publishable.error_shown(fault.error)
            await self._store_fault(fault, key, fingerprint, request_id)
            raise
        return status, text

    async def _store_fault(
        self, fault: StripeFault, key: str | None, fingerprint: str, request_id: str
    ) -> None:
        if not key or not fault.stored:
            return
        text = json.dumps(self._error_body(fault.error, request_id))
        async with self.world.pool.connection() as connection:
            await self._store(connection, key, fingerprint, fault.status, request_id, text)

    async def _store(
        self, connection: Any, key: str, fingerprint: str, status: int, request_id: str, text: str
    ) -> None:
        await connection.execute(
            "INSERT INTO sandbox.idempotency (key, fingerprint, created, status, request_id, body) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, "
            "created = excluded.created, status = excluded.status, request_id = excluded.request_id, body = excluded.body",
            [key, fingerprint, self.world.clock.seconds(), status, request_id, text],
        )

    async def _fault_before(self, request: Request) -> None:
        if self._strikes(request, "error_429"):
            raise errors.rate_limited()
        if self._strikes(request, "timeout_before"):
            await self._silence()

    def _strikes(self, request: Request, name: str) -> bool:
        api = self.world.faults["api"]
        if not api[name] or not fault_rules.applies(api["only"], request.method, request.path):
            return False
        return self.world.chance.strikes(api[name])

    async def _silence(self) -> None:
        """Hold the line, then hang up."""
        await asyncio.sleep(self.world.faults["api"]["timeout_s"])
        raise HangUp


async def _handled(call: Call, route: routes.Route, ids: tuple[str, ...]) -> tuple[int, str]:
    result = await route.handler(call, *ids)
    if isinstance(result, Answer):
        return result.status, json.dumps(publishable.shown(result.body) if call.public else result.body)
    if call.public:
        result = publishable.shown(result)
    body = await expanded(call, result, call.params.get("expand", []))
    return 200, json.dumps(body)


def _key_of(authorization: str) -> str:
    """`Bearer KEY`, or HTTP basic with the key as the user's name."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except ValueError:
            return ""
    return ""


def _fingerprint(request: Request, given: Json) -> str:
    """What a key stands for. Whose key asked is part of it: a browser never gets the shop's stored answer."""
    what = json.dumps([request.method, urlsplit(request.path).path, given, request.public], sort_keys=True)
    return hashlib.sha256(what.encode()).hexdigest()
