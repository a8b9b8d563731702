"""What customer and provider read of a request: all they need to decide, the right links, and nothing of the other side that
is not theirs to know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from holdfast.ids import action_token, booking_token
from holdfast.messages import store
from holdfast.messages.facts import bounded, first_name
from holdfast.messages.render import Rendered, render
from holdfast.messages.rules import KINDS_TO_CUSTOMERS, KINDS_TO_PROVIDERS
from holdfast.messages.segments import segments_of
from holdfast.messages.texts import RenderedSms, render_sms
from holdfast.providers.sign_in import link_address, send_link
from holdfast.requests.actions import PlacedRequest, RequestWanted, place_request
from tests.support.appointments import Diary, diary
from tests.support.system import SECRET_KEY, Row, Stage

OF_APPOINTMENTS = sorted(KINDS_TO_CUSTOMERS - {"booking_moved"})
PROVIDERS_PHONE, CUSTOMERS_PHONE = "+447700900123", "+447700900999"
WILD = '<script>alert("x")</script>\r\nBcc: all@example.com {{ 7*7 }}'
# 14:00 in Berlin in winter.
STARTS = datetime(2027, 1, 14, 13, 0, tzinfo=UTC)


class Desk:
    """One request, of 50 pounds, and what is said of it."""

    def __init__(self, stage: Stage, expert: Diary, placed: PlacedRequest) -> None:
        self.stage, self.expert, self.placed = stage, expert, placed

    async def row(self, kind: str, channel: str = "email", **params: Any) -> Row:
        """All that the words of a message are made of."""
        stage = self.stage
        booking = await stage.row(
            "SELECT *, %s AS unused FROM bookings WHERE booking_id = %s", "", self.placed.booking_id
        )
        key = f"{kind}:{channel}:{stage.system.ids.new('tst')}"
        async with stage.system.database.transaction() as conn:
            if kind in KINDS_TO_PROVIDERS:
                provider = {"email": "expert@example.com", "phone": PROVIDERS_PHONE}
                made = await store.enqueue_for_provider(
                    conn, stage.system.ids, stage.clock.now(), booking=booking, provider=provider, kind=kind,
                    cause="test", params=params, unique_key=key,
                )  # fmt: skip
            else:
                one = await store.enqueue(
                    conn, stage.system.ids, stage.clock.now(), booking=booking, kind=kind, cause="test",
                    params=params, unique_key=key,
                )  # fmt: skip
                made = [one or ""]
            rows = await store.facts_of(conn, made)
        [row] = [one for one in rows.values() if one["channel"] == channel]
        return row

    async def mail(self, kind: str, **params: Any) -> Rendered:
        row = await self.row(kind, **params)
        return render(
            row, public_url="https://book.example", secret_key=SECRET_KEY, now=self.stage.clock.now()
        )

    async def sms(self, kind: str, **params: Any) -> RenderedSms:
        row = await self.row(kind, "sms", **params)
        return render_sms(row, public_url="https://book.example", secret_key=SECRET_KEY)


async def desk(
    stage: Stage, *, details: str = "A song for my sister.", name: str = "Sam Sample", **more: Any
) -> Desk:
    """The provider's clocks are Berlin's."""
    expert = await diary(stage, time_zone="Europe/Berlin", phone=PROVIDERS_PHONE)
    await stage.execute("UPDATE services SET horizon_days = 365")
    offering = await expert.service("proposed", horizon_days=365, **more)
    wanted = RequestWanted(
        offering_id=offering, starts_at=STARTS, name=name, email="fan@example.com", phone=CUSTOMERS_PHONE,
        details=details, source="api", provider_id=expert.provider_id,
    )  # fmt: skip
    placed = await place_request(stage.system, wanted)
    if placed.payment_intent_id:
        await expert.authorise(placed)
        await stage.deliver()
        await stage.run_jobs()
    assert await expert.status(placed) == "requested"
    return Desk(stage, expert, placed)


def flat(words: str) -> str:
    return " ".join(words.split())


async def test_the_provider_reads_all_that_an_answer_needs(stage: Stage) -> None:
    told = await (await desk(stage)).mail("request_to_answer", link_id="lnk_test")
    answer = f"https://book.example/answer/{action_token(SECRET_KEY, 'lnk_test')}"
    for words in (told.mail.text, told.mail.html):
        for fact in (
            "Half an hour (sample)",
            "Thursday, 14 January 2027, 14:00 CET (Europe/Berlin)",
            "£50.00",
            "Sam",
            "A song for my sister.",
            f"{answer}/accept",
            f"{answer}/decline",
            "https://book.example/provider/requests",
        ):
            assert fact in words, fact
        assert "Please answer by" in words
    assert told.mail.to_name == "Expert (sample)"
    assert action_token(SECRET_KEY, "lnk_test") not in told.kept_text + told.kept_html
    assert "[secret]/accept" in told.kept_text


async def test_providers_learn_no_more_of_the_customer_than_they_need(stage: Stage) -> None:
    asked = await desk(stage)
    for kind in sorted(KINDS_TO_PROVIDERS):
        mail, sms = await asked.mail(kind, link_id="lnk_test"), await asked.sms(kind, link_id="lnk_test")
        token = booking_token(SECRET_KEY, asked.placed.booking_id)
        for words in (mail.mail.text, mail.mail.html, mail.mail.subject, sms.sms.body):
            for secret in ("fan@example.com", CUSTOMERS_PHONE, "Sample\n", token, "/b/"):
                assert secret not in words.replace("Expert (sample)", "")
        assert "Sam Sample" not in mail.mail.text + sms.sms.body
        assert (mail.mail.to_address, sms.sms.to_number) == ("expert@example.com", PROVIDERS_PHONE)
        assert asked.placed.reference in mail.mail.text


async def test_customers_get_their_link_and_never_the_providers_address(stage: Stage) -> None:
    asked = await desk(stage)
    for kind in OF_APPOINTMENTS:
        mail = (await asked.mail(kind)).mail
        link = f"https://book.example/b/{booking_token(SECRET_KEY, asked.placed.booking_id)}"
        for words in (mail.text, mail.html):
            assert link in words
            assert "expert@example.com" not in words
            assert PROVIDERS_PHONE not in words
            assert "/answer/" not in words
            assert "table" not in flat(mail.text).lower()
            assert "seat" not in words.lower()
            if kind != "money_returned":
                assert "Thursday, 14 January 2027, 14:00 CET (Europe/Berlin)" in words
                assert "with Expert (sample)" in words
        assert mail.to_address == "fan@example.com"


async def test_what_was_asked_is_charged_only_if_accepted(stage: Stage) -> None:
    mail = (await (await desk(stage)).mail("request_received")).mail
    for words in (mail.text, mail.html):
        assert "charged only if it is accepted" in flat(words)
        assert "£50.00" in words
        assert "A song for my sister." in words


async def test_what_is_free_speaks_of_no_card(stage: Stage) -> None:
    asked = await desk(stage, price=0)
    for kind in ("request_received", "request_declined", "booking_cancelled"):
        text = flat((await asked.mail(kind)).mail.text)
        assert "bank" not in text, kind
        assert "card" not in text, kind
    assert "Free of charge" in (await asked.mail("request_to_answer")).mail.text


async def test_a_refusal_gives_its_reason_and_a_silence_says_so(stage: Stage) -> None:
    asked = await desk(stage)
    declined = (await asked.mail("request_declined", reason="I am on tour.\nSorry!", why="declined")).mail
    silent = (await asked.mail("request_declined", reason="", why="unanswered")).mail
    assert "> I am on tour.\n> Sorry!" in declined.text
    assert "I am on tour." in declined.html
    assert "did not answer in time" in flat(silent.text)
    assert "The reason given" not in silent.text
    for mail in (declined, silent):
        assert "You pay nothing." in mail.text
        assert "£50.00" in mail.text


@pytest.mark.parametrize("kind", ["booking_rescheduled", "provider_booking_rescheduled"])
async def test_a_new_time_names_the_old_one(stage: Stage, kind: str) -> None:
    asked = await desk(stage)
    was = (STARTS - timedelta(days=1)).isoformat()
    mail = (await asked.mail(kind, was=was)).mail
    assert "Before, it was Wednesday, 13 January 2027, 14:00 CET (Europe/Berlin)." in mail.text
    assert "Before, it was" not in (await asked.mail(kind, was="nonsense")).mail.text


@pytest.mark.parametrize(
    ("kind", "method", "title"),
    [
        ("booking_confirmed", "PUBLISH", "Half an hour (sample) with Expert (sample)"),
        ("provider_booking_confirmed", "PUBLISH", "Half an hour (sample) (Sam)"),
        ("provider_booking_rescheduled", "PUBLISH", "Half an hour (sample) (Sam)"),
        ("provider_booking_cancelled", "CANCEL", "Half an hour (sample) (Sam)"),
        ("booking_cancelled", "CANCEL", "Half an hour (sample) with Expert (sample)"),
    ],
)
async def test_the_calendar_file_of_an_appointment(stage: Stage, kind: str, method: str, title: str) -> None:
    asked = await desk(stage)
    mail = (await asked.mail(kind)).mail
    [file] = mail.attachments  # and no QR code: there is no door
    calendar: Any = Calendar.from_ical(file.content)
    [entry] = calendar.walk("VEVENT")
    assert (calendar["METHOD"], entry["SUMMARY"]) == (method, title)
    assert (entry["DTSTART"].dt, entry["DTEND"].dt) == (STARTS, STARTS + timedelta(minutes=30))
    assert entry["DTSTART"].params["TZID"] == "Europe/Berlin"
    await asked.stage.execute(
        "UPDATE orders SET times_rescheduled = 1 WHERE order_id = %s", asked.placed.order_id
    )
    [moved] = Calendar.from_ical((await asked.mail(kind)).mail.attachments[0].content).walk("VEVENT")
    assert moved["SEQUENCE"] > entry["SEQUENCE"]


async def test_what_has_no_time_says_none(stage: Stage) -> None:
    expert = await diary(stage)
    placed = await expert.requested(await expert.service("none"))
    asked = Desk(stage, expert, placed)
    for kind in sorted(KINDS_TO_PROVIDERS):
        mail = (await asked.mail(kind)).mail
        assert mail.attachments == ()
        assert "calendar" not in mail.text
        assert "time is free" not in mail.text
    confirmed = (await asked.mail("booking_confirmed")).mail
    assert confirmed.attachments == ()
    assert "calendar" not in confirmed.text


async def test_what_people_type_is_only_text(stage: Stage) -> None:
    asked = await desk(stage, price=0)
    # What an older version or a foreign import may have let in.
    await stage.execute("UPDATE orders SET details = %s", WILD + "x" * 5000)
    await stage.execute("UPDATE bookings SET contact_name = %s", f"{WILD} y")
    await stage.execute("UPDATE providers SET name = %s", WILD)
    await stage.execute("UPDATE offerings SET title = %s WHERE kind = 'appointment'", WILD)
    for kind in [*OF_APPOINTMENTS, *sorted(KINDS_TO_PROVIDERS)]:
        mail = (await asked.mail(kind, reason=WILD, why="declined")).mail
        assert "<script>" not in mail.html
        assert "{{ 7*7 }}" in mail.html
        assert "None" not in mail.text + mail.html
        assert "\n\n\n" not in mail.text
        assert "x" * 1000 not in mail.text


async def test_an_sms_is_short_whatever_was_typed(stage: Stage) -> None:
    asked = await desk(stage, name="Wolfeschlegelsteinhausenbergerdorff the Third")
    await stage.execute(
        "UPDATE offerings SET title = %s WHERE kind = 'appointment'",
        "“Zoë\u2019s” half an hour – of " + "very " * 30,
    )
    for kind in sorted(KINDS_TO_PROVIDERS):
        body = (await asked.sms(kind, link_id=stage.system.ids.new("lnk"))).sms.body
        segments = segments_of(body)
        assert segments.alphabet == "GSM-7"
        assert segments.count <= (3 if kind in {"request_to_answer", "request_reminder"} else 2), body
        assert "\n" not in body
        assert "Thu 14 Jan 14:00 CET" in body


async def test_names_and_details_are_bounded() -> None:
    assert first_name("  Sam\tSample ") == "Sam"
    assert first_name("") == ""
    assert len(first_name("x" * 500)) == 40
    assert bounded("a\r\nb\x00\u202e") == "a\nb"
    assert len(bounded("x\n" * 5000)) <= 1000


async def test_the_link_to_sign_in_reaches_the_provider(stage: Stage) -> None:
    await diary(stage)
    await send_link(stage.system, "expert@example.com")
    link = await stage.row("SELECT * FROM action_links WHERE purpose = 'provider_sign_in'")
    await stage.run_jobs()
    [arrived] = (await stage.http.get("/control/messages")).json()["messages"]
    address = link_address("http://shop.test", SECRET_KEY, link["link_id"])
    assert arrived["to"] == ["expert@example.com"]
    for words in (arrived["text"], arrived["html"]):
        assert address in words
        assert "works once" in words
    kept = await stage.row("SELECT * FROM messages WHERE kind = 'provider_sign_in'")
    assert kept["status"] == "sent"
    assert link["link_id"] not in kept["body_text"] + kept["body_html"]
    await stage.assert_all_laws_hold()


async def test_a_link_that_is_over_is_not_sent(stage: Stage) -> None:
    await diary(stage)
    await send_link(stage.system, "expert@example.com")
    await stage.advance(minutes=16)
    await stage.run_jobs()
    assert (await stage.http.get("/control/messages")).json()["messages"] == []
    kept = await stage.row("SELECT * FROM messages WHERE kind = 'provider_sign_in'")
    assert (kept["status"], kept["error"]) == ("suppressed", "the link is over by now")
    await stage.assert_all_laws_hold()
