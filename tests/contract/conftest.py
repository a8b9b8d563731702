from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.database.embedded import EmbeddedPostgres
from tests.contract.market import authorise
from tests.contract.shop import Json, Shop, guest
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


@dataclass(frozen=True)
class Silent:
    """Somebody who has paid, and a fan whose card was authorised, who closed their tabs while every webhook is lost."""

    booking: Json
    request: Json
    email: str
    paid_at: float


@pytest.fixture(scope="session", autouse=True)
def silent(second_demo: Shop) -> Silent:
    """At the very beginning, so that the minute that it takes passes while the others are asked."""
    second_demo.faults(webhooks={"lose": 1})
    customer = guest()
    booking = second_demo.book(second_demo.event(), customer=customer)
    second_demo.pay(booking)
    first = second_demo.told["providers"][0]
    wanted = {"provider_id": first["id"], "offering_id": first["offerings"][0]["id"], "customer": guest()}
    request = second_demo.post("/api/create-payment-intent", wanted).json()
    assert authorise(second_demo, request).json()["status"] == "requires_capture"
    return Silent(booking, request, customer["email"], time.monotonic())


@pytest.fixture
def shop(one_demo: Shop) -> Iterator[Shop]:
    """The first demo, with no faults before and after."""
    yield one_demo
    one_demo.no_faults()


@pytest.fixture(scope="session")
def room(one_demo: Shop) -> Json:
    """An event for requests that are refused."""
    return one_demo.event()
