from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.bookings.till import Till
from tests.support.api import Api, running_api
from tests.support.office import open_office
from tests.support.system import Stage


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """Nobody answers where Stripe should be: every test here must get by without."""
    async with running_api(database_url) as running:
        yield running


@pytest.fixture
async def till(stage: Stage) -> AsyncIterator[Till]:
    async with open_office(stage) as office:
        yield Till(office)
