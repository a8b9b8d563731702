"""No page shuts anybody out: axe finds nothing serious, by day and by night, and a phone needs no sideways scrolling."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser import shop as steps
from tests.browser.shop import Shop, problems_of

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("path", ["/", "/events/35", "/events/36", "/events/34", "/nothing-here", "/staff"])
async def test_pages_for_everybody(shop: Shop, page: Page, path: str) -> None:
    await page.goto(shop.address(path))
    assert not await problems_of(page)


async def test_a_form_with_mistakes(shop: Shop, page: Page) -> None:
    await shop.open_event(page)
    await page.get_by_label("E-mail").fill("nobody")
    await page.get_by_role("button", name="Choose your seats").click()
    await expect(page.get_by_role("alert")).to_contain_text("need another look")
    assert not await problems_of(page)


async def test_a_booking_held_cancelled_and_confirmed(shop: Shop, page: Page) -> None:
    path = await steps.hold(shop, page, "axe@example.com", "Table 12")
    assert not await problems_of(page)
    await page.goto(shop.address(f"{path}?paid=cs_test_checking"))
    assert not await problems_of(page)
    await page.goto(shop.address(f"{path}/cancel"))
    assert not await problems_of(page)
    await page.get_by_role("button", name="Cancel the booking").click()
    await expect(page.get_by_role("heading", name="This booking is cancelled")).to_be_visible()
    assert not await problems_of(page)
    await page.set_viewport_size({"width": 1280, "height": 900})
    await steps.book_and_pay(shop, page, "axe@example.com", "Table 12")
    assert not await problems_of(page)


async def test_staff_pages(shop: Shop, page: Page) -> None:
    await steps.book_and_pay(shop, page, "axe-staff@example.com", "Table 11")
    reference = await page.locator(".reference").inner_text()
    await shop.sign_in(page)
    found: list[str] = []
    for path in (
        "today",
        "bookings",
        f"bookings/{reference}",
        "promises",
        "inbox",
        "tasks",
        "events/35/kitchen",
    ):
        await page.goto(shop.address(f"/staff/{path}"))
        found += await problems_of(page)
    await page.goto(shop.address("/staff/inbox"))
    await page.locator("tbody a").first.click()
    found += await problems_of(page)
    assert not found
