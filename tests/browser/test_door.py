"""The door on a phone: typed codes, a short loss of network, the list that follows, and nobody shut out."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser import shop as steps
from tests.browser.shop import UNHURRIED_MS, Shop, problems_of

pytestmark = pytest.mark.browser


# A camera that sees whatever the test puts before it: no browser on a server has one, and few read codes.
CAMERA = """
window.before = "";
window.BarcodeDetector = class { async detect() { return window.before ? [{ rawValue: window.before }] : []; } };
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  setInterval(() => canvas.getContext("2d").fillRect(0, 0, 8, 8), 50);
  return canvas.captureStream(20);
};
"""


async def arrive(page: Page, code: str) -> None:
    await page.get_by_label("Reference").fill(code)
    await page.get_by_role("button", name="Let in").click()


async def test_in_once_and_also_without_network(shop: Shop, page: Page) -> None:
    await steps.book_and_pay(shop, page, "door@example.com", "Table 9", 2)
    reference = await page.locator(".reference").inner_text()
    await shop.sign_in(page, "admin")
    await page.goto(shop.address("/staff/events/35/kitchen"))
    await page.get_by_role("button", name="Make a link").click()
    await expect(page.get_by_alt_text("QR code of the link for the door")).to_be_visible()
    found = list(await problems_of(page))
    link = await page.get_by_label("Or send this link").input_value()
    await page.context.clear_cookies()
    await page.goto(link)
    await expect(page).to_have_url(
        re.compile(r"/door/35\?begun=yes$")
    )  # the secret is not in the address any more
    await expect(page.locator("#door-guests")).to_contain_text(reference)
    found += await problems_of(page)

    result = page.locator("#door-result")
    await arrive(page, "HF-22222222")
    await expect(result).to_contain_text("Not known")

    async def no_network(route: Route) -> None:
        await route.abort("internetdisconnected")

    await page.route("**/door/35", no_network)
    await arrive(page, reference.lower())
    await expect(page.locator("#door-kept")).to_contain_text("one code waits")
    assert await page.evaluate("localStorage.getItem('holdfast:door:35')")
    await page.unroute("**/door/35")
    await expect(result.locator("[data-result=valid]")).to_be_visible(timeout=UNHURRIED_MS)
    await expect(page.locator("#door-kept")).to_be_hidden()
    assert await page.evaluate("localStorage.getItem('holdfast:door:35')") is None
    await expect(result).to_contain_text("Table 9")
    await expect(page.locator("#door-guests li", has_text=reference)).to_contain_text("since")
    found += await problems_of(page)

    await arrive(page, reference)
    await expect(result).to_contain_text("Already used")
    found += await problems_of(page)
    await result.get_by_role("button", name="Take back").click()
    await expect(result).to_contain_text("Taken back")
    await expect(page.locator("#door-guests li", has_text=reference)).not_to_contain_text("since")
    assert not found


async def test_the_camera_reads_the_guests_own_code_once(shop: Shop, page: Page) -> None:
    path = await steps.book_and_pay(shop, page, "camera@example.com", "Table 12")
    await shop.sign_in(page, "door")
    await page.add_init_script(CAMERA)
    await page.goto(shop.address("/staff/events/35/door"))
    await page.get_by_role("button", name="Scan with the camera").click()
    await expect(page.locator("#camera")).to_be_visible()
    await page.evaluate("link => { window.before = link }", shop.address(path))
    await expect(page.locator("#door-result [data-result=valid]")).to_contain_text("Table 12")
    await page.wait_for_timeout(1_000)  # it is held before the camera for a while: still the one scan
    await expect(page.locator("#door-result [data-result=valid]")).to_be_visible()
    assert not await problems_of(page)
    await page.get_by_role("button", name="Close the camera").click()
    await expect(page.locator("#camera")).to_be_hidden()


async def test_a_guest_asks_for_the_booking(shop: Shop, page: Page) -> None:
    """On a phone, after the tab of the payment was closed: the link comes by e-mail."""
    await steps.book_and_pay(shop, page, "missing@example.com", "Bar")
    await page.goto(shop.address("/"))
    await page.get_by_role("link", name="I paid, where is my booking?").click()
    found = list(await problems_of(page))
    await page.get_by_role("button", name="Look for my booking").click()
    await expect(page.get_by_role("alert")).to_contain_text("need another look")
    found += await problems_of(page)
    await page.get_by_label("Your e-mail address or telephone number").fill("Missing@example.com")
    await page.get_by_label("The last four digits of your card").fill("4242")
    await page.get_by_role("button", name="Look for my booking").click()
    await expect(page.get_by_role("status")).to_contain_text("within minutes")
    found += await problems_of(page)
    assert not found
    for _ in range(60):  # half a minute by the browser's clock
        if any("The link to your booking" in str(mail) for mail in shop.mails_to("missing@example.com")):
            break
        await page.wait_for_timeout(500)
    else:
        raise AssertionError("the link has not come")
