"""What guests and staff do, in words: the steps that journeys are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.async_api import Locator, Page, expect

from tests.demo.running import Demo
from tests.support.browser import axe_source

GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000002"
DINNER, BY_THE_TABLE, FREE, YEN, PAST = 35, 36, 37, 38, 34
PAY_PAGE = re.compile(r"/pay/cs_")
BOOKING_PAGE = re.compile(r"/b/[\w-]+")
UNHURRIED_MS = 30_000
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass(frozen=True)
class Shop:
    demo: Demo

    @property
    def web(self) -> str:
        return str(self.demo.told["web"])

    @property
    def keys(self) -> dict[str, str]:
        return dict(self.demo.told["keys"])

    def address(self, path: str) -> str:
        return f"{self.web}{path}"

    def sandbox(self, path: str, **options: Any) -> httpx.Response:
        return httpx.request(
            options.pop("method", "GET"),
            f"{self.demo.told['sandbox']}{path}",
            timeout=20,
            trust_env=False,
            **options,
        )

    def mails_to(self, address: str) -> list[dict[str, Any]]:
        answer = self.sandbox("/control/messages").json()
        messages = answer["messages"] if isinstance(answer, dict) else answer
        return [message for message in messages if address in str(message.get("to"))]

    def availability(self, event: int) -> dict[str, Any]:
        return dict(self.demo.get(f"/api/events/{event}/availability").json())

    async def open_event(self, page: Page, event: int = DINNER) -> None:
        await page.goto(self.address(f"/events/{event}"))

    async def sign_in(self, page: Page, scope: str = "admin") -> None:
        await page.goto(self.address("/staff"))
        await page.get_by_label("Your key").fill(self.keys[scope])
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def seats_at(page: Page, table: str) -> Locator:
    return page.get_by_label(re.compile(f"(Seats|Guests) at {table}$"))


def dish(page: Page, name: str) -> Locator:
    return page.get_by_role("spinbutton", name=name, exact=True)


async def fill_details(page: Page, email: str, name: str = "Example Guest") -> None:
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("E-mail").fill(email)


async def go_to_pay(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("^Pay ")).click()
    await page.wait_for_url(PAY_PAGE)


async def pay(page: Page, card: str = GOOD_CARD) -> None:
    await page.get_by_label("Card number").fill(card)
    await page.get_by_role("button", name=re.compile("^Pay ")).click()


async def is_confirmed(page: Page) -> None:
    await expect(page.get_by_role("heading", name="Your booking is confirmed")).to_be_visible(
        timeout=UNHURRIED_MS
    )


async def book_and_pay(shop: Shop, page: Page, email: str, table: str, seats: int = 1) -> str:
    """Says the path of the booking's own page."""
    await shop.open_event(page)
    await seats_at(page, table).select_option(str(seats))
    await fill_details(page, email)
    await go_to_pay(page)
    await pay(page)
    await is_confirmed(page)
    found = BOOKING_PAGE.search(page.url)
    assert found
    return found[0]


async def hold(shop: Shop, page: Page, email: str, table: str, seats: int = 1) -> str:
    """A booking that is not paid: back from Stripe without paying."""
    await shop.open_event(page)
    await seats_at(page, table).select_option(str(seats))
    await fill_details(page, email)
    await go_to_pay(page)
    await page.get_by_role("button", name="Cancel").click()
    await page.wait_for_url(BOOKING_PAGE)
    found = BOOKING_PAGE.search(page.url)
    assert found
    return found[0]


async def barriers(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    await page.evaluate(axe_source())
    result = await page.evaluate("rules => axe.run(document, rules)", AXE_RULES)
    assert len(result["passes"]) > 10, "axe has not looked"
    return [
        f"{found['id']}: {found['help']} ({node['html'][:120]})"
        for found in result["violations"]
        if found["impact"] in {"serious", "critical"}
        for node in found["nodes"]
    ]


async def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


async def problems_of(page: Page) -> Sequence[str]:
    """On a phone, by day and by night: barriers, and what runs out of the page."""
    found: list[str] = []
    await page.set_viewport_size({"width": 360, "height": 800})
    if await overflow(page) > 0:
        found.append(f"{page.url} is {await overflow(page)} px too wide at 360 px")
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{page.url} ({scheme}): {problem}" for problem in await barriers(page)]
    return found
