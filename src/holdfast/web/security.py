"""What every answer says to browsers, and the check that a form was sent from our own page."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.errors import Forbidden
from holdfast.settings import STRIPE_API, Settings
from holdfast.web.problems import problem_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
STRIPE_CHECKOUT = "https://checkout.stripe.com"
ONE_YEAR_S = 31_536_000


def content_security_policy(settings: Settings) -> str:
    """Nothing from anywhere but here. A form's redirects count as its action, so the payment page's host is named."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "manifest-src 'self'",
            f"form-action 'self' {checkout_origin(settings)}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    )


def checkout_origin(settings: Settings) -> str:
    """Where guests pay: Stripe, or the host that stands in for it."""
    return STRIPE_CHECKOUT if settings.stripe_api_base == STRIPE_API else origin_of(settings.stripe_api_base)


def origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


class SecurityHeaders:
    """Sets the headers on every answer that has not set them itself."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": content_security_policy(settings),
            "X-Content-Type-Options": "nosniff",
            # Not `no-referrer`: that would make browsers send `Origin: null` with our own forms.
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=()",
            "Cache-Control": "no-store",
        }
        if settings.public_url.startswith("https://"):
            self._headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR_S}; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class SameOriginForms:
    """Refuses a form that another site made the browser send (CSRF). `/api/` is exempt: keys, tokens and signatures are
    no cookies, a browser does not send them by itself."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._public_origin = origin_of(settings.public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unsafe = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if unsafe and not scope["path"].startswith("/api/") and not self._from_here(Headers(scope=scope)):
            refused = problem_response(
                Forbidden("This form was not sent from a page of this site. Open the page again.")
            )
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _from_here(self, headers: Headers) -> bool:
        fetched_from = headers.get("sec-fetch-site")
        if fetched_from is not None:  # browsers set it themselves, a page cannot
            return fetched_from in {"same-origin", "none"}
        origin = headers.get("origin")
        if origin is not None:
            return origin == self._public_origin or urlsplit(origin).netloc == headers.get("host")
        return (
            "cookie" not in headers
        )  # no browser: then there must be nothing that it could have sent unasked
