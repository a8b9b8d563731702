"""What customers of providers do, in words: the steps that journeys of requests are made of."""

from __future__ import annotations

import re

import httpx
from playwright.async_api import FrameLocator, Page, expect

from tests.browser.shop import BOOKING_PAGE, UNHURRIED_MS, Shop, fill_details

# Of the demo's catalogue: provider and service.
LESSON, FREE_TALK = (3, 121), (3, 122)
CONVERSATION = (4, 131)
SONG, STAGE = (1, 101), (1, 102)
CHALLENGED_CARD = "4000002760003184"
CARD_PAGE = re.compile(r"/b/[\w-]+/card")


async def open_service(shop: Shop, page: Page, service: tuple[int, int], query: str = "") -> None:
    provider_id, offering_id = service
    await page.goto(shop.address(f"/p/{provider_id}/{offering_id}{query}"))


async def choose_time(page: Page, day: int = -1, time: int = 0) -> str:
    """The `time`-th free time of the `day`-th day that has any; says its slot."""
    days = page.locator("button.day")
    count = await days.count()
    wanted = days.nth(day % count)
    words = await wanted.get_attribute("aria-label") or ""
    await wanted.click()
    await expect(page.locator("button.day[aria-pressed=true]")).to_have_attribute("aria-label", words)
    times = page.locator("#field-slot input")
    await times.nth(time).check()
    return str(await times.nth(time).get_attribute("value"))


async def ask(
    shop: Shop, page: Page, service: tuple[int, int], email: str, day: int = -1, time: int = 0
) -> str:
    """Up to the card form; says the path of the booking's own page."""
    await open_service(shop, page, service)
    if service in (LESSON, FREE_TALK, CONVERSATION):
        await choose_time(page, day, time)
    await fill_details(page, email)
    await page.get_by_role("button", name="Go on to the card").click()
    await page.wait_for_url(CARD_PAGE)
    return path_of(page)


def path_of(page: Page) -> str:
    found = BOOKING_PAGE.search(page.url)
    assert found
    return found[0]


def card_frame(page: Page) -> FrameLocator:
    return page.frame_locator("#card-element iframe")


async def give_card(page: Page, number: str) -> None:
    frame = card_frame(page)
    await frame.get_by_label("Card number").fill(number)
    await frame.get_by_label("Expiration date").fill("12 / 34")
    await frame.get_by_label("Security code").fill("123")
    await page.get_by_role("button", name=re.compile("^Authorise ")).click()


async def is_requested(page: Page) -> None:
    await expect(page.get_by_role("heading", name=re.compile("^Your request was sent to"))).to_be_visible(
        timeout=UNHURRIED_MS
    )


def answer(shop: Shop, path: str, action: str, **body: str) -> httpx.Response:
    """As the provider's front end does it. `path` is that of the booking's page."""
    token = path.removeprefix("/b/")
    booking_id = booking_id_of(shop, token)
    return httpx.post(
        shop.address(f"/api/booking-requests/{booking_id}/{action}"),
        headers={"Authorization": f"Bearer {shop.keys['admin']}"},
        json=body,
        timeout=20,
        trust_env=False,
    )


def booking_id_of(shop: Shop, token: str) -> str:
    page = shop.demo.get(f"/b/{token}").text
    found = re.search(r'data-reference="([^"]+)"', page)
    assert found, page[:500]
    booking = shop.demo.get(f"/api/bookings/{found[1]}", params={"token": token}).json()
    return str(booking["booking_id"])
