"""A system that speaks to the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from holdfast.clock import ManualClock
from holdfast.settings import Settings
from holdfast.system import System, open_system
from tests.support.sandbox import Sandbox


@pytest.fixture
async def system(database_url: str, sandbox: Sandbox) -> AsyncIterator[System]:
    settings = Settings(
        database_url=database_url,
        secret_key="a secret that only tests know",
        stripe_secret_key=sandbox.secret_key,
        stripe_webhook_secret=(sandbox.webhook_secret,),
        stripe_api_base=sandbox.url,
        smtp_url=f"smtp://127.0.0.1:{sandbox.smtp_port}",
        mail_from="sample@example.com",
    )
    # The sandbox lives in real time, and a session's life is measured against it.
    async with open_system(settings, clock=ManualClock(datetime.now(UTC))) as opened:
        yield opened
