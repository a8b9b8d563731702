"""The pages in a real browser: paid without JavaScript, at phone width, and checked for accessibility."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from typing import Any, Literal

import httpx
import pytest
import stripe
from playwright.async_api import Browser, Page

from tests.sandbox.conftest import client_of, session_params
from tests.support.browser import axe_source
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.browser
PHONE: Any = {"width": 360, "height": 740}


def some_session(sandbox: Sandbox, **more: Any) -> stripe.checkout.Session:
    more.setdefault("success_url", f"{sandbox.url}/inbox?s={{CHECKOUT_SESSION_ID}}")
    return client_of(sandbox).v1.checkout.sessions.create(session_params(**more))  # type: ignore[arg-type]


def fill(sandbox: Sandbox) -> None:
    """Something of everything on the pages."""
    client = client_of(sandbox)
    for card in ("pm_card_visa", "pm_card_createDispute"):
        params: Any = {"amount": 2500, "currency": "gbp", "confirm": True, "payment_method": card}
        client.v1.payment_intents.create(params)
    held: Any = {"amount": 2500, "currency": "gbp", "confirm": True, "capture_method": "manual"}
    client.v1.payment_intents.create(held | {"payment_method": "pm_card_visa"})
    client.v1.refunds.create({"payment_intent": client.v1.payment_intents.list().data[2].id})
    text = {
        "To": "+447700900123",
        "From": "+15005550006",
        "Body": "Accept or decline: https://shop.example/answer/x",
    }
    path = "/2010-04-01/Accounts/ACsandbox/Messages.json"
    httpx.post(sandbox.url + path, data=text, auth=("ACsandbox", "sandbox")).raise_for_status()
    mail = EmailMessage()
    mail["Message-ID"], mail["Subject"] = "<1@shop.example>", "Your booking is confirmed"
    mail["From"], mail["To"] = "shop@example.com", "ann@example.com"
    mail.set_content("See you on Friday")
    mail.add_alternative("<html lang=en><title>Mail</title><h1>See you</h1>", subtype="html")
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=10) as smtp:
        smtp.send_message(mail)


async def test_a_person_pays_without_javascript(sandbox: Sandbox, browser: Browser) -> None:
    made = some_session(sandbox)
    context = await browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = await context.new_page()
    await page.goto(str(made.url))
    assert await page.get_by_text("no real money").is_visible()
    await page.get_by_label("Card number").fill("4000 0000 0000 0002")
    await page.get_by_role("button", name="Pay £25.00").click()
    assert "Your card was declined." in await page.get_by_role("alert").inner_text()
    await page.get_by_label("Card number").fill("4000 0025 0000 3155")
    await page.get_by_role("button", name="Pay £25.00").click()
    await page.get_by_role("button", name="Complete").click()
    await page.wait_for_url(f"{sandbox.url}/inbox**")
    assert page.url.endswith(f"?s={made.id}")
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_the_pages_are_accessible(
    scheme: Literal["light", "dark"], width: int, sandbox: Sandbox, page: Page
) -> None:
    fill(sandbox)
    made = some_session(sandbox)
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 800})
    for path in (f"/pay/{made.id}", "/pay/cs_test_none", "/", "/inbox", "/inbox/1", "/inbox/2"):
        await page.goto(sandbox.url + path)
        # The pages' own rules forbid scripts, so the checker comes in by the debugger's door.
        found = await checked(page)
        assert not found, f"{path}: {found}"
        wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{path} is {wide} pixels too wide"


async def checked(page: Page) -> list[str]:
    await page.evaluate(axe_source())
    # A page that loads itself anew is what the mailbox is for; it takes nothing away that was typed.
    rules = {"rules": {"meta-refresh": {"enabled": False}}}
    result: dict[str, Any] = await page.evaluate("rules => axe.run(document, rules)", rules)
    return [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in result["violations"]]
