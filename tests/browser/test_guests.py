"""Guests: from the plan of the room to the mail in the box, and every way back without losing anything."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect

from holdfast.database.embedded import wait_until
from tests.browser import shop as steps
from tests.browser.shop import DECLINED_CARD, DINNER, UNHURRIED_MS, Shop, dish, seats_at

pytestmark = pytest.mark.browser


async def test_book_with_food_and_wine_and_pay(shop: Shop, page: Page) -> None:
    await page.goto(shop.address("/"))
    await page.get_by_role("link", name=re.compile("Winter Lights")).click()
    await page.locator('.plan-table:has(.plan-name:text-is("1"))').click()
    await page.locator('.plan-table:has(.plan-name:text-is("1"))').click()
    await expect(seats_at(page, "Table 1")).to_have_value("2")
    await page.get_by_role("button", name="One Braised beef with barley more").click()
    await page.get_by_role("button", name="One Braised beef with barley more").click()
    await dish(page, "House red, bottle").fill("1")
    await expect(page.locator("[data-total]")).to_have_text("£247.00")
    await steps.fill_details(page, "feast@example.com")
    await steps.go_to_pay(page)
    await expect(page.get_by_text("£247.00").first).to_be_visible()
    await steps.pay(page)
    await steps.is_confirmed(page)

    await expect(page.get_by_text("Braised beef with barley")).to_be_visible()
    await expect(page.get_by_text("Paid by Visa ending 4242")).to_be_visible()
    for told in ("Seats held", "Paid", "Booking confirmed", "Message sent"):
        line = page.locator(".timeline-title", has_text=re.compile(f"^{told}$"))
        await expect(line).to_be_visible(timeout=UNHURRIED_MS)
    code = page.get_by_role("img", name=re.compile("QR code"))
    await expect(code).to_have_js_property("complete", True)
    assert await code.evaluate("image => image.naturalWidth") > 0
    assert wait_until(lambda: len(shop.mails_to("feast@example.com")) == 1, 30)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Put it into my calendar").click()
    assert (await download.value).suggested_filename.endswith(".ics")


async def test_declined_then_paid(shop: Shop, page: Page) -> None:
    await shop.open_event(page)
    await seats_at(page, "Table 2").select_option("1")
    await steps.fill_details(page, "second-card@example.com")
    await steps.go_to_pay(page)
    await steps.pay(page, DECLINED_CARD)
    await expect(page.get_by_text("Your card was declined")).to_be_visible()
    await steps.pay(page)
    await steps.is_confirmed(page)


async def test_back_from_the_payment_page_loses_nothing(shop: Shop, page: Page) -> None:
    await shop.open_event(page)
    await seats_at(page, "Table 3").select_option("2")
    await dish(page, "Smoked trout on rye").fill("2")
    await steps.fill_details(page, "changed-mind@example.com", name="Example Undecided")
    await steps.go_to_pay(page)
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("Nothing has been paid")).to_be_visible()
    await expect(page.get_by_role("timer")).to_contain_text("left")
    await page.get_by_role("button", name="Change my selection").click()
    await page.wait_for_url(re.compile(r"/events/35"))
    await expect(seats_at(page, "Table 3")).to_have_value("2")
    await expect(dish(page, "Smoked trout on rye")).to_have_value("2")
    await expect(page.get_by_label("Name")).to_have_value("Example Undecided")
    await expect(page.get_by_label("E-mail")).to_have_value("changed-mind@example.com")
    await steps.go_to_pay(page)
    await steps.pay(page)
    await steps.is_confirmed(page)


async def test_the_browsers_back_button_and_reload_lose_nothing(shop: Shop, page: Page) -> None:
    await shop.open_event(page)
    await seats_at(page, "Table 3").select_option("1")
    await steps.fill_details(page, "back-button@example.com")
    await page.reload()
    await expect(page.get_by_label("E-mail")).to_have_value("back-button@example.com")
    await expect(seats_at(page, "Table 3")).to_have_value("1")
    await steps.go_to_pay(page)
    held = shop.availability(DINNER)["held"]
    await page.go_back()
    await expect(page.get_by_text("You already hold seats")).to_be_visible()
    await expect(page.get_by_label("E-mail")).to_have_value("back-button@example.com")
    await page.get_by_role("button", name=re.compile("^Pay ")).click()
    await page.wait_for_url(steps.PAY_PAGE)
    assert shop.availability(DINNER)["held"] == held, "the same form, sent again, has held a second seat"


async def test_a_mistake_is_told_at_its_field_and_nothing_is_lost(shop: Shop, page: Page) -> None:
    await shop.open_event(page)
    await seats_at(page, "Table 6").select_option("1")
    await dish(page, "Poached pear").fill("3")
    await page.get_by_label("Name").fill("Example Guest")
    await page.get_by_label("E-mail").fill("not an address")
    await page.get_by_label("Telephone").fill("07700 900123")
    await page.get_by_role("button", name=re.compile("^Pay ")).click()
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("E-mail")).to_have_value("not an address")
    await expect(dish(page, "Poached pear")).to_have_value("3")
    await expect(page.get_by_label("Telephone")).to_have_value("07700 900123")
    await expect(seats_at(page, "Table 6")).to_have_value("1")


async def test_seats_change_before_the_eyes_of_others(shop: Shop, page: Page, browser: Browser) -> None:
    await shop.open_event(page)
    await expect(page.get_by_text("6 of 6 free").first).to_be_visible()
    watched = page.locator('fieldset[data-label="Table 8"]')
    await expect(watched).to_contain_text("6 of 6 free")
    elsewhere = await browser.new_context(locale="en-GB", timezone_id="Europe/London")
    try:
        await steps.hold(shop, await elsewhere.new_page(), "elsewhere@example.com", "Table 8", 6)
        await expect(watched).to_contain_text("Held by other guests just now", timeout=UNHURRIED_MS)
        await expect(page.locator('.plan-table[data-status="held"]')).to_have_count(1)
        await expect(seats_at(page, "Table 8")).to_be_disabled()
    finally:
        await elsewhere.close()


async def test_somebody_was_quicker(shop: Shop, page: Page, browser: Browser) -> None:
    """The page that did not hear of it is told what is still free, and keeps the rest."""
    await page.route("**/live", lambda route: route.abort())
    await page.route("**/availability", lambda route: route.abort())
    await shop.open_event(page)
    await seats_at(page, "Table 4").select_option("2")
    await dish(page, "Pumpkin gnocchi").fill("2")
    await steps.fill_details(page, "too-late@example.com")
    elsewhere = await browser.new_context()
    try:
        await steps.hold(shop, await elsewhere.new_page(), "quicker@example.com", "Table 4", 2)
    finally:
        await elsewhere.close()
    await page.get_by_role("button", name=re.compile("^Pay ")).click()
    await expect(page.get_by_text("Somebody was quicker")).to_be_visible()
    await expect(page.get_by_text(re.compile(r"Bar: \d+ free"))).to_be_visible()
    await expect(dish(page, "Pumpkin gnocchi")).to_have_value("2")
    await expect(page.get_by_label("E-mail")).to_have_value("too-late@example.com")


async def test_cancel_with_the_refund_shown_first_and_book_again(shop: Shop, page: Page) -> None:
    await steps.book_and_pay(shop, page, "cancels@example.com", "Table 7", 2)
    await page.get_by_role("link", name="Cancel this booking").click()
    await expect(page.get_by_role("row", name="You get back now £170.00")).to_be_visible()
    await page.get_by_role("button", name="Cancel and get back £170.00").click()
    await expect(page.get_by_role("heading", name="This booking is cancelled")).to_be_visible()
    await expect(page.get_by_text(re.compile("Refund, "))).to_be_visible()
    await page.get_by_role("link", name="Book again").click()
    await expect(seats_at(page, "Table 7")).to_have_value("2")
    await expect(page.get_by_label("E-mail")).to_have_value("cancels@example.com")


async def test_what_costs_nothing_is_booked_at_once(shop: Shop, page: Page) -> None:
    await shop.open_event(page, steps.FREE)
    await page.get_by_label(re.compile("^Seats at ")).first.select_option("2")
    await steps.fill_details(page, "rehearsal@example.com")
    await page.get_by_role("button", name="Book", exact=True).click()
    await steps.is_confirmed(page)


async def test_a_table_sold_whole(shop: Shop, page: Page) -> None:
    await shop.open_event(page, steps.BY_THE_TABLE)
    table = page.get_by_label(re.compile("^Guests at ")).first
    await table.select_option("1")
    price = await page.locator("fieldset.unit").first.get_attribute("data-price")
    await expect(page.locator("[data-total]")).to_have_text(f"£{int(price or 0) / 100:.2f}")
    await steps.fill_details(page, "whole-table@example.com")
    await steps.go_to_pay(page)
    await steps.pay(page)
    await steps.is_confirmed(page)


async def test_money_without_decimals(shop: Shop, page: Page) -> None:
    await shop.open_event(page, steps.YEN)
    await page.get_by_label(re.compile("^(Seats|Guests) at ")).first.select_option("1")
    price = await page.locator("fieldset.unit").first.get_attribute("data-price")
    await expect(page.locator("[data-total]")).to_contain_text(f"{int(price or 0):,}")


async def test_an_evening_that_is_over_sells_nothing(shop: Shop, page: Page) -> None:
    await shop.open_event(page, steps.PAST)
    await expect(page.get_by_text("This evening is over")).to_be_visible()
    await expect(page.locator("form")).to_have_count(0)


async def test_a_wrong_link_opens_nothing(shop: Shop, page: Page) -> None:
    answer = await page.goto(shop.address("/b/no-such-secret"))
    assert answer
    assert answer.status == 404
    await expect(page.get_by_role("heading", name="This link is not complete")).to_be_visible()
