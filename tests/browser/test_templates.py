"""Own words on a phone: found from the messages, wrong ones told beside their field, seen, tried out, saved, given up again."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.shop import Shop, problems_of

pytestmark = pytest.mark.browser


async def test_changing_the_words_of_a_reminder(shop: Shop, page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    await shop.sign_in(page)
    await page.goto(shop.address("/staff/messages"))
    await page.get_by_role("link", name="Words of messages").click()
    assert not await problems_of(page)
    await page.get_by_role("link", name="Reminder, E-mail, English").click()
    words = page.get_by_role("textbox", name=re.compile("^Words"))
    await expect(words).to_have_value(re.compile("We would like to remind you"))
    await words.fill("Tomorrow, {{ nam }}!")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("There is no placeholder {{ nam }}")
    await expect(words).to_have_value("Tomorrow, {{ nam }}!")
    await expect(words).to_have_attribute("aria-invalid", "true")
    assert not await problems_of(page)
    await words.fill("Tomorrow, {{ name }}!")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator(".record-words")).to_contain_text("Tomorrow, Sam Sample!")
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name=re.compile("as a mail program shows it")).click()
    shown = await opened.value
    await expect(shown.get_by_text("Tomorrow, Sam Sample!")).to_be_visible()
    await shown.close()
    await page.get_by_label("Your e-mail address").fill("words@example.com")
    await page.get_by_role("button", name="Send a test").click()
    await expect(page.get_by_role("status")).to_contain_text("The test is sent to words@example.com")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("From now on your messages say this")
    assert not await problems_of(page)
    await page.get_by_role("button", name="Use the built-in words").click()
    await expect(words).to_have_value(re.compile("We would like to remind you"))
