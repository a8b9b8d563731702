"""The browser tests' world: everything at once, as `holdfast demo` starts it, for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdfast.database.embedded import EmbeddedPostgres
from tests.browser.shop import Shop
from tests.demo.running import running_demo


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Web, worker, Stripe, mail server and database as processes of their own. Each test books for itself."""
    folder = tmp_path_factory.mktemp("shop") / "demo"
    try:
        with running_demo(folder, "--port", "0") as demo:
            yield Shop(demo)
    finally:
        EmbeddedPostgres(folder).destroy()
