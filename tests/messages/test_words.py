"""What guests read: everything they need, in their words, and nothing that somebody typed becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from icalendar import Calendar

from holdfast.ids import booking_token
from holdfast.messages import store
from holdfast.messages.facts import cancellation_rule, ink_on, known_locale, moment_in_words
from holdfast.messages.jobs import send_due
from holdfast.messages.qr import qr_png, qr_svg
from holdfast.messages.render import message_id_header, render
from holdfast.messages.rules import KINDS, WAIT_FOR_AN_ANSWER
from tests.messages.conftest import NOW, OpenOutbox, Outbox
from tests.messages.server import Mailbox, Server, html_of, text_of
from tests.support.world import hold, pay

TIERS = [{"notice_hours": 2, "percent": 50}, {"notice_hours": 24, "percent": 100}]
STARTS = datetime(2026, 12, 25, 19, 30, tzinfo=UTC)


async def sent(
    outbox: Outbox, mailbox: Mailbox, booking: dict[str, Any], kind: str, **more: Any
) -> EmailMessage:
    async with outbox.system.database.transaction() as conn:
        assert await outbox.enqueue(conn, booking, kind, **more)
    await send_due(outbox.system)
    return mailbox.mails[-1]


async def dinner(outbox: Outbox, **about: Any) -> dict[str, Any]:
    """Two guests, with food and wine, paid."""
    async with outbox.system.database.transaction() as conn:
        pie, red = outbox.event.item_ids
        booking = await hold(conn, NOW, outbox.event, menu=[(pie, 2), (red, 1)], **about)
        await pay(conn, NOW, booking)
    return booking


async def test_a_confirmation_says_everything(outbox: Outbox, mailbox: Mailbox) -> None:
    booking = await dinner(outbox)
    mail = await sent(outbox, mailbox, booking, "booking_confirmed")
    link = "https://book.example/b/" + booking_token(outbox.system.settings.secret_key, booking["booking_id"])
    for words in (text_of(mail), html_of(mail)):
        for fact in (
            "Sample Guest",
            "Dinner and a show",
            "Friday, 25 December 2026, 12:00 GMT",
            "1 Sample Street",
            "Table 1: 2 guests",
            "£37.00",
            "£32.00",
            "£239.00",
            "Visa ending 4242",
            booking["reference"],
            link,
            "Thursday, 24 December 2026, 12:00 GMT, you get back everything you paid (£239.00)",
            "Friday, 25 December 2026, 10:00 GMT, you get back 50% (£119.50)",
            "After that, nothing is refunded",
        ):
            assert fact in words, fact
    assert "2 x Sample pie" in text_of(mail)
    assert "1 × Sample red" in html_of(mail)
    images = [part for part in mail.walk() if part["Content-ID"] == "<qr@holdfast>"]
    assert images[0].get_payload(decode=True) == qr_png(link)


async def test_the_calendar_file(outbox: Outbox, mailbox: Mailbox) -> None:
    booking = await dinner(outbox)
    confirmed = calendar_of(await sent(outbox, mailbox, booking, "booking_confirmed"))
    cancelled = calendar_of(await sent(outbox, mailbox, booking, "booking_cancelled"))
    assert (confirmed["METHOD"], cancelled["METHOD"]) == ("PUBLISH", "CANCEL")
    before, after = (calendar.walk("VEVENT")[0] for calendar in (confirmed, cancelled))
    assert before["UID"] == after["UID"] == f"{booking['booking_id']}@holdfast"
    assert (before["STATUS"], after["STATUS"]) == ("CONFIRMED", "CANCELLED")
    assert after["SEQUENCE"] > before["SEQUENCE"] == 1
    assert before["DTSTART"].params["TZID"] == "Europe/London"
    assert before["DTSTART"].dt == NOW + timedelta(days=35)
    assert before["DTEND"].dt == NOW + timedelta(days=35, hours=3)
    assert before["SUMMARY"] == "Dinner and a show"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"amount": 11950, "currency": "GBP"}, "£119.50"),
        ({"amount": 0}, "nothing is refunded for a cancellation this late"),
    ],
)
async def test_a_cancellation_says_what_comes_back(
    outbox: Outbox, mailbox: Mailbox, params: dict[str, Any], words: str
) -> None:
    booking = await dinner(outbox)
    mail = await sent(outbox, mailbox, booking, "booking_cancelled", params=params)
    for body in (text_of(mail), html_of(mail)):
        assert words in " ".join(body.split())


async def test_a_free_booking(open_outbox: OpenOutbox, mailbox: Mailbox, smtp: Server) -> None:
    """take_hold confirms it and writes its message itself."""
    async with open_outbox(f"smtp://127.0.0.1:{smtp.port}", price=0) as outbox:
        async with outbox.system.database.transaction() as conn:
            booking = await hold(conn, NOW, outbox.event)
        assert booking["status"] == "confirmed"
        assert await send_due(outbox.system) == 1
        assert "There is nothing to pay" in text_of(mailbox.mails[0])
        assert "You can cancel at any time" in text_of(mailbox.mails[0])
        mail = await sent(outbox, mailbox, booking, "booking_cancelled")
        assert "nothing to refund" in text_of(mail)


async def test_a_failed_payment_says_whether_the_seats_are_held(outbox: Outbox, mailbox: Mailbox) -> None:
    async with outbox.system.database.transaction() as conn:
        held = await hold(conn, NOW, outbox.event, email="held@example.com")
        lapsed = await hold(conn, NOW, outbox.event, email="lapsed@example.com")
        await conn.execute("UPDATE orders SET status = 'expired' WHERE order_id = %s", (lapsed["order_id"],))
    still = await sent(outbox, mailbox, held, "payment_failed")
    gone = await sent(outbox, mailbox, lapsed, "payment_failed")
    assert "still held for you until Friday, 20 November 2026, 12:30 GMT" in text_of(still)
    assert "no longer held" in text_of(gone)
    for mail in (still, gone):
        assert "No money was taken" in text_of(mail)
        assert "try again" not in text_of(mail) + html_of(mail)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("late", "the seats had gone to other"),
        ("surplus", "paid twice"),
        ("cancelled", "after the booking had been cancelled"),
    ],
)
async def test_money_that_goes_back_says_why(outbox: Outbox, mailbox: Mailbox, why: str, words: str) -> None:
    booking = await dinner(outbox)
    params = {"amount": 23900, "currency": "GBP", "why": why}
    mail = await sent(outbox, mailbox, booking, "money_returned", params=params)
    for body in (text_of(mail), html_of(mail)):
        assert words in " ".join(body.split())
        assert "£239.00" in body
        assert "Your booking itself stays confirmed." in body


async def test_money_may_go_back_twice_for_one_booking(outbox: Outbox, mailbox: Mailbox) -> None:
    booking = await dinner(outbox)
    for refund in ("ref_1", "ref_2"):
        await sent(outbox, mailbox, booking, "money_returned", unique_key=f"money_returned:{refund}")
    assert len(mailbox.mails) == 2


async def test_what_guests_and_tenants_type_is_only_text(
    open_outbox: OpenOutbox, mailbox: Mailbox, smtp: Server
) -> None:
    wild = '<script>alert("x")</script> & "Söhne" {{ 7*7 }}'
    async with open_outbox(
        f"smtp://127.0.0.1:{smtp.port}", tenant_name=wild, title=wild, contact_email="host@sample.example"
    ) as outbox:
        name = "Eve\r\nBcc: all@example.com\n" + "x" * 500
        booking = await dinner(outbox, name=name)
        # What asks for an answer or for money is not said of what is paid: see test_request_words.py.
        for kind in sorted(KINDS - WAIT_FOR_AN_ANSWER - {"payment_failed", "booking_started"}):
            before = len(mailbox.mails)
            mail = await sent(outbox, mailbox, booking, kind)
            assert len(mailbox.mails) == before + 1
            assert "<script>" not in html_of(mail)
            assert "&lt;script&gt;" in html_of(mail)
            assert "{{ 7*7 }}" in html_of(mail)
            assert mail["Bcc"] is None
            # Folding may have doubled a space between words in different encodings.
            assert wild in " ".join(mail["Subject"].split()) or kind == "money_returned"
            assert "\n" not in mail["Subject"]
            assert mail["Reply-To"].addresses[0].addr_spec == "host@sample.example"


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(
    ("currency", "price", "locale", "zone", "shown"),
    [
        ("JPY", 4000, "ja_JP", "Asia/Tokyo", "8,000"),
        ("KWD", 12500, "ar_KW", "Asia/Kuwait", "25"),
        ("EUR", 1234, "de_DE", "Europe/Berlin", "24,68"),
        ("USD", 1234, "xx_nowhere", "America/New_York", "24.68"),
    ],
)
async def test_every_kind_in_every_sort_of_currency_and_locale(
    open_outbox: OpenOutbox, kind: str, currency: str, price: int, locale: str, zone: str, shown: str
) -> None:
    async with (
        open_outbox("", currency=currency, price=price, locale=locale, time_zone=zone) as outbox,
        outbox.system.database.transaction() as conn,
    ):
        booking = await hold(conn, NOW, outbox.event)
        await pay(conn, NOW, booking)
        params = {"amount": price * 2, "currency": currency}
        message_id = await outbox.enqueue(conn, booking, kind, params=params)
        assert message_id
        row = (await store.facts_of(conn, [message_id]))[message_id]
    done = render(row, public_url="https://book.example", secret_key="s" * 16, now=NOW)
    if kind not in {"payment_failed", "booking_moved", "booking_started", "reminder", "note"}:
        assert shown in done.mail.text
        assert shown in done.mail.html
    assert "None" not in done.mail.text + done.mail.html
    assert "\n\n\n\n" not in done.mail.text


def calendar_of(mail: EmailMessage) -> Any:
    (attachment,) = mail.iter_attachments()
    content = attachment.get_content()
    assert attachment.get_content_type() == "text/calendar"
    return Calendar.from_ical(content)


def test_refund_dates_that_are_over_are_not_promised() -> None:
    def rule(now: datetime, tiers: list[dict[str, Any]] = TIERS, paid: int = 10000) -> list[str]:
        return cancellation_rule(tiers, STARTS, paid, "GBP", "Europe/London", "en_GB", now)

    assert len(rule(STARTS - timedelta(days=3))) == 3
    assert "50% (£50.00)" in rule(STARTS - timedelta(hours=10))[0]
    assert len(rule(STARTS - timedelta(hours=10))) == 2
    assert rule(STARTS - timedelta(hours=1)) == ["It can no longer be cancelled with a refund."]
    assert rule(STARTS - timedelta(days=3), []) == ["It can no longer be cancelled with a refund."]
    assert rule(STARTS - timedelta(days=3), TIERS, 0) == [
        "You can cancel at any time with the link to your booking."
    ]


def test_times_are_the_places_own() -> None:
    summer = datetime(2026, 7, 1, 18, 30, tzinfo=UTC)
    assert moment_in_words(summer, "Europe/London", "en_GB") == "Wednesday, 1 July 2026, 19:30 BST"
    assert "14:30" in moment_in_words(summer, "America/New_York", "de_DE")


def test_locales_nobody_knows() -> None:
    assert known_locale("de_DE") == "de_DE"
    assert known_locale("") == known_locale("klingon!") == "en_GB"


def test_ink_is_readable_on_every_accent() -> None:
    assert ink_on("#7a1f3d") == "#ffffff"
    assert ink_on("#ffe08a") == "#000000"


def test_qr_codes() -> None:
    assert qr_png("https://book.example/b/abc").startswith(b"\x89PNG")
    assert qr_svg("https://book.example/b/abc").startswith("<svg")
    assert "style=" not in qr_svg("https://book.example/b/abc")


def test_message_ids() -> None:
    assert message_id_header("msg_1", "https://book.example:8443/x") == "<msg_1@book.example>"
    assert message_id_header("msg_1", "http://[::1]:8000") == "<msg_1@[IPv6:::1]>"
