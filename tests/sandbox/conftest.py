"""A client of the official SDK, a listener for webhooks, and sandboxes with options of their own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.listener import Listener, listening
from tests.support.database import TestDatabases
from tests.support.sandbox import STOP_SECONDS, Sandbox, announced


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return client_of(sandbox)


def client_of(sandbox: Sandbox, key: str | None = None) -> stripe.StripeClient:
    return stripe.StripeClient(
        key or sandbox.secret_key, base_addresses={"api": sandbox.url}, max_network_retries=0
    )


@pytest.fixture
def web(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A browser's way in: the pages and the control addresses."""
    with httpx.Client(base_url=sandbox.url, timeout=30) as made:
        yield made


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as made:
        yield made


@pytest.fixture
def endpoint(client: stripe.StripeClient, listener: Listener) -> str:
    """The id of an endpoint at the listener that hears of everything; the listener knows its secret."""
    made = client.v1.webhook_endpoints.create({"url": listener.url, "enabled_events": ["*"]})
    assert made.secret is not None
    listener.secret = made.secret
    return made.id


@contextmanager
def started(database_url: str, *arguments: str) -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "holdfast.sandbox", "--json", "--database-url", database_url, *arguments]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            yield announced(process, errors)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


@pytest.fixture
def start(databases: TestDatabases) -> Iterator[Callable[..., Sandbox]]:
    """Starts a sandbox with options of its own; in one test all of them share one ledger."""
    url = databases.empty()
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(started(url, *arguments))
    databases.drop(url)


@pytest.fixture
def make_session(client: stripe.StripeClient) -> Callable[..., stripe.checkout.Session]:
    def make(**more: Any) -> stripe.checkout.Session:
        return client.v1.checkout.sessions.create(session_params(**more))  # type: ignore[arg-type]

    return make


def session_params(**more: Any) -> dict[str, Any]:
    """The parameters of a session for one seat at 25 pounds."""
    seat = {"currency": "gbp", "unit_amount": 2500, "product_data": {"name": "A seat"}}
    return {
        "mode": "payment",
        "success_url": "https://shop.example/thanks?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/cart",
        "line_items": [{"price_data": seat, "quantity": 1}],
        **more,
    }
