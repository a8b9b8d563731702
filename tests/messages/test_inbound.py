"""What people answer by SMS: believed when it is signed, stored once, STOP obeyed for good.

Failure modes: F50 (forged), F51 (twice), F67 (said to who wants nothing)."""

from __future__ import annotations

import httpx
import pytest

from holdfast.messages import actions, limits, outbox
from holdfast.messages.delivery_store import claim_due
from holdfast.messages.inbound import meaning_of
from holdfast.messages.jobs import send_due
from holdfast.messages.receipts import sign
from holdfast.messages.rules import Verdict
from tests.messages.test_receipts import shop
from tests.support.system import Row, Stage

PATH = "/api/webhooks/twilio/incoming"
PHONE = "+447700900123"


async def answer(
    http: httpx.AsyncClient, body: str, sid: str = "SM1", *, token: str = "sandbox", sender: str = PHONE, **more: str
) -> int:  # fmt: skip
    form = {"MessageSid": sid, "From": sender, "To": "+447700900000", "Body": body, **more}
    headers = {"X-Twilio-Signature": sign(f"http://shop.test{PATH}", form, token)}
    return (await http.post(PATH, data=form, headers=headers)).status_code


async def booked(stage: Stage) -> Row:
    """A guest known by a number alone, who was sent the link."""
    placed = await stage.book(with_checkout=False)
    await stage.execute(
        "UPDATE bookings SET contact_email = NULL, contact_phone = %s WHERE booking_id = %s",
        PHONE,
        placed.booking_id,
    )
    await write(stage, placed.booking_id, "booking_link")
    await send_due(stage.system)
    return await stage.row("SELECT * FROM bookings WHERE booking_id = %s", placed.booking_id)


async def write(stage: Stage, booking_id: str, kind: str, key: str | None = None) -> str | None:
    async with stage.system.database.transaction() as conn:
        found = await conn.execute("SELECT * FROM bookings WHERE booking_id = %s", (booking_id,))
        booking = await found.fetchone()
        assert booking is not None
        return await outbox.enqueue(
            conn,
            stage.system.ids,
            stage.clock.now(),
            booking=booking,
            kind=kind,
            cause="test",
            unique_key=key,
        )


async def sms(stage: Stage) -> list[tuple[str, str]]:
    rows = await stage.rows(
        """SELECT kind, status FROM messages m WHERE channel = 'sms'
         ORDER BY (SELECT min(entry_id) FROM message_statuses s WHERE s.message_id = m.message_id)"""
    )
    return [(row["kind"], row["status"]) for row in rows]


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        *((word, "stop") for word in ("STOP", "stop", " Stop. ", "STOPALL", "Unsubscribe", "CANCEL", "end", "QUIT!")),
        *((word, "stop") for word in ("STOPP", "Stopp", "“stop”")),
        *((word, "start") for word in ("START", "unstop")),
        *((word, "help") for word in ("HELP", "info", "Hilfe?")),
        *((word, "other") for word in ("", "Please stop the music", "Can we come at 8?", "👍", "cancel my booking")),
    ],
)  # fmt: skip
def test_one_word_is_obeyed_and_a_sentence_is_read(body: str, meaning: str) -> None:
    assert meaning_of(body) == meaning


async def test_stop_ends_it_and_start_begins_it_again(stage: Stage) -> None:
    booking = await booked(stage)
    waits = await write(stage, booking["booking_id"], "booking_link", "booking_link:2")
    await stage.advance(minutes=2)
    async with shop(stage) as http:
        for _ in range(2):  # told twice
            assert await answer(http, "Stop") == 200
        assert await answer(http, "STOP", "SM2") == 200  # said twice
        await send_due(stage.system)
        # What was written before is kept from leaving; what comes after too; the confirmation is sent once.
        later = await write(stage, booking["booking_id"], "payment_failed")
        await send_due(stage.system)
        assert await sms(stage) == [
            ("booking_link", "sent"),
            ("booking_link", "suppressed"),
            ("opt_out_confirmed", "sent"),
            ("payment_failed", "suppressed"),
        ]
        reasons = await stage.rows("SELECT error FROM messages WHERE message_id = ANY(%s)", [waits, later])
        assert {row["error"] for row in reasons} == {"opted out"}
        assert await answer(http, "HELP", "SM3") == 200
        await stage.assert_all_laws_hold()
        assert (await sms(stage))[-1] == ("help", "suppressed")
        assert await answer(http, "start", "SM4") == 200
        await write(stage, booking["booking_id"], "booking_link", "booking_link:3")
        await send_due(stage.system)
        assert (await sms(stage))[-1] == ("booking_link", "sent")
        # And once more, in the same second.
        assert await answer(http, "STOP", "SM5") == 200
        async with stage.system.database.transaction() as conn:
            assert await limits.is_opted_out(conn, stage.event.tenant_id, PHONE)
    inbound = await stage.rows("SELECT * FROM inbound_messages ORDER BY provider_id")
    assert [row["meaning"] for row in inbound] == ["stop", "stop", "help", "start", "stop"]
    assert {row["booking_id"] for row in inbound} == {booking["booking_id"]}
    assert await stage.rows("SELECT * FROM tasks") == []
    await stage.assert_all_laws_hold()


async def test_a_provider_that_has_answered_itself_is_not_repeated(stage: Stage) -> None:
    await booked(stage)
    async with shop(stage) as http:
        assert await answer(http, "HELP", OptOutType="HELP") == 200
        assert await answer(http, "STOP", "SM2", OptOutType="STOP") == 200
    assert [kind for kind, _ in await sms(stage)] == ["booking_link"]
    async with stage.system.database.transaction() as conn:
        assert await limits.is_opted_out(conn, stage.event.tenant_id, PHONE)


async def test_the_providers_own_list_is_believed(stage: Stage) -> None:
    """It refuses an SMS because the person has answered STOP where we did not hear it."""
    booking = await booked(stage)
    message_id = await write(stage, booking["booking_id"], "booking_link", "booking_link:2")
    now = stage.clock.now()
    async with stage.system.database.transaction() as conn:
        (row,) = await claim_due(conn, now, now, 1, "sms", message_id)
        claim = actions.Claim(
            row["message_id"], row["tenant_id"], row["booking_id"], row["kind"], row["tries"], now, "sms"
        )
        failure = actions.Failure(Verdict.REFUSED, "answer", "21610 unsubscribed", 21610)
        await actions.record_failure(conn, stage.system.ids, now, claim, failure)
        assert await limits.is_opted_out(conn, stage.event.tenant_id, PHONE)
    assert (await sms(stage))[-1] == ("booking_link", "suppressed")
    assert await stage.rows("SELECT * FROM tasks") == []
    await stage.assert_all_laws_hold()


async def test_help_is_answered_but_not_for_ever(stage: Stage) -> None:
    await booked(stage)
    async with shop(stage) as http:
        for number in range(10):
            assert await answer(http, "help", f"SM{number}") == 200
    await send_due(stage.system)
    assert [kind for kind, _ in await sms(stage)].count("help") == 4  # with the link, five within an hour
    inbox = (await stage.http.get("/control/messages")).json()["messages"]
    assert any(
        "The Sample Room" in one["text"] and "STOP" in one["text"] for one in inbox if one["channel"] == "sms"
    )
    await stage.assert_all_laws_hold()


async def test_everything_else_is_shown_to_the_staff(stage: Stage) -> None:
    booking = await booked(stage)
    async with shop(stage) as http:
        for _ in range(2):
            assert await answer(http, "Can we bring a\0dog? 🐕") == 200
        assert await answer(http, "Who are you?", "SM2", sender="+447700900555") == 200
        assert await answer(http, "short code", "SM3", sender="12345") == 200
    rows = await stage.rows("SELECT * FROM inbound_messages ORDER BY provider_id")
    assert [(row["body"], row["booking_id"]) for row in rows] == [
        ("Can we bring a\ufffddog? 🐕", booking["booking_id"]),
        ("Who are you?", None),
        ("short code", None),
    ]
    tasks = await stage.rows("SELECT * FROM tasks ORDER BY order_id NULLS LAST")
    assert [task["kind"] for task in tasks] == ["sms_answer"] * 3
    assert booking["reference"] in tasks[0]["sentence"]
    assert tasks[0]["order_id"] == booking["order_id"]
    assert "dog" not in tasks[0]["sentence"]
    story = await stage.rows("SELECT what FROM timeline WHERE order_id = %s", booking["order_id"])
    assert [one["what"] for one in story].count("sms_other") == 1
    await stage.assert_all_laws_hold()


async def test_what_nobody_signed_changes_nothing(stage: Stage) -> None:
    await booked(stage)
    async with shop(stage) as http:
        assert await answer(http, "STOP", token="of somebody else") == 403
        assert (
            await http.post(PATH, data={"MessageSid": "SM1", "From": PHONE, "Body": "STOP"})
        ).status_code == 403
        form = {"MessageSid": "SM1", "From": PHONE, "Body": "hello"}
        signed = {"X-Twilio-Signature": sign(f"http://shop.test{PATH}", form, "sandbox")}
        assert (await http.post(PATH, data={**form, "Body": "STOP"}, headers=signed)).status_code == 403
        for odd in ({"sid": ""}, {"sender": ""}, {"sid": "S" * 101}):
            assert await answer(http, "STOP", **{"sid": "SM1", **odd}) == 200
    assert await stage.rows("SELECT * FROM inbound_messages") == []
    assert await stage.rows("SELECT * FROM opt_outs") == []
    await stage.assert_all_laws_hold()
