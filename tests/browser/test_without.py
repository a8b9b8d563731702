"""Without JavaScript, and without a mouse."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser import shop as steps
from tests.browser.shop import Shop, dish, seats_at

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture(loop_scope="session")
async def plain_page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(java_script_enabled=False, locale="en-GB")
    yield await context.new_page()
    await context.close()


async def test_without_scripts_the_total_is_shown_before_paying(shop: Shop, plain_page: Page) -> None:
    page = plain_page
    await shop.open_event(page)
    await seats_at(page, "Table 9").select_option("2")
    await dish(page, "Chocolate torte").fill("2")
    await steps.fill_details(page, "no-script@example.com")
    await page.get_by_role("button", name="See the total").click()
    await expect(page.get_by_role("row", name="Total £187.00")).to_be_visible()

    await page.get_by_role("button", name="Change something").click()
    await expect(dish(page, "Chocolate torte")).to_have_value("2")
    await dish(page, "Chocolate torte").fill("1")
    await page.get_by_role("button", name="See the total").click()
    await page.get_by_role("button", name="Hold these seats and pay £178.50").click()

    await page.wait_for_url(steps.PAY_PAGE)
    await steps.pay(page)
    await page.wait_for_url(steps.BOOKING_PAGE)
    await steps.is_confirmed(
        page
    )  # settled while the page was loaded, or by the page that loads itself again


async def test_by_keyboard_alone(shop: Shop, page: Page) -> None:
    await shop.open_event(page)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await tab_to(page, "seats-")
    await page.keyboard.press("ArrowDown")
    await tab_to(page, "name")
    await page.keyboard.type("Example Keys")
    await page.keyboard.press("Tab")
    await page.keyboard.type("keyboard@example.com")
    await page.keyboard.press("Enter")
    await page.wait_for_url(steps.PAY_PAGE)
    await page.get_by_label("Card number").focus()
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type(steps.GOOD_CARD)
    await page.keyboard.press("Enter")
    await steps.is_confirmed(page)
    await tab_to_text(page, "Cancel this booking")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Cancel this booking?")).to_be_visible()
    await tab_to_text(page, re.compile("^Cancel and get back"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="This booking is cancelled")).to_be_visible()


async def tab_to(page: Page, name: str) -> None:
    """Presses Tab until the focus is on a field whose name begins so; that it is visible is part of the promise."""
    for _ in range(120):
        await page.keyboard.press("Tab")
        focused: str = await page.evaluate("document.activeElement.name ?? ''")
        if focused.startswith(name):
            outline: str = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", "nobody sees where the focus is"
            return
    raise AssertionError(f"no field {name} can be reached with Tab")


async def tab_to_text(page: Page, text: str | re.Pattern[str]) -> None:
    for _ in range(60):
        await page.keyboard.press("Tab")
        focused: str = await page.evaluate("document.activeElement.innerText ?? ''")
        if re.search(text, focused.strip()):
            return
    raise AssertionError(f"{text} cannot be reached with Tab")
