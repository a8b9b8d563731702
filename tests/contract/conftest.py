from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.database.embedded import EmbeddedPostgres
from tests.contract.shop import Json, Shop
from tests.demo.running import running_demo

GROUP = pytest.mark.xdist_group("contract")  # one process runs them all: they share two demos


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(GROUP)


def demo_in(folder: Path) -> Iterator[Shop]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with running_demo(folder, "--port", "0") as demo:
            shop = Shop(demo, folder)
            yield shop
            shop.client.close()
    finally:
        EmbeddedPostgres(folder).destroy()


@pytest.fixture(scope="session")
def one_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    yield from demo_in(tmp_path_factory.mktemp("one") / "data")


@pytest.fixture(scope="session")
def second_demo(tmp_path_factory: pytest.TempPathFactory, one_demo: Shop) -> Iterator[Shop]:
    """At the same time as the first. For what would disturb others: lost webhooks, killed processes, a moved clock."""
    yield from demo_in(tmp_path_factory.mktemp("second") / "data")


@pytest.fixture
def shop(one_demo: Shop) -> Iterator[Shop]:
    """The first demo, with no faults before and after."""
    yield one_demo
    one_demo.no_faults()


@pytest.fixture(scope="session")
def room(one_demo: Shop) -> Json:
    """An event for requests that are refused."""
    return one_demo.event()
