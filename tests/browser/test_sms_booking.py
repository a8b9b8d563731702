"""A guest whom a till has sent an SMS: from the phone in the sandbox to a seat, on a page that fits 360 pixels."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, expect

from holdfast.database.embedded import wait_until
from tests.browser import shop as steps
from tests.browser.shop import PAY_PAGE, UNHURRIED_MS, Shop, dish, problems_of, seats_at

pytestmark = pytest.mark.browser

PHONE: ViewportSize = {"width": 360, "height": 740}
NUMBERS = count(20)


@pytest_asyncio.fixture(loop_scope="session")
async def phone(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(
        viewport=PHONE, has_touch=True, is_mobile=True, locale="en-GB", timezone_id="Europe/London"
    )
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def plain_phone(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport=PHONE, java_script_enabled=False, locale="en-GB")
    yield await context.new_page()
    await context.close()


def evening(shop: Shop, price: int = 8500) -> int:
    """An event of the test's own: what is held here is in nobody's way."""
    wanted = {
        "title": "Texted evening (demo)",
        "venue": "1 Example Street, London",
        "starts_at": (datetime.now(UTC) + timedelta(days=40)).isoformat(timespec="seconds"),
        "units": [
            {"label": "Corner", "capacity": 2, "price": price},
            {"label": "Window", "capacity": 4, "price": price},
            {"label": "Bar", "capacity": 10, "price": price, "kind": "area"},
        ],
        "menu": [{"name": "Poached pear", "category": "food", "price": 800}] if price else [],
    }
    answer = _post(shop, "/api/admin/events", wanted, "admin")
    return int(answer["event_id"])


def begin(shop: Shop, price: int = 8500, seats: int = 2) -> dict[str, Any]:
    """What a till does; with the number and the event it did it for."""
    number, event = f"+4477009002{next(NUMBERS)}", evening(shop, price)
    wanted = {"event_id": event, "mobile_number": number, "seats": seats}
    return {**_post(shop, "/api/bookings/initiate", wanted, "bookings"), "number": number, "event": event}


def _post(shop: Shop, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
    headers = {"X-API-Key": shop.keys[key]}
    answer = httpx.post(shop.address(path), json=body, headers=headers, timeout=20, trust_env=False)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def texts(shop: Shop, number: str) -> list[str]:
    return [str(message["text"]) for message in shop.mails_to(number) if message["channel"] == "sms"]


async def open_from_inbox(shop: Shop, page: Page, begun: dict[str, Any]) -> None:
    await page.goto(f"{shop.demo.told['sandbox']}/inbox")
    await page.get_by_role("link", name=begun["booking_url"]).click()
    await page.wait_for_url(begun["booking_url"])
    await expect(page.get_by_text("Held for you until")).to_be_visible()


async def test_from_the_sms_to_a_paid_booking(shop: Shop, phone: Page) -> None:
    begun = begin(shop)
    await open_from_inbox(shop, phone, begun)
    await expect(phone.get_by_role("timer")).to_contain_text("left")
    await phone.get_by_text("Another place").tap()
    await seats_at(phone, "Corner").select_option("0")
    await seats_at(phone, "Bar").select_option("3")
    await phone.get_by_text("Food and wine").tap()
    await dish(phone, "Poached pear").fill("2")
    await expect(phone.locator("[data-total]")).not_to_have_text("£0.00")
    await phone.get_by_label("Name").fill("Example Texter")
    assert await steps.overflow(phone) == 0
    await steps.go_to_pay(phone)
    await steps.pay(phone)
    await steps.is_confirmed(phone)
    await expect(phone.get_by_role("row", name=re.compile("^Bar"))).to_be_visible()
    assert wait_until(lambda: len(texts(shop, begun["number"])) == 2, 30), texts(shop, begun["number"])
    assert any("booked!" in text and begun["reference"] in text for text in texts(shop, begun["number"]))

    await phone.goto(begun["booking_url"])
    await expect(phone.get_by_role("heading", name="Your booking is confirmed")).to_be_visible()


async def test_with_an_address_the_ticket_comes_by_mail(shop: Shop, phone: Page) -> None:
    begun = begin(shop, 0, 1)
    await open_from_inbox(shop, phone, begun)
    await phone.get_by_label("Name").fill("Example Rehearser")
    await phone.get_by_label("E-mail").fill("texted@example.com")
    await phone.get_by_role("button", name="Confirm", exact=True).tap()
    await steps.is_confirmed(phone)
    assert wait_until(lambda: len(shop.mails_to("texted@example.com")) == 1, 30)
    assert len(texts(shop, begun["number"])) == 1, "one confirmation, by one way"


async def test_a_mistake_is_told_and_a_reload_loses_nothing(shop: Shop, phone: Page) -> None:
    begun = begin(shop, 0, 2)
    await phone.goto(begun["booking_url"])
    await phone.get_by_label("E-mail").fill("not an address")
    await phone.get_by_role("button", name="Confirm", exact=True).tap()
    await expect(phone.get_by_role("alert")).to_be_focused()
    await expect(phone.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    await expect(phone.get_by_label("E-mail")).to_have_value("not an address")
    assert not await problems_of(phone)
    await phone.get_by_label("Name").fill("Example Reloader")
    await phone.goto(begun["booking_url"])
    await expect(phone.get_by_label("Name")).to_have_value("Example Reloader")
    await phone.get_by_label("E-mail").fill("")
    await phone.get_by_role("button", name="Confirm", exact=True).tap()
    await steps.is_confirmed(phone)


async def test_a_preview_robot_changes_nothing(shop: Shop, phone: Page) -> None:
    begun = begin(shop)
    held = shop.availability(begun["event"])["held"]
    path = begun["booking_url"].removeprefix(shop.web)
    for robot in ("WhatsApp/2.23.20 A", "facebookexternalhit/1.1", "Slackbot-LinkExpanding 1.0"):
        for where in (path, f"{path}/complete", f"{path}/cancel"):
            assert shop.demo.get(where, headers={"User-Agent": robot}).status_code == 200
    assert shop.availability(begun["event"])["held"] == held
    await phone.goto(begun["booking_url"])
    await expect(phone.get_by_text("Nothing is booked before that")).to_be_visible()
    await phone.get_by_role("link", name="I do not want these seats").tap()
    await phone.get_by_role("button", name="Cancel the booking").tap()
    await expect(phone.get_by_role("heading", name="This booking is cancelled")).to_be_visible()


async def test_without_scripts(shop: Shop, plain_phone: Page) -> None:
    page, begun = plain_phone, begin(shop)
    await page.goto(begun["booking_url"])
    await page.get_by_label("Name").fill("Example Plain")
    await page.get_by_role("button", name="See the total").click()
    await expect(page.get_by_role("row", name="Total £170.00")).to_be_visible()
    await page.get_by_role("button", name="Change something").click()
    await expect(page.get_by_label("Name")).to_have_value("Example Plain")
    await page.get_by_role("button", name="See the total").click()
    await page.get_by_role("button", name="Pay £170.00").click()
    await page.wait_for_url(PAY_PAGE)
    await steps.pay(page)
    await steps.is_confirmed(page)


async def test_by_keyboard_alone(shop: Shop, page: Page) -> None:
    begun = begin(shop, 0, 2)
    await page.goto(begun["booking_url"])
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.name") == "name":
            break
    await page.keyboard.type("Example Keys")
    await page.keyboard.press("Enter")
    await steps.is_confirmed(page)


async def test_seats_that_went_meanwhile_are_told_and_the_rest_is_kept(shop: Shop, phone: Page) -> None:
    begun = begin(shop)
    await phone.goto(begun["booking_url"])
    await phone.get_by_label("Name").fill("Example Late")
    await phone.get_by_text("Another place").tap()
    await seats_at(phone, "Corner").select_option("0")
    await seats_at(phone, "Window").select_option("1")
    [window] = [one for one in shop.availability(begun["event"])["units"] if one["label"] == "Window"]
    wanted = {
        "units": [{"unit_id": window["unit_id"], "seats": 4}],
        "menu": [],
        "customer": {"name": "Example Quicker", "email": "quicker-than-sms@example.com"},
    }
    _post(shop, f"/api/events/{begun['event']}/bookings", wanted, "bookings")
    await phone.get_by_role("button", name=re.compile("^Pay ")).tap()
    await expect(phone.get_by_text("Somebody was quicker")).to_be_visible()
    await expect(phone.get_by_text("Bar: 10 free")).to_be_visible()
    await expect(phone.get_by_label("Name")).to_have_value("Example Late")
    assert not await problems_of(phone)


@pytest.mark.parametrize("price", [8500, 0])
async def test_no_barriers(shop: Shop, phone: Page, price: int) -> None:
    begun = begin(shop, price, 1)
    await phone.goto(begun["booking_url"])
    assert not await problems_of(phone)
    closed = phone.locator("details.more:not([open]) > summary")
    while await closed.count():
        await closed.first.tap()
    assert not await problems_of(phone)


async def test_a_link_that_was_cut_off(shop: Shop, phone: Page) -> None:
    await phone.goto(shop.address("/b/NVRx2oZ8s1B"))
    await expect(phone.get_by_role("heading", name="This link is not complete")).to_be_visible(
        timeout=UNHURRIED_MS
    )
    assert not await problems_of(phone)
