"""A dispute as staff meet it: among the tasks, with its deadline, its evidence as a download, and no refund beside it."""

from __future__ import annotations

import re
import zipfile

import pytest
from playwright.async_api import Page, expect

from tests.browser import shop as steps
from tests.browser.shop import UNHURRIED_MS, Shop

pytestmark = pytest.mark.browser
DISPUTED_CARD = "4000000000000259"


async def disputed(shop: Shop, page: Page, email: str) -> str:
    """Booked and paid with the card that is disputed at once; says the dispute's page, open in the browser."""
    await shop.open_event(page)
    await steps.seats_at(page, "Bar").select_option("1")
    await steps.fill_details(page, email, name="Example Doubter")
    await steps.go_to_pay(page)
    await steps.pay(page, DISPUTED_CARD)
    await steps.is_confirmed(page)
    reference = await page.locator(".reference").first.inner_text()
    await shop.sign_in(page)
    for _ in range(20):  # its webhook follows that of the payment
        await page.goto(shop.address("/staff/disputes"))
        if await page.get_by_role("link", name=reference).count():
            break
        await page.wait_for_timeout(500)
    await page.get_by_role("link", name=reference).click()
    await expect(page.get_by_role("heading", name=f"Dispute of {reference}")).to_be_visible()
    return page.url


async def test_f47_from_the_list_to_the_evidence(shop: Shop, page: Page) -> None:
    await disputed(shop, page, "doubter@example.com")
    await expect(page.get_by_text(re.compile(r"days and \d+ hours? left to answer"))).to_be_visible()
    await page.get_by_text("Product description").click()
    await expect(page.get_by_text("Total: ")).to_be_visible()
    async with page.expect_download() as told:
        await page.get_by_role("link", name="Download the evidence").click()
    download = await told.value
    assert re.fullmatch(r"evidence-HF-\w{8}-d[up]_\w+\.zip", download.suggested_filename)
    with zipfile.ZipFile(await download.path()) as archive:
        assert "Example Doubter" in archive.read("evidence.html").decode()


async def test_f49_the_booking_is_flagged_and_refunds_are_blocked(shop: Shop, page: Page) -> None:
    await disputed(shop, page, "flagged@example.com")
    await page.get_by_role("link", name=re.compile("^HF-")).click()
    await expect(page.get_by_text("Refunds are blocked")).to_be_visible(timeout=UNHURRIED_MS)
    await expect(page.get_by_role("button", name="Refund", exact=True)).to_have_count(0)
    await page.get_by_role("link", name="Tasks", exact=True).click()
    await expect(page.get_by_role("link", name="Deadline and evidence").first).to_be_visible()


async def test_everybody_can_use_them(shop: Shop, page: Page) -> None:
    await disputed(shop, page, "barriers@example.com")
    assert await steps.problems_of(page) == []
    await page.goto(shop.address("/staff/disputes"))
    assert await steps.problems_of(page) == []
