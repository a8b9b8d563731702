"""Customers of providers: choosing a time, giving a card by form, waiting for the answer, moving and cancelling. F28, F31."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from holdfast.database.embedded import wait_until
from tests.browser import asking
from tests.browser import shop as steps
from tests.browser.asking import CHALLENGED_CARD, FREE_TALK, LESSON, SONG, STAGE
from tests.browser.shop import DECLINED_CARD, GOOD_CARD, UNHURRIED_MS, Shop, problems_of

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture(loop_scope="session")
async def plain_page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(java_script_enabled=False, locale="en-GB")
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def far_page(browser: Browser) -> AsyncIterator[Page]:
    """Of somebody in New York."""
    context = await browser.new_context(locale="en-GB", timezone_id="America/New_York")
    yield await context.new_page()
    await context.close()


async def test_ask_pay_by_card_form_and_be_accepted(shop: Shop, page: Page) -> None:
    await page.goto(shop.address("/"))
    await page.get_by_role("link", name="Who can be booked").click()
    await page.get_by_role("link", name=re.compile("^Nova Example")).click()
    await page.get_by_role("link", name=re.compile("^A song for one person")).click()
    await expect(page.get_by_text("You are charged only if it is accepted.")).to_be_visible()
    await steps.fill_details(page, "song@example.com")
    await page.get_by_label(re.compile("^Who is it for")).fill("For Example, the slow one")
    await page.get_by_role("button", name="Go on to the card").click()
    await page.wait_for_url(asking.CARD_PAGE)
    path = asking.path_of(page)
    await asking.give_card(page, GOOD_CARD)
    await asking.is_requested(page)
    await expect(page.get_by_text("Your card is authorised, not charged.")).to_be_visible()
    await expect(page.get_by_text("For Example, the slow one")).to_be_visible()
    await expect(page.get_by_role("row", name="Authorised, not charged £60.00")).to_be_visible()
    assert wait_until(lambda: len(shop.mails_to("song@example.com")) == 1, 30)

    assert asking.answer(shop, path, "accept").status_code == 200
    confirmed = page.get_by_role("heading", name=re.compile("has accepted: it is confirmed"))
    await expect(confirmed).to_be_visible(timeout=UNHURRIED_MS)
    await expect(page.get_by_role("row", name="Charged £60.00")).to_be_visible()
    await expect(page.get_by_text("Paid by Visa ending 4242")).to_be_visible()


async def test_a_declined_card_then_a_good_one(shop: Shop, page: Page) -> None:
    """F31: one intent all the time; what was declined charges nothing, and the form stays."""
    await asking.ask(shop, page, LESSON, "two-cards@example.com")
    await asking.give_card(page, DECLINED_CARD)
    await expect(page.locator("#card-error")).to_contain_text("declined")
    await expect(page.locator("#card-error")).to_contain_text("Nothing was charged")
    await expect(page.get_by_role("timer")).to_contain_text("left")
    await asking.give_card(page, GOOD_CARD)
    await asking.is_requested(page)


@pytest.mark.parametrize("bank_says_yes", [True, False])
async def test_the_bank_asks(shop: Shop, page: Page, bank_says_yes: bool) -> None:
    await asking.ask(shop, page, LESSON, "bank-asks@example.com")
    await asking.give_card(page, CHALLENGED_CARD)
    challenge = page.frame_locator('iframe[src*="/v3/challenge/"]')
    if bank_says_yes:
        await challenge.get_by_role("button", name=re.compile("^Complete")).click()
        await asking.is_requested(page)
    else:
        await challenge.get_by_role("button", name=re.compile("^Fail")).click()
        await expect(page.locator("#card-error")).to_contain_text("Nothing was charged")
        await asking.give_card(page, GOOD_CARD)
        await asking.is_requested(page)


async def test_back_reload_and_a_double_click_lose_and_repeat_nothing(shop: Shop, page: Page) -> None:
    path = await asking.ask(shop, page, LESSON, "to-and-fro@example.com")
    await page.reload()
    await expect(page.get_by_role("button", name=re.compile("^Authorise £35.00"))).to_be_enabled()
    await page.go_back()
    await expect(page.get_by_text("You have begun a request here")).to_be_visible()
    await expect(page.get_by_label("E-mail")).to_have_value("to-and-fro@example.com")
    await page.get_by_role("link", name="Go on with it").click()
    assert asking.path_of(page) == path
    await page.get_by_role("link", name=re.compile("^Authorise my card")).click()
    frame = asking.card_frame(page)
    await frame.get_by_label("Card number").fill(GOOD_CARD)
    await frame.get_by_label("Expiration date").fill("12 / 34")
    await frame.get_by_label("Security code").fill("123")
    await page.get_by_role("button", name=re.compile("^Authorise ")).dblclick(no_wait_after=True)
    await asking.is_requested(page)
    await page.goto(shop.address(f"{path}/card"))
    await asking.is_requested(page)


async def test_somebody_was_quicker(shop: Shop, page: Page, browser: Browser) -> None:
    await asking.open_service(shop, page, LESSON)
    slot = await asking.choose_time(page, day=-1, time=1)
    await steps.fill_details(page, "too-late-for-it@example.com")
    elsewhere = await browser.new_context(locale="en-GB", timezone_id="Europe/London")
    try:
        other = await elsewhere.new_page()
        await asking.open_service(shop, other, LESSON)
        assert await asking.choose_time(other, day=-1, time=1) == slot
        await steps.fill_details(other, "quicker-for-it@example.com")
        await other.get_by_role("button", name="Go on to the card").click()
        await other.wait_for_url(asking.CARD_PAGE)
    finally:
        await elsewhere.close()
    await page.get_by_role("button", name="Go on to the card").click()
    await expect(page.get_by_text("Somebody was quicker")).to_be_visible()
    await expect(page.get_by_label("E-mail")).to_have_value("too-late-for-it@example.com")
    near = page.get_by_role("group", name="Nearest free times").get_by_role("radio")
    await expect(near).to_have_count(5)
    assert not await problems_of(page)
    await near.first.check()
    await page.get_by_role("button", name="Go on to the card").click()
    await page.wait_for_url(asking.CARD_PAGE)


async def test_times_are_on_the_visitors_clock_with_the_providers_beside(shop: Shop, far_page: Page) -> None:
    page = far_page
    await asking.open_service(shop, page, LESSON)
    await expect(page.locator(".times-clock")).to_contain_text("New York time")
    first = page.locator("#field-slot .time").first
    here, there = (
        await first.locator(".time-here").inner_text(),
        await first.locator(".time-there").inner_text(),
    )
    assert (int(there[:2]) - int(here[:2])) % 24 in {4, 5}
    assert "London time" in there
    await page.get_by_text("Another time zone").click()
    await page.get_by_label("Show times as they are in").select_option("Asia/Tokyo")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.locator(".times-clock")).to_contain_text("Tokyo time")


async def test_move_to_another_time(shop: Shop, page: Page) -> None:
    path = await asking.ask(shop, page, LESSON, "moves@example.com")
    await asking.give_card(page, GOOD_CARD)
    await asking.is_requested(page)
    assert asking.answer(shop, path, "accept").status_code == 200
    await expect(page.get_by_role("heading", name=re.compile("it is confirmed"))).to_be_visible(
        timeout=UNHURRIED_MS
    )
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Put it into my calendar").click()
    assert (await download.value).suggested_filename.endswith(".ics")
    before = await page.locator(".ticket time").first.get_attribute("datetime")
    await page.get_by_role("link", name="Move to another time").click()
    await asking.choose_time(page, day=-2, time=2)
    assert not await problems_of(page)
    await page.get_by_role("button", name="Move to this time").click()
    await expect(page.get_by_role("heading", name=re.compile("it is confirmed"))).to_be_visible()
    assert await page.locator(".ticket time").first.get_attribute("datetime") != before
    await expect(page.locator(".timeline-title", has_text="Moved to another time")).to_be_visible()
    await expect(page.get_by_text("one move is left")).to_be_visible()


async def test_take_a_request_back_before_the_answer_and_ask_again(shop: Shop, page: Page) -> None:
    await asking.ask(shop, page, SONG, "changes-mind@example.com")
    await asking.give_card(page, GOOD_CARD)
    await asking.is_requested(page)
    await page.get_by_role("link", name="Take my request back").click()
    await expect(page.get_by_text("Your card is authorised, not charged")).to_be_visible()
    assert not await problems_of(page)
    await page.get_by_role("button", name="Take my request back").click()
    await expect(page.get_by_role("heading", name="This is cancelled")).to_be_visible()
    await expect(page.get_by_text("Nothing was charged.").first).to_be_visible()
    await page.get_by_role("link", name="Ask again").click()
    await expect(page.get_by_label("E-mail")).to_have_value("changes-mind@example.com")


async def test_a_no_with_its_reason_arrives_by_itself(shop: Shop, page: Page) -> None:
    path = await asking.ask(shop, page, SONG, "hears-no@example.com")
    await asking.give_card(page, GOOD_CARD)
    await asking.is_requested(page)
    assert asking.answer(shop, path, "decline", reason="On tour that week").status_code == 200
    await expect(page.get_by_role("heading", name=re.compile("could not accept"))).to_be_visible(
        timeout=UNHURRIED_MS
    )
    await expect(page.get_by_text("On tour that week")).to_be_visible()
    assert not await problems_of(page)


async def test_what_costs_nothing_needs_no_card(shop: Shop, page: Page) -> None:
    await asking.open_service(shop, page, FREE_TALK)
    await asking.choose_time(page)
    await steps.fill_details(page, "free-talk@example.com")
    await page.get_by_role("button", name="Send the request").click()
    await asking.is_requested(page)
    await expect(page.get_by_text("It costs nothing.").first).to_be_visible()


async def test_propose_a_time_and_mistakes_beside_their_fields(shop: Shop, page: Page) -> None:
    await asking.open_service(shop, page, STAGE)
    await page.get_by_label("Name").fill("Example Host")
    await page.get_by_label("E-mail").fill("not an address")
    await page.get_by_label("Day").fill("2020-01-01")
    await page.get_by_role("button", name="Go on to the card").click()
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Time", exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Name")).to_have_value("Example Host")
    await page.get_by_label("E-mail").fill("host@example.com")
    await page.get_by_label("Time", exact=True).fill("19:00")
    await page.get_by_role("button", name="Go on to the card").click()
    await expect(page.get_by_text("That time is past.")).to_be_visible()
    await expect(page.get_by_label("Time", exact=True)).to_have_value("19:00")
    last = date.fromisoformat(await page.get_by_label("Day").get_attribute("max") or "")
    await page.get_by_label("Day").fill((last - timedelta(days=60)).isoformat())
    await page.get_by_role("button", name="Go on to the card").click()
    await page.wait_for_url(asking.CARD_PAGE)


async def test_without_scripts_up_to_the_requested_page(shop: Shop, plain_page: Page) -> None:
    """Each day is a button of the form, so nothing typed is lost; the sandbox has a page of its own for the card."""
    page = plain_page
    await asking.open_service(shop, page, LESSON)
    await steps.fill_details(page, "no-script-request@example.com")
    await page.locator("button.day").last.click()
    await expect(page.get_by_label("E-mail")).to_have_value("no-script-request@example.com")
    await page.locator("#field-slot input").first.check()
    await page.get_by_text("Another time zone").click()
    await page.get_by_label("Show times as they are in").select_option("America/New_York")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.locator(".times-clock")).to_contain_text("New York time")
    await page.locator("#field-slot input").first.check()
    await page.get_by_role("button", name="Go on to the card").click()
    await page.wait_for_url(asking.CARD_PAGE)
    await page.get_by_role("link", name="Give the card on the payment page").click()
    await page.get_by_label("Card number").fill(GOOD_CARD)
    await page.get_by_role("button", name=re.compile("^(Pay|Authorise)")).click()
    await asking.is_requested(page)


async def test_by_keyboard_alone(shop: Shop, page: Page) -> None:
    await asking.open_service(shop, page, LESSON)
    await page.locator("button.day").last.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#field-slot input").first).to_be_focused()
    await page.keyboard.press("Space")
    await expect(page.locator("#field-slot input").first).to_be_checked()
    await expect(page.locator("[data-chosen]")).to_be_visible()
    await page.get_by_label("Name").focus()
    await page.keyboard.type("Example Keys")
    await page.keyboard.press("Tab")
    await page.keyboard.type("request-by-keys@example.com")
    await page.keyboard.press("Enter")
    await page.wait_for_url(asking.CARD_PAGE)
    await asking.card_frame(page).get_by_label("Card number").focus()
    await page.keyboard.type(GOOD_CARD)
    await page.keyboard.press("Tab")
    await page.keyboard.type("1234")
    await page.keyboard.press("Tab")
    await page.keyboard.type("123")
    await page.get_by_role("button", name=re.compile("^Authorise ")).focus()
    await page.keyboard.press("Enter")
    await asking.is_requested(page)


async def test_nobody_is_shut_out(shop: Shop, page: Page) -> None:
    """axe finds nothing serious, by day and by night, and a phone needs no sideways scrolling."""
    found: list[str] = []
    for path in ("/providers", "/p/3", "/p/3/121", "/p/1/102", "/p/1/101"):
        await page.goto(shop.address(path))
        found += await problems_of(page)
    await page.get_by_role("button", name="Go on to the card").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    found += await problems_of(page)
    path = await asking.ask(shop, page, LESSON, "axe-request@example.com")
    await expect(page.get_by_role("button", name=re.compile("^Authorise "))).to_be_enabled()
    found += await problems_of(page)
    await page.goto(shop.address(path))
    found += await problems_of(page)
    await page.goto(shop.address(f"{path}/card"))
    await asking.give_card(page, GOOD_CARD)
    await asking.is_requested(page)
    found += await problems_of(page)
    assert not found


async def test_the_policy_of_the_card_page_alone_is_wider(shop: Shop, page: Page) -> None:
    path = await asking.ask(shop, page, SONG, "policy@example.com")
    sandbox = str(shop.demo.told["sandbox"])
    card, booking = shop.demo.get(f"{path}/card"), shop.demo.get(path)
    policy = directives(card.headers["content-security-policy"])
    usual = directives(booking.headers["content-security-policy"])
    for name in ("script-src", "connect-src"):
        assert policy.pop(name) == f"{usual.pop(name)} {sandbox}"
    assert policy.pop("frame-src") == sandbox
    assert policy == usual
    assert card.headers["cache-control"] == "no-store"


def directives(policy: str) -> dict[str, str]:
    pairs = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: hosts for name, _, hosts in pairs}
