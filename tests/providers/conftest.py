from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.api import Api, running_api
from tests.support.office import Office, open_office
from tests.support.system import Stage


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """Nobody answers where Stripe should be: every test here must get by without."""
    async with running_api(database_url) as running:
        yield running


@pytest.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with open_office(stage) as opened:
        yield opened
