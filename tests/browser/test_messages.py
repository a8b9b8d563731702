"""Messages and customers as staff meet them: every message with its statuses, by hand, answers, the same person twice."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser import shop as steps
from tests.browser.shop import DINNER, FREE, UNHURRIED_MS, Shop, problems_of

pytestmark = pytest.mark.browser


def begin_by_sms(shop: Shop, number: str, event: int = FREE) -> dict[str, Any]:
    """What a till does: seats for a number."""
    answer = httpx.post(
        shop.address("/api/bookings/initiate"),
        json={"event_id": event, "mobile_number": number, "seats": 1},
        headers={"Authorization": f"Bearer {shop.keys['admin']}"},
        timeout=20,
        trust_env=False,
    )
    assert answer.status_code in {201, 202}, answer.text
    return dict(answer.json())


async def answer_from(shop: Shop, page: Page, number: str, words: str) -> None:
    """On the sandbox's telephone."""
    await page.goto(f"{shop.demo.told['sandbox']}/inbox/phone?number={number.replace('+', '%2B')}")
    await page.get_by_role("textbox").last.fill(words)
    await page.get_by_role("button", name=re.compile("^(Send|Answer)")).click()


async def search_messages(shop: Shop, page: Page, text: str) -> None:
    await page.goto(shop.address("/staff/messages"))
    await page.get_by_role("searchbox", name="Search").fill(text)
    await page.get_by_role("button", name="Show").click()


async def test_every_status_of_an_sms_and_of_a_confirmation(shop: Shop, page: Page) -> None:
    begun = begin_by_sms(shop, "+447700900201")
    path = await steps.book_and_pay(shop, page, "statuses@example.com", "Table 9")
    await shop.sign_in(page)
    await page.get_by_role("link", name="Messages", exact=True).click()
    await expect(page.get_by_role("heading", name="Messages", exact=True)).to_be_visible()
    found = page.locator(".record", has_text="07700900201".removeprefix("0")).first
    for _ in range(20):  # its receipt comes by itself
        await search_messages(shop, page, "07700 900201")
        if await found.locator(".badge", has_text="Delivered").count():
            break
        await page.wait_for_timeout(500)
    await found.get_by_text("Words and history").click()
    for words in ("Waiting", "Sent", "Delivered", "segment"):
        await expect(found.get_by_text(words).first).to_be_visible()
    await expect(found.get_by_role("link", name=begun["reference"])).to_be_visible()
    await search_messages(shop, page, "statuses@example.com")
    await expect(page.locator(".record", has_text="Confirmation").first).to_be_visible()
    await page.get_by_label("Channel").select_option("sms")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("No message fits")).to_be_visible()
    assert path


async def test_written_by_hand_answered_and_read(shop: Shop, page: Page) -> None:
    number = "+447700900202"
    await shop.sign_in(page)
    await page.goto(shop.address("/staff/messages"))
    await page.get_by_role("link", name="Write a message").click()
    await page.get_by_label("Mobile number").fill("020 7946 0018")
    await page.get_by_label("What you write").fill("Your table is ready.")
    await page.get_by_role("button", name="Send it").click()
    await expect(page.get_by_role("alert")).to_contain_text("landline")
    await expect(page.get_by_label("What you write")).to_have_value("Your table is ready.")
    assert not await problems_of(page)
    await page.get_by_label("Mobile number").fill("07700 900202")
    await page.get_by_role("button", name="Send it").click()
    await expect(page.get_by_role("status")).to_contain_text("on its way")
    assert not await problems_of(page)
    for _ in range(20):
        if said_to(shop, number, "Your table is ready"):
            break
        await page.wait_for_timeout(500)
    assert said_to(shop, number, "Your table is ready")

    await answer_from(shop, page, number, "Five minutes please")
    unread = page.locator("section", has=page.get_by_role("heading", name="Unread answers"))
    for _ in range(20):
        await page.goto(shop.address("/staff/messages"))
        if await unread.count():
            break
        await page.wait_for_timeout(500)
    await expect(unread).to_contain_text("Five minutes please")
    assert not await problems_of(page)
    mine = unread.locator(".record", has_text="Five minutes please")
    await mine.get_by_role("button", name=re.compile("Mark as read")).click()
    await expect(page.get_by_role("status")).to_contain_text("Marked as read")
    await page.goto(shop.address("/staff/messages/answers"))
    await expect(page.get_by_text("Five minutes please")).to_be_visible()
    assert not await problems_of(page)


def said_to(shop: Shop, number: str, words: str) -> bool:
    """Whether an SMS with these words has come to the sandbox's telephone."""
    return any(words in str(one) for one in shop.mails_to(number))


async def test_on_the_bookings_page_again_and_the_other_way(shop: Shop, page: Page) -> None:
    await steps.book_and_pay(shop, page, "again@example.com", "Table 8")
    reference = await page.locator(".reference").first.inner_text()
    await shop.sign_in(page)
    again = page.get_by_role("button", name=re.compile("^Send again"))
    for _ in range(20):
        await page.goto(shop.address(f"/staff/bookings/{reference}"))
        if await again.count():
            break
        await page.wait_for_timeout(500)
    await again.first.click()
    await expect(page.get_by_role("status").first).to_contain_text("on its way once more")
    await page.get_by_role("button", name=re.compile("^By SMS instead")).first.click()
    await expect(page.get_by_role("alert")).to_contain_text("No telephone number is known")
    await page.goto(shop.address(f"/staff/bookings/{reference}"))
    assert not await problems_of(page)
    await page.get_by_role("link", name="Everything about this customer").click()
    await expect(page.get_by_role("link", name=reference).first).to_be_visible()


async def test_the_same_person_twice(shop: Shop, page: Page) -> None:
    begin_by_sms(shop, "+447700900203", DINNER)
    await steps.book_and_pay(shop, page, "twice@example.com", "Table 7")
    await shop.sign_in(page)
    await page.get_by_role("link", name="Customers").click()
    await page.get_by_role("searchbox", name="Search").fill("07700 900203")
    await page.get_by_role("button", name="Search").click()
    assert not await problems_of(page)
    await page.locator("tbody a").first.click()
    other = page.url.rpartition("/")[2]
    await page.goto(shop.address("/staff/customers?query=twice@example.com"))
    await page.locator("tbody a").first.click()
    await page.get_by_label("Id of the other customer").fill(other)
    await page.get_by_role("button", name="Join", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("one customer now")
    await expect(page.locator("#bookings-title + table tbody tr")).to_have_count(2)
    assert not await problems_of(page)
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("status")).to_contain_text("two customers again", timeout=UNHURRIED_MS)
