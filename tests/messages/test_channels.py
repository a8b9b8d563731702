"""By which way a message goes: the one the guest has, the other when it fails, in order, with every status on record.

Failure modes: F67 (said twice), F68 (never said)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.laws.law import Violation
from holdfast.laws.sms_has_its_outcome import ask_the_provider
from holdfast.messages import actions, outbox
from holdfast.messages.delivery_store import claim_due
from holdfast.messages.jobs import send_due, send_now
from holdfast.messages.reminders import remind_due
from holdfast.messages.rules import Told, Verdict
from tests.messages.telephone import Telephone, stage_with
from tests.support.sandbox import Sandbox
from tests.support.system import Row, Stage

PHONE = "+447700900123"


async def guest(stage: Stage, *, email: str | None = None, phone: str | None = PHONE, **more: Any) -> Row:
    """Somebody holds seats and has left these."""
    placed = await stage.book(with_checkout=False, **more)
    await stage.execute(
        "UPDATE bookings SET contact_email = %s, contact_phone = %s WHERE booking_id = %s",
        email,
        phone,
        placed.booking_id,
    )
    return await stage.row("SELECT * FROM bookings WHERE booking_id = %s", placed.booking_id)


async def write(stage: Stage, booking: Row, kind: str = "booking_link", key: str | None = None) -> str:
    async with stage.system.database.transaction() as conn:
        made = await outbox.enqueue(
            conn,
            stage.system.ids,
            stage.clock.now(),
            booking=booking,
            kind=kind,
            cause="test",
            unique_key=key,
        )
    assert made
    return made


async def message(stage: Stage, message_id: str) -> Row:
    return await stage.row("SELECT * FROM messages WHERE message_id = %s", message_id)


async def history(stage: Stage, message_id: str) -> list[tuple[str, str]]:
    rows = await stage.rows(
        "SELECT status, source FROM message_statuses WHERE message_id = %s ORDER BY entry_id", message_id
    )
    return [(row["status"], row["source"]) for row in rows]


async def fail(stage: Stage, message_id: str, verdict: Verdict = Verdict.REFUSED) -> None:
    """The other side has refused it for good."""
    now = stage.clock.now()
    async with stage.system.database.transaction() as conn:
        channel = (await message(stage, message_id))["channel"]
        (row,) = await claim_due(conn, now, now + timedelta(minutes=1), 1, channel, message_id)
        claim = actions.Claim(
            row["message_id"], row["tenant_id"], row["booking_id"], row["kind"], row["tries"], now, channel
        )
        await actions.record_failure(
            conn, stage.system.ids, now, claim, actions.Failure(verdict, "recipient", "550 no such mailbox")
        )


async def receipt(stage: Stage, message_id: str, told: Told) -> None:
    sid = (await message(stage, message_id))["provider_id"]
    async with stage.system.database.transaction() as conn:
        await actions.record_receipt(
            conn, stage.system.ids, stage.clock.now(), message_id, actions.Receipt(sid, told, "")
        )


async def on_the_phone(stage: Stage) -> list[str]:
    inbox = (await stage.http.get("/control/messages")).json()["messages"]
    return [one["text"] for one in inbox if one["channel"] == "sms"]


@pytest.mark.parametrize(
    ("email", "phone", "channel", "status"),
    [
        ("guest@example.com", PHONE, "email", "sent"),
        ("guest@example.com", None, "email", "sent"),
        (None, PHONE, "sms", "sent"),
        (None, None, "email", "suppressed"),
    ],
)
async def test_the_channel_the_guest_has(
    stage: Stage, email: str | None, phone: str | None, channel: str, status: str
) -> None:
    booking = await guest(stage, email=email, phone=phone)
    made = await message(
        stage, await write(stage, {k: booking[k] for k in ("booking_id", "tenant_id", "contact_email")})
    )
    await send_due(stage.system)
    made = await message(stage, made["message_id"])
    assert (made["channel"], made["recipient"], made["status"]) == (channel, email or phone or "", status)
    await stage.assert_all_laws_hold()


async def test_once_by_whichever_channel(stage: Stage) -> None:
    booking = await guest(stage)
    await write(stage, booking)
    async with stage.system.database.transaction() as conn:
        again = await outbox.enqueue(
            conn,
            stage.system.ids,
            stage.clock.now(),
            booking={**booking, "contact_email": "guest@example.com"},
            kind="booking_link",
            cause="test",
        )
    assert again is None


async def test_sent_at_once_and_every_status_is_on_record(stage: Stage) -> None:
    made = await write(stage, await guest(stage))
    assert await send_now(stage.system, made)
    assert not await send_now(stage.system, "msg_of_nobody")
    assert await send_now(stage.system, made)  # it has left: nothing is sent again
    assert len(await on_the_phone(stage)) == 1
    await receipt(stage, made, Told.SENT)
    await receipt(stage, made, Told.DELIVERED)
    await receipt(stage, made, Told.FAILED)
    assert await history(stage, made) == [
        ("queued", "rule"),
        ("sending", "worker"),
        ("sent", "worker"),
        ("delivered", "receipt"),
    ]
    assert (await message(stage, made))["segments"] == 1
    await stage.assert_all_laws_hold()


async def test_at_once_is_not_possible_and_nothing_is_lost(stage: Stage) -> None:
    made = await write(stage, await guest(stage))
    await stage.faults(sms={"error": 1})
    assert not await send_now(stage.system, made)
    assert (await message(stage, made))["status"] == "queued"
    await stage.faults(sms={"error": 0})
    await stage.advance(minutes=5)
    await send_due(stage.system)
    assert (await message(stage, made))["status"] == "sent"
    assert [status for status, _ in await history(stage, made)] == [
        "queued", "sending", "queued", "sending", "sent",
    ]  # fmt: skip
    await stage.assert_all_laws_hold()


async def test_a_mailbox_that_does_not_exist_is_reached_by_sms(stage: Stage) -> None:
    made = await write(stage, await guest(stage, email="gone@example.com"))
    await fail(stage, made)
    instead = await stage.row("SELECT * FROM messages WHERE instead_of = %s", made)
    assert (instead["channel"], instead["recipient"], instead["kind"]) == ("sms", PHONE, "booking_link")
    (task,) = await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL")
    assert "It now goes by SMS." in task["sentence"]
    await send_due(stage.system)
    assert len(await on_the_phone(stage)) == 1
    assert await stage.tasks() == ["undeliverable"]
    # Sent is not delivered: the task ends when it has arrived.
    await receipt(stage, instead["message_id"], Told.DELIVERED)
    assert await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL") == []
    await stage.assert_all_laws_hold()


async def test_an_sms_that_did_not_arrive_goes_by_mail_and_not_back(stage: Stage) -> None:
    booking = await guest(stage)
    made = await write(stage, booking)
    await send_due(stage.system)
    await stage.execute(
        "UPDATE bookings SET contact_email = 'guest@example.com' WHERE booking_id = %s", booking["booking_id"]
    )
    await receipt(stage, made, Told.FAILED)
    instead = await stage.row("SELECT * FROM messages WHERE instead_of = %s", made)
    assert (instead["channel"], instead["recipient"]) == ("email", "guest@example.com")
    await fail(stage, instead["message_id"])
    assert len(await stage.rows("SELECT * FROM messages")) == 2
    assert len(await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL")) == 2
    await stage.assert_all_laws_hold()


@pytest.mark.parametrize("phone", ["+441632960123", "+33612345678", None])
async def test_no_other_way_where_no_sms_goes(stage: Stage, phone: str | None) -> None:
    made = await write(stage, await guest(stage, email="gone@example.com", phone=phone))
    await fail(stage, made)
    assert await stage.rows("SELECT * FROM messages WHERE instead_of IS NOT NULL") == []
    await stage.assert_all_laws_hold()


async def test_away_for_an_hour_each_once_and_in_order(stage: Stage) -> None:
    bookings = [await guest(stage, table=table, email=None) for table in range(3)]
    await stage.faults(sms={"error": 1})
    for number in range(3):
        for booking in bookings:
            await write(stage, booking, key=f"booking_link:{number}")
        for _ in range(6):
            await stage.advance(minutes=4)
            await send_due(stage.system)
    assert await on_the_phone(stage) == []
    await stage.faults(sms={"error": 0})
    for _ in range(40):
        await stage.advance(minutes=3)
        await send_due(stage.system)
    assert len(await on_the_phone(stage)) == 9
    left = await stage.rows("SELECT booking_id, unique_key FROM messages ORDER BY sent_at, created_at")
    for booking in bookings:
        mine = [row["unique_key"] for row in left if row["booking_id"] == booking["booking_id"]]
        assert mine == ["booking_link:0", "booking_link:1", "booking_link:2"]
    await stage.assert_all_laws_hold()


async def test_a_message_that_only_a_person_can_mend_holds_up_no_other(
    database_url: str, sandbox: Sandbox, telephone: Telephone
) -> None:
    async with stage_with(database_url, sandbox, twilio_api_base=telephone.url) as stage:
        booking = await guest(stage)
        first = await write(stage, booking)
        await fail(stage, first, Verdict.CONFIGURATION)
        await stage.advance(seconds=1)
        second = await write(stage, booking, "booking_link", "booking_link:2")
        telephone.answers = (201, b'{"sid": "SM1", "status": "queued"}')
        await send_due(stage.system)
        assert (await message(stage, second))["status"] == "sent"


async def confirmed(stage: Stage, email: str | None = None) -> Row:
    """Booked and paid; then known by a number alone."""
    placed = await stage.paid()
    await stage.execute(
        "UPDATE bookings SET contact_email = %s, contact_phone = %s WHERE booking_id = %s",
        email,
        PHONE,
        placed.booking_id,
    )
    return await stage.row(
        "SELECT b.*, f.starts_at FROM bookings b JOIN offerings f USING (offering_id) WHERE booking_id = %s",
        placed.booking_id,
    )


async def reminders(stage: Stage) -> list[Row]:
    return await stage.rows("SELECT * FROM messages WHERE kind = 'reminder'")


@pytest.mark.parametrize(("email", "channel"), [("guest@example.com", "email"), (None, "sms")])
async def test_the_day_before_one_kind_reminder(stage: Stage, email: str | None, channel: str) -> None:
    booking = await confirmed(stage, email)
    await stage.execute("UPDATE tenants SET quiet_from = NULL, quiet_until = NULL")
    await stage.advance_to(booking["starts_at"] - timedelta(hours=24, minutes=1))
    await stage.run_jobs()
    assert await reminders(stage) == []
    await stage.advance(minutes=1)
    for _ in range(2):
        await stage.run_jobs()
        await stage.advance(minutes=5)
    (reminder,) = await reminders(stage)
    assert (reminder["channel"], reminder["status"]) == (channel, "sent")
    assert "Dinner and a show" in reminder["body_text"]
    await stage.assert_all_laws_hold()


async def test_no_reminder_of_what_was_booked_just_now_or_is_over(stage: Stage) -> None:
    booking = await confirmed(stage)
    await stage.advance_to(booking["starts_at"] - timedelta(hours=20))
    await stage.execute("UPDATE bookings SET confirmed_at = %s", stage.clock.now() - timedelta(hours=5))
    assert await remind_due(stage.system) == 0
    await stage.execute("UPDATE bookings SET confirmed_at = %s", stage.clock.now() - timedelta(hours=50))
    await stage.advance_to(booking["starts_at"] - timedelta(hours=1))
    assert await remind_due(stage.system) == 0


async def test_no_reminder_of_what_is_cancelled_and_none_leaves_that_was_written_before(stage: Stage) -> None:
    booking = await confirmed(stage, "guest@example.com")
    await stage.advance_to(booking["starts_at"] - timedelta(hours=20))
    reminder = await write(stage, booking, "reminder")
    await stage.execute("UPDATE orders SET status = 'cancelled'")
    assert await remind_due(stage.system) == 0
    await send_due(stage.system)
    assert (await message(stage, reminder))["status"] == "suppressed"


async def test_by_night_a_reminder_waits_and_a_confirmation_does_not(stage: Stage) -> None:
    booking = await confirmed(stage)
    night = datetime.combine(stage.clock.now().date() + timedelta(days=1), datetime.min.time(), UTC)
    await stage.advance_to(night + timedelta(hours=1))
    await stage.execute("UPDATE tenants SET time_zone = 'UTC'")
    reminder = await write(stage, booking, "reminder")
    news = await write(stage, booking, "booking_confirmed", "booking_confirmed:2")
    await send_due(stage.system)
    waits = await message(stage, reminder)
    assert (waits["status"], waits["try_at"]) == ("queued", night + timedelta(hours=8))
    assert (await message(stage, news))["status"] == "sent"
    # Whatever made it due by night, it is not sent by night.
    await stage.execute("UPDATE messages SET try_at = %s WHERE message_id = %s", stage.clock.now(), reminder)
    await send_due(stage.system)
    waits = await message(stage, reminder)
    assert (waits["status"], waits["tries"], waits["try_at"]) == ("queued", 0, night + timedelta(hours=8))
    await stage.advance_to(night + timedelta(hours=8))
    await send_due(stage.system)
    assert (await message(stage, reminder))["status"] == "sent"


async def delivered_at_the_provider(stage: Stage, message_id: str) -> None:
    sid = (await message(stage, message_id))["provider_id"]
    path = f"/2010-04-01/Accounts/ACsandbox/Messages/{sid}.json"
    for _ in range(10_000):
        if (await stage.http.get(path, auth=("ACsandbox", "sandbox"))).json()["status"] == "delivered":
            return
    raise AssertionError("the sandbox has not delivered it")


async def test_a_receipt_that_does_not_come_is_asked_for(database_url: str, sandbox: Sandbox) -> None:
    # Receipts go to an address that takes none.
    async with stage_with(database_url, sandbox, public_url=sandbox.url) as stage:
        await _asked_for(stage)


async def _asked_for(stage: Stage) -> None:
    told = await write(stage, await guest(stage))
    silent = await write(stage, await guest(stage, table=1), key="booking_link:2")
    lost = await write(stage, await guest(stage, table=2), key="booking_link:3")
    await send_due(stage.system)
    await receipt(stage, told, Told.DELIVERED)
    await stage.execute("UPDATE messages SET provider_id = 'SM_of_nobody' WHERE message_id = %s", lost)
    await stage.advance(minutes=61)
    await delivered_at_the_provider(stage, silent)
    said = await ask_the_provider(stage.system, Violation(silent), "worker")
    assert said == "The SMS provider says: delivered."
    assert (await history(stage, silent))[-1] == ("delivered", "asked")
    said = await ask_the_provider(stage.system, Violation(lost), "worker")
    assert "does not know either" in said
    assert (await message(stage, lost))["status"] == "sent"
    assert await stage.tasks() == ["sms_without_outcome"]
    assert "came meanwhile" in await ask_the_provider(stage.system, Violation(told), "worker")
    await stage.assert_all_laws_hold()
