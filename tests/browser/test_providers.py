"""Providers: answering on the page and from the message, live, by keyboard, without scripts; signing in by a link; hours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.shop import UNHURRIED_MS, Shop, problems_of

pytestmark = pytest.mark.browser

SINGER, SONG, STAGE = 1, 101, 102
EXPERT, LESSON = 3, 121
SINGERS_ADDRESS, EXPERTS_ADDRESS = "nova@example.com", "ada@example.com"
NUMBERS = count(1)


def request(shop: Shop, offering: int = SONG, provider: int = SINGER, **more: Any) -> dict[str, Any]:
    """Somebody asks, with a card that is good; says the booking with `who` asked. Each has a name of its own."""
    who = f"Fan number {next(NUMBERS)}"
    customer = {"name": who, "email": "fan@example.com"}
    wanted = {"provider_id": provider, "offering_id": offering, "customer": customer, **more}
    with httpx.Client(timeout=30, trust_env=False) as http:
        asked = http.post(shop.address("/api/create-payment-intent"), json=wanted)
        assert asked.status_code == 201, asked.text
        intent = asked.json()["payment_intent_id"]
        key = str(shop.demo.told["stripe_secret_key"])
        address = f"{shop.demo.told['sandbox']}/v1/payment_intents/{intent}/confirm"
        paid = http.post(address, data={"payment_method": "pm_card_visa"}, auth=(key, ""))
        assert paid.json()["status"] == "requires_capture", paid.text
    return {**asked.json(), "who": who}


def a_slot(shop: Shop) -> str:
    slots = shop.demo.get(f"/api/providers/{EXPERT}/slots?offering_id={LESSON}").json()["slots"]
    return str(slots[len(slots) // 2]["slot_id"])


def of(page: Page, booking: dict[str, Any]) -> Locator:
    """Its card on the page of requests."""
    return page.locator("article", has_text=booking["who"])


async def sign_in(shop: Shop, page: Page) -> None:
    """As the singer, by key."""
    await page.goto(shop.address("/provider"))
    await page.get_by_label("Your key").fill(shop.keys["provider"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Requests")).to_be_visible()


async def link_in_mail(shop: Shop, page: Page, address: str, pattern: str, beside: str = "") -> str:
    """A link out of the provider's mail, as soon as the worker has sent it. `beside`: what else the mail says."""
    for _ in range(60):
        mails = [str(mail) for mail in shop.mails_to(address) if beside in str(mail)]
        found = [link for mail in mails for link in re.findall(pattern, mail)]
        if found:
            return str(found[-1])
        await page.wait_for_timeout(500)
    raise AssertionError(f"no mail to {address} holds {pattern}")


async def test_a_request_comes_in_live_and_is_accepted(shop: Shop, page: Page) -> None:
    await sign_in(shop, page)
    booking = request(shop, details="For Sample, who turns forty")
    card = of(page, booking)
    await expect(card).to_be_visible(timeout=UNHURRIED_MS)  # nobody has loaded the page again
    await expect(card).to_contain_text("For Sample, who turns forty")
    await expect(card.locator("[data-answer-seconds]")).to_contain_text(re.compile("days?|hours?"))
    await card.locator("summary", has_text="Accept").click()
    await card.get_by_role("button", name="Yes, accept").click()
    await expect(page.get_by_role("status").first).to_contain_text("Accepted")
    await expect(of(page, booking)).to_have_count(0, timeout=UNHURRIED_MS)
    await page.get_by_role("link", name=re.compile("^Upcoming")).click()
    await expect(of(page, booking)).to_contain_text("Confirmed")
    assert shop.demo.status(booking) == "confirmed"


async def test_what_is_being_typed_is_not_taken_away(shop: Shop, page: Page) -> None:
    first = request(shop)
    await sign_in(shop, page)
    card = of(page, first)
    await card.locator("summary", has_text="Decline").click()
    await card.get_by_label("Reason").fill("I am on tour then")
    second = request(shop)
    await expect(page.get_by_text("Something has changed.")).to_be_visible(timeout=UNHURRIED_MS)
    await expect(of(page, second)).to_have_count(0)
    await expect(card.get_by_label("Reason")).to_have_value("I am on tour then")
    await card.get_by_role("button", name="Yes, decline").click()
    await expect(of(page, second)).to_be_visible()
    await page.get_by_role("link", name=re.compile("^Declined")).click()
    await expect(of(page, first)).to_contain_text("The customer was told: I am on tour then")
    assert shop.demo.status(first) == "declined"


async def test_answered_from_the_message_on_a_phone(shop: Shop, page: Page) -> None:
    booking = request(shop)
    await page.set_viewport_size({"width": 360, "height": 740})
    pattern = r"http://[^\s\"'<>\\]+/answer/[\w.-]+/accept"
    link = await link_in_mail(shop, page, SINGERS_ADDRESS, pattern, booking["reference"])
    await page.goto(link)
    await expect(page.get_by_role("heading", name="Accept this request?")).to_be_visible()
    await expect(page.get_by_text(booking["who"])).to_be_visible()
    assert not await problems_of(page)
    await page.get_by_role("link", name="Decline instead").click()
    await expect(page.get_by_role("heading", name="Decline this request?")).to_be_visible()
    assert not await problems_of(page)
    await page.get_by_role("link", name="Accept instead").click()
    await page.get_by_role("button", name="Yes, accept").click()
    await expect(page.get_by_role("heading", name="Accepted")).to_be_visible()
    await page.goto(link)
    await expect(page.get_by_role("heading", name="You have accepted this already")).to_be_visible()
    assert not await problems_of(page)
    assert shop.demo.status(booking) == "confirmed"


async def test_signing_in_by_a_link(shop: Shop, page: Page) -> None:
    booking = request(shop, LESSON, EXPERT, slot_id=a_slot(shop))
    await page.goto(shop.address("/provider/calendar"))
    await page.get_by_label("Your e-mail address").fill(EXPERTS_ADDRESS)
    await page.get_by_role("button", name="Send me a link").click()
    await expect(page.get_by_role("status")).to_contain_text("Look into your mailbox")
    assert not await problems_of(page)
    link = await link_in_mail(shop, page, EXPERTS_ADDRESS, r"http://[^\s\"'<>\\]+/provider/sign-in/[\w.-]+")
    await page.goto(link)
    assert not await problems_of(page)
    await page.get_by_role("button", name="Sign in").click()
    await expect(of(page, booking)).to_be_visible()
    cookie = next(one for one in await page.context.cookies() if one["name"] == "holdfast_provider")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/provider")
    await page.goto(link)
    await expect(page.get_by_role("heading", name="This link does not sign you in")).to_be_visible()
    await page.goto(shop.address("/provider/requests"))
    await page.get_by_role("button", name="Sign out").click()
    await page.goto(shop.address("/provider/requests"))
    await expect(page.get_by_label("Your key")).to_be_visible()


async def test_by_keyboard_alone(shop: Shop, page: Page) -> None:
    booking = request(shop)
    await sign_in(shop, page)
    await page.goto(shop.address("/provider/requests"))
    await of(page, booking).locator("summary", has_text="Accept").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    focused: str = await page.evaluate("document.activeElement.innerText")
    assert focused == "Yes, accept"
    outline: str = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "nobody sees where the focus is"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").first).to_contain_text("Accepted")


@pytest_asyncio.fixture(loop_scope="session")
async def plain_page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(java_script_enabled=False, locale="en-GB")
    yield await context.new_page()
    await context.close()


async def test_without_scripts(shop: Shop, plain_page: Page) -> None:
    page, booking = plain_page, request(shop)
    await sign_in(shop, page)
    card = of(page, booking)
    await expect(card).to_contain_text("left")
    await card.locator("summary", has_text="Decline").click()
    await card.get_by_label("Reason").fill("x" * 500)
    await card.get_by_role("button", name="Yes, decline").click()
    await expect(page.get_by_role("status").first).to_contain_text("Declined")
    assert shop.demo.status(booking) == "declined"
    await page.get_by_role("link", name="Hours").click()
    await page.get_by_label("Monday, from").first.fill("noon")
    await page.get_by_role("button", name="Save these hours").click()
    await expect(page.get_by_role("alert")).to_contain_text("Monday")
    await expect(page.get_by_label("Monday, from").first).to_have_value("noon")


async def test_hours_are_changed_and_what_is_free_follows(shop: Shop, page: Page) -> None:
    await shop.sign_in(page)
    await page.get_by_role("link", name="Providers").click()
    await page.get_by_role("link", name=re.compile("^Lee Nobody")).click()
    await page.get_by_role("link", name="Hours").click()
    await page.get_by_text("Close a time, or open one besides").click()
    await page.get_by_label("From, day").fill("2030-01-02")
    await page.get_by_role("button", name="Write it down").click()
    await expect(page.get_by_text("2 Jan 2030, 00:00", exact=True)).to_be_visible()
    await page.get_by_role("button", name=re.compile("Take away.*2 Jan 2030")).click()
    await expect(page.get_by_text("2 Jan 2030, 00:00", exact=True)).to_have_count(0)
    await page.get_by_label("Sunday, from").first.fill("05:00")
    await page.get_by_label("Sunday, to").first.fill("06:30")
    await page.get_by_role("button", name="Save these hours").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved")
    await expect(page.get_by_label("Sunday, to").first).to_have_value("06:30")


async def test_nobody_is_shut_out(shop: Shop, page: Page) -> None:
    request(shop)
    request(shop, STAGE, starts_at="2027-02-03T18:00:00Z")
    await page.goto(shop.address("/provider"))
    found = list(await problems_of(page))
    await sign_in(shop, page)
    for summary in await page.locator(".answers summary").all():
        await summary.click()
    found += await problems_of(page)
    lists = [f"requests?list={name}" for name in ("upcoming", "past", "declined")]
    for path in (*lists, "calendar", "calendar?view=month", "hours"):
        await page.goto(shop.address(f"/provider/{path}"))
        found += await problems_of(page)
    for summary in await page.locator("main details > summary").all():
        await summary.click()
    found += await problems_of(page)
    await page.get_by_label("Friday, from").first.fill("9")
    await page.get_by_role("button", name="Save these hours").click()
    found += await problems_of(page)
    await page.goto(shop.address("/answer/nothing/accept"))
    found += await problems_of(page)
    await shop.sign_in(page)
    await page.goto(shop.address("/staff/providers"))
    found += await problems_of(page)
    assert not found
