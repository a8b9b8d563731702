"""Staff: signing in by a key, the kitchen's list, one booking with its money, the promise board, the inbox."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser import shop as steps
from tests.browser.shop import UNHURRIED_MS, Shop, dish

pytestmark = pytest.mark.browser


async def test_nobody_comes_in_without_a_key(shop: Shop, page: Page) -> None:
    await page.goto(shop.address("/staff/events/35/kitchen"))
    await expect(page.get_by_label("Your key")).to_be_visible()
    await page.get_by_label("Your key").fill("hf_wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("not known here")
    await page.get_by_label("Your key").fill(shop.keys["provider"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("opens no staff pages")
    await page.get_by_label("Your key").fill(shop.keys["door"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name=re.compile("Winter Lights"))).to_be_visible()


async def test_the_door_sees_the_kitchens_list_and_no_money(shop: Shop, page: Page) -> None:
    await shop.sign_in(page, "door")
    cookie = next(one for one in await page.context.cookies() if one["name"] == "holdfast_staff")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/staff")
    await expect(page.get_by_role("link", name="Bookings")).to_have_count(0)
    answer = await page.goto(shop.address("/staff/bookings"))
    assert answer
    assert answer.status == 403
    await page.goto(shop.address("/staff"))
    await page.get_by_role("button", name="Sign out").click()
    await page.goto(shop.address("/staff/today"))
    await expect(page.get_by_label("Your key")).to_be_visible()


async def test_what_guests_ordered_reaches_the_kitchen(shop: Shop, page: Page) -> None:
    await shop.open_event(page)
    await steps.seats_at(page, "Bar").select_option("2")
    await dish(page, "Port, glass").fill("2")
    await steps.fill_details(page, "kitchen@example.com", name="Example Drinkers")
    await steps.go_to_pay(page)
    await steps.pay(page)
    await steps.is_confirmed(page)
    await shop.sign_in(page, "door")
    await page.get_by_role("link", name="Kitchen and tables: Winter Lights").click()
    table = page.locator("section.kitchen-table", has_text="Example Drinkers")
    await expect(table.get_by_role("heading", name=re.compile("^Bar"))).to_be_visible()
    await expect(table.get_by_role("listitem")).to_contain_text(["2 Port, glass"])
    await page.emulate_media(media="print")
    await expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    await expect(table).to_be_visible()


async def test_refund_a_part_and_cancel(shop: Shop, page: Page) -> None:
    await steps.book_and_pay(shop, page, "refunded@example.com", "Table 10", 2)
    await shop.sign_in(page)
    await page.get_by_role("link", name="Bookings").click()
    await page.get_by_role("searchbox", name="Search").fill("refunded@example.com")
    await page.get_by_role("button", name="Search").click()
    await page.locator("tbody a").first.click()
    await page.get_by_label("Give back, in GBP").fill("12.345")
    await page.get_by_role("button", name="Refund", exact=True).click()
    await expect(page.get_by_role("status").first).to_contain_text("not an amount in GBP")
    await page.get_by_label("Give back, in GBP").fill("20.00")
    await page.get_by_role("button", name="Refund", exact=True).click()
    await expect(page.get_by_role("status").first).to_contain_text("The refund is ordered")
    await expect(page.get_by_role("row", name=re.compile("Refund .staff, by staff:hf_"))).to_contain_text(
        "£20.00"
    )
    await expect(page.get_by_placeholder("empty: all £150.00")).to_be_visible()

    await page.get_by_text("Cancel this booking").click()
    await expect(page.get_by_text("The guest gets back £150.00")).to_be_visible()
    await page.get_by_role("button", name="Cancel it now").click()
    await expect(page.locator(".badge", has_text="Cancelled").first).to_be_visible()


async def test_the_promises_are_kept(shop: Shop, page: Page) -> None:
    await shop.sign_in(page)
    await page.get_by_role("link", name="Promises").click()
    await page.get_by_role("button", name="Check all now").click()
    unkept = page.locator(".stat", has_text="Paid without booking").locator("dd")
    await expect(unkept).to_contain_text("0", timeout=UNHURRIED_MS)
    await expect(page.get_by_role("heading", name="Whoever paid has a booking.")).to_be_visible()


async def test_an_event_is_applied_again(shop: Shop, page: Page) -> None:
    await steps.book_and_pay(shop, page, "inbox@example.com", "Bar")
    await shop.sign_in(page)
    await page.get_by_role("link", name="Inbox").click()
    await page.get_by_label("Kind").select_option("checkout.session.completed")
    await page.get_by_role("button", name="Show").click()
    await page.locator("tbody a").first.click()
    await page.get_by_role("button", name="Apply it again").click()
    await expect(page.get_by_role("status")).to_contain_text("It is being applied now")
    await expect(page.get_by_text('"checkout.session"')).to_be_visible()


async def test_settle_now_asks_stripe(shop: Shop, page: Page) -> None:
    await steps.hold(shop, page, "settle@example.com", "Bar")
    reference = await page.locator(".reference").inner_text()
    await shop.sign_in(page)
    await page.goto(shop.address(f"/staff/bookings/{reference}"))
    await page.get_by_role("button", name="Settle now").click()
    await expect(page.get_by_role("status").first).to_contain_text(re.compile("Stripe"))
