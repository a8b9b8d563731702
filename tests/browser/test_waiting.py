"""While nothing is certain: the countdown, the bank that takes its time, Stripe that does not answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tests.browser import shop as steps
from tests.browser.shop import UNHURRIED_MS, Shop, seats_at

pytestmark = pytest.mark.browser
NO_FAULTS = {
    "webhooks": {"lose": 0, "duplicate": 0, "delay_s": 0, "reorder": False},
    "api": {"timeout_before": 0, "timeout_after": 0, "error_500": 0, "error_429": 0},
}


@pytest.fixture
def faults(shop: Shop) -> Iterator[Shop]:
    yield shop
    shop.sandbox("/control/faults", method="POST", json=NO_FAULTS).raise_for_status()


async def test_a_bank_that_takes_its_time(shop: Shop, page: Page) -> None:
    path = await steps.hold(shop, page, "waits@example.com", "Bar")
    await page.clock.install()
    await page.goto(shop.address(f"{path}?paid=cs_test_waiting"))
    await expect(page.get_by_role("heading", name="We are checking with the bank")).to_be_visible()
    await expect(page.get_by_role("link", name="Check now")).to_be_hidden()
    await expect(page.get_by_role("button", name=re.compile("Pay"))).to_have_count(0)
    await page.clock.run_for(22_000)
    await expect(page.get_by_role("link", name="Check now")).to_be_visible()
    await page.clock.run_for(230_000)
    await expect(page.get_by_text("we will write to you")).to_be_visible(timeout=UNHURRIED_MS)
    said = (await page.locator("main").inner_text()).lower()
    assert not any(word in said for word in ("try again", "failed", "error"))


async def test_the_countdown_is_the_servers_and_cannot_be_started_anew(shop: Shop, page: Page) -> None:
    path = await steps.hold(shop, page, "counts@example.com", "Bar")
    await page.clock.install()
    await page.goto(shop.address(path))
    left = page.locator("[data-seconds-left]")
    first = int(await left.get_attribute("data-seconds-left") or 0)
    assert 0 < first <= 30 * 60
    await page.clock.run_for(10 * 60_000)
    await expect(left).to_have_text(re.compile(r"^(19|20):\d\d$"))
    await expect(page.locator("#countdown-news")).to_have_text("")
    await page.reload()
    assert int(await left.get_attribute("data-seconds-left") or 0) <= first


async def test_stripe_does_not_answer(faults: Shop, page: Page) -> None:
    shop = faults
    await shop.open_event(page)
    await seats_at(page, "Bar").select_option("1")
    await steps.fill_details(page, "patient@example.com")
    trouble = {**NO_FAULTS, "api": {**NO_FAULTS["api"], "error_500": 1}}
    shop.sandbox("/control/faults", method="POST", json=trouble).raise_for_status()
    await page.get_by_role("button", name=re.compile("^Pay ")).click()
    await page.wait_for_url(steps.BOOKING_PAGE, timeout=UNHURRIED_MS)
    await expect(
        page.get_by_text("The payment page cannot be reached just now; we keep trying")
    ).to_be_visible()
    await page.get_by_role("button", name=re.compile("^Pay ")).click()
    away = page.get_by_text("The payment page cannot be reached just now; we keep trying")
    await expect(away).to_be_visible(timeout=UNHURRIED_MS)

    shop.sandbox("/control/faults", method="POST", json=NO_FAULTS).raise_for_status()
    await page.goto(page.url.partition("?")[0].removesuffix("/pay"))
    await page.get_by_role("button", name=re.compile("^Pay ")).click()
    await page.wait_for_url(steps.PAY_PAGE, timeout=UNHURRIED_MS)
    await steps.pay(page)
    await steps.is_confirmed(page)


async def test_pages_break_no_rule_of_their_own_policy(shop: Shop, page: Page) -> None:
    """No inline script or style, nothing from elsewhere, no script that fails."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: complaints.append(str(problem)))
    path = await steps.hold(shop, page, "policy@example.com", "Bar")
    for address in ("/", "/events/35", path, f"{path}?paid=cs_test_x", f"{path}/cancel", "/staff"):
        answer = await page.goto(shop.address(address))
        assert answer
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        referrer = answer.headers["referrer-policy"]
        assert referrer == "same-origin" if address.startswith("/b/") else referrer
    assert not complaints
