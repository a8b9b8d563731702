"""What every test may ask for.

    database_url     a database of its own, schema applied          (each test)
    databases        makes more of them: .clone(), .empty()         (each worker)
    sandbox          Stripe, SMS and mail, just reset               (each test; its process: each worker)
    sandbox_process  the same without a reset                       (each worker)
    stage            the whole system before an audience: a sample evening, a clock that stands, Stripe's wire (each test)
    system           the stage's system                             (each test)
    browser, page    a real Chromium, and a page in a new context   (each worker, each test)

Tests of `browser` and `page` are asynchronous and marked `@pytest.mark.browser`: they share one event loop.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest
import pytest_asyncio
import structlog
from playwright.async_api import Browser, Page

from holdfast.system import System
from tests.support.browser import running_browser
from tests.support.database import MEMORY_FOLDER, TestDatabases, has_memory_folder, shared_databases
from tests.support.sandbox import Sandbox, running_sandbox
from tests.support.system import Stage, open_stage

# On a shared machine a slow example says nothing about the code, so nowhere is there a deadline. In CI the
# examples are the same in every run: a red run is the change's doing.
hypothesis.settings.register_profile("local", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


# The databases of whole installations lie there, too: they wait for the disk with every commit, as they should.
if has_memory_folder():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY_FOLDER))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Commands that run in this process set logging up as a server does: the next test finds it as it is without."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def databases() -> Iterator[TestDatabases]:
    with shared_databases() as made:
        yield made


@pytest.fixture
def database_url(databases: TestDatabases) -> Iterator[str]:
    url = databases.clone()
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def sandbox_process(databases: TestDatabases) -> Iterator[Sandbox]:
    with running_sandbox(databases.empty()) as started:
        yield started


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
async def stage(database_url: str, sandbox: Sandbox) -> AsyncIterator[Stage]:
    async with open_stage(database_url, sandbox) as opened:
        yield opened


@pytest.fixture
def system(stage: Stage) -> System:
    return stage.system


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="en-GB", timezone_id="Europe/London")
    yield await context.new_page()
    await context.close()
