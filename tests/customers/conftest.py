"""The stage's system behind its own HTTP, with keys of its tenant and of another one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.office import Office, open_office
from tests.support.system import Stage


@pytest.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with open_office(stage) as opened:
        yield opened
