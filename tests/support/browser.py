"""A real Chromium, of the system: nothing is downloaded.

Playwright's asynchronous interface, because its other one leaves an event loop running in the process and no
asynchronous test could follow. The browser lives as long as the worker, so tests that use it share one loop:
`pytest.mark.browser` sees to that (tests/conftest.py).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

MISSING = """There is no Chromium for the browser tests.
On Debian: sudo apt-get install chromium. Another one: HOLDFAST_CHROMIUM=/path/to/it.
To leave these tests out on purpose: HOLDFAST_NO_BROWSER=1"""


def chromium_path() -> str:
    """The browser to use. Without one the test fails; it is skipped only if a person has said so."""
    if os.environ.get("HOLDFAST_NO_BROWSER") == "1":
        pytest.skip("HOLDFAST_NO_BROWSER=1: the person who runs the tests wants no browser")
    candidates = [os.environ.get("HOLDFAST_CHROMIUM"), *map(shutil.which, NAMES), MAC_CHROME]
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return path
    pytest.fail(MISSING, pytrace=False)


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    # Root may not use Chromium's own fence; a small /dev/shm (containers) must not make it crash.
    flags = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    path = chromium_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


def axe_source() -> str:
    """The accessibility checker's JavaScript, for `page.evaluate`."""
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
