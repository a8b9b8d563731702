"""The calls to Stripe. The only module that imports the SDK, and only when the first call is made: it costs 0.2 s and 25 MB.

Every answer comes back as a plain dict, every failure as one of three errors, because a caller can do three things:
StripeRefused (do not ask again), StripeUnavailable (unknown: ask again, with the same idempotency key, rule 7), and NotFound.
Source: docs.stripe.com/api/errors, docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.errors import NotFound, SettingsWrong, StripeFailed, StripeRefused, StripeUnavailable

if TYPE_CHECKING:
    import stripe

StripeObject = dict[str, Any]

TIMEOUT_S = 8.0  # well below what a guest waits; the outcome is found again by the same key
NETWORK_RETRIES = 1
SESSION_EXPANSIONS = ["payment_intent", "payment_intent.latest_charge"]
INTENT_EXPANSIONS = ["latest_charge"]
LIST_PAGE = 100


class StripeGateway(Protocol):
    """What Holdfast asks of Stripe. Nothing here is called inside a transaction (rule 5)."""

    async def create_checkout_session(
        self, params: Mapping[str, Any], idempotency_key: str
    ) -> StripeObject: ...

    async def expire_checkout_session(self, session_id: str) -> StripeObject:
        """The expired session. StripeRefused when it is no longer open: somebody may have paid, read it again."""
        ...

    async def checkout_session(self, session_id: str) -> StripeObject:
        """The session with its intent and charge expanded."""
        ...

    async def checkout_sessions(self, **filters: Any) -> list[StripeObject]:
        """All pages of the list, newest first, intent and charge not expanded."""
        ...

    async def payment_intent(self, payment_intent_id: str) -> StripeObject: ...

    async def create_payment_intent(
        self, params: Mapping[str, Any], idempotency_key: str
    ) -> StripeObject: ...

    async def payment_intents(self, **filters: Any) -> list[StripeObject]:
        """All pages of the list, newest first."""
        ...

    async def capture_payment_intent(
        self, payment_intent_id: str, amount: int, idempotency_key: str
    ) -> StripeObject:
        """Takes authorised money, in minor units. StripeRefused when there is none: cancelled, lapsed, captured before."""
        ...

    async def cancel_payment_intent(
        self, payment_intent_id: str, idempotency_key: str | None = None
    ) -> StripeObject:
        """Closes it for good, and lets go what it holds. StripeRefused when it is over already: read it again."""
        ...

    async def charge(self, charge_id: str) -> StripeObject: ...

    async def refund(self, refund_id: str) -> StripeObject: ...

    async def dispute(self, dispute_id: str) -> StripeObject: ...

    async def refunds_of(self, payment_intent_id: str) -> list[StripeObject]: ...

    async def disputes_of(self, payment_intent_id: str) -> list[StripeObject]: ...

    async def create_refund(self, params: Mapping[str, Any], idempotency_key: str) -> StripeObject: ...

    async def event(self, event_id: str) -> StripeObject: ...

    async def webhook_endpoints(self) -> list[StripeObject]:
        """All endpoints of the account in the key's mode, for the audit (rule 14)."""
        ...

    async def account(self) -> StripeObject: ...


class SdkGateway:
    """StripeGateway by the official SDK. Reads are counted by the caller's purpose (read budget, rule 13)."""

    def __init__(self, key: str, api_base: str) -> None:
        self._key = key
        self._api_base = api_base
        self._client: stripe.StripeClient | None = None
        self._http: stripe.HTTPXClient | None = None
        self.reads = 0
        self.writes = 0

    async def create_checkout_session(self, params: Mapping[str, Any], idempotency_key: str) -> StripeObject:
        return await self._write(
            self._v1.checkout.sessions.create_async(params=dict(params), options=_key(idempotency_key))
        )

    async def expire_checkout_session(self, session_id: str) -> StripeObject:
        return await self._write(self._v1.checkout.sessions.expire_async(session_id))

    async def checkout_session(self, session_id: str) -> StripeObject:
        return await self._read(
            self._v1.checkout.sessions.retrieve_async(session_id, params={"expand": SESSION_EXPANSIONS})
        )

    async def checkout_sessions(self, **filters: Any) -> list[StripeObject]:
        return await self._all(self._v1.checkout.sessions.list_async, filters)

    async def payment_intent(self, payment_intent_id: str) -> StripeObject:
        return await self._read(
            self._v1.payment_intents.retrieve_async(payment_intent_id, params={"expand": INTENT_EXPANSIONS})
        )

    async def create_payment_intent(self, params: Mapping[str, Any], idempotency_key: str) -> StripeObject:
        return await self._write(
            self._v1.payment_intents.create_async(params=dict(params), options=_key(idempotency_key))
        )

    async def payment_intents(self, **filters: Any) -> list[StripeObject]:
        return await self._all(self._v1.payment_intents.list_async, filters)

    async def capture_payment_intent(
        self, payment_intent_id: str, amount: int, idempotency_key: str
    ) -> StripeObject:
        return await self._write(
            self._v1.payment_intents.capture_async(
                payment_intent_id,
                params={"amount_to_capture": amount, "expand": INTENT_EXPANSIONS},
                options=_key(idempotency_key),
            )
        )

    async def cancel_payment_intent(
        self, payment_intent_id: str, idempotency_key: str | None = None
    ) -> StripeObject:
        return await self._write(
            self._v1.payment_intents.cancel_async(
                payment_intent_id,
                params={"expand": INTENT_EXPANSIONS},
                options=_key(idempotency_key) if idempotency_key else None,
            )
        )

    async def charge(self, charge_id: str) -> StripeObject:
        return await self._read(self._v1.charges.retrieve_async(charge_id))

    async def refund(self, refund_id: str) -> StripeObject:
        return await self._read(self._v1.refunds.retrieve_async(refund_id))

    async def dispute(self, dispute_id: str) -> StripeObject:
        return await self._read(self._v1.disputes.retrieve_async(dispute_id))

    async def refunds_of(self, payment_intent_id: str) -> list[StripeObject]:
        return await self._all(self._v1.refunds.list_async, {"payment_intent": payment_intent_id})

    async def disputes_of(self, payment_intent_id: str) -> list[StripeObject]:
        return await self._all(self._v1.disputes.list_async, {"payment_intent": payment_intent_id})

    async def create_refund(self, params: Mapping[str, Any], idempotency_key: str) -> StripeObject:
        return await self._write(
            self._v1.refunds.create_async(params=dict(params), options=_key(idempotency_key))
        )

    async def event(self, event_id: str) -> StripeObject:
        return await self._read(self._v1.events.retrieve_async(event_id))

    async def webhook_endpoints(self) -> list[StripeObject]:
        return await self._all(self._v1.webhook_endpoints.list_async, {})

    async def account(self) -> StripeObject:
        return await self._read(self._v1.accounts.retrieve_current_async())

    async def close(self) -> None:
        """Lets the connections to Stripe go. The next call would open them again."""
        client, self._client = self._client, None
        http, self._http = self._http, None
        if client is not None and http is not None:
            await http.close_async()  # type: ignore[no-untyped-call]

    @property
    def _v1(self) -> Any:
        if self._client is None:
            self._client = self._build()
        return self._client.v1

    def _build(self) -> stripe.StripeClient:
        if not self._key:
            raise SettingsWrong(
                "STRIPE_SECRET_KEY is not set: without it no money can be taken and none can be looked up."
            )
        import stripe as sdk

        self._http = sdk.HTTPXClient(timeout=TIMEOUT_S, allow_sync_methods=False)
        return sdk.StripeClient(
            self._key,
            base_addresses={"api": self._api_base},
            max_network_retries=NETWORK_RETRIES,
            http_client=self._http,
        )

    async def _all(self, list_page: Any, filters: Mapping[str, Any]) -> list[StripeObject]:
        found: list[StripeObject] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self._read(list_page(params={**filters, "limit": LIST_PAGE, **cursor}))
            found += page["data"]
            if not page["has_more"] or not page["data"]:
                return found
            cursor = {"starting_after": page["data"][-1]["id"]}

    async def _read(self, call: Awaitable[Any]) -> StripeObject:
        self.reads += 1
        return await _answer(call)

    async def _write(self, call: Awaitable[Any]) -> StripeObject:
        self.writes += 1
        return await _answer(call)


def sdk_api_version() -> str:
    """The API version that the SDK speaks, and that the endpoint's payloads should be rendered in (F60)."""
    import stripe as sdk

    return str(sdk.api_version)


def _key(idempotency_key: str) -> dict[str, str]:
    return {"idempotency_key": idempotency_key}


async def _answer(call: Awaitable[Any]) -> StripeObject:
    import stripe as sdk

    try:
        return dict((await call).to_dict())
    except sdk.InvalidRequestError as refused:
        if refused.http_status == 404:
            raise NotFound("Stripe does not know this object.") from refused
        raise StripeRefused(_sentence(refused), stripe_code=refused.code) from refused
    except sdk.IdempotencyError as refused:
        raise StripeRefused(_sentence(refused), stripe_code="idempotency_error") from refused
    except sdk.CardError as refused:
        raise StripeRefused(_sentence(refused), stripe_code=refused.code) from refused
    except (sdk.AuthenticationError, sdk.PermissionError) as refused:
        raise SettingsWrong("Stripe does not accept the key in STRIPE_SECRET_KEY.") from refused
    except sdk.APIError as failed:
        if (failed.http_status or 0) >= 500:
            raise StripeFailed(
                "Stripe answers with an error of its own; what it did is not known yet."
            ) from failed
        raise StripeUnavailable("Stripe does not answer just now; what it did is not known yet.") from failed
    except sdk.StripeError as unknown:
        raise StripeUnavailable("Stripe does not answer just now; what it did is not known yet.") from unknown


def _sentence(error: Any) -> str:
    return f"Stripe refused this: {error.user_message or error.code or 'no reason given'}"
