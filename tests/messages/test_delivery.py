"""The outbox against a real SMTP server: once if all goes well, at least once whatever happens, never
silently not."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from holdfast.ids import booking_token
from holdfast.messages import store
from holdfast.messages.jobs import send_due
from tests.messages.conftest import OpenOutbox, Outbox
from tests.messages.server import Mailbox, Server, text_of


async def test_a_confirmation_leaves_once_and_everything_is_on_record(
    outbox: Outbox, mailbox: Mailbox
) -> None:
    booking = await outbox.confirmed()
    assert await send_due(outbox.system) == 1
    assert await send_due(outbox.system) == 0

    assert mailbox.recipients == ["guest@example.com"]
    row = await outbox.message(booking["message_id"])
    assert (row["status"], row["tries"], row["error"], row["try_at"]) == ("sent", 1, None, None)
    assert row["sent_at"] == outbox.clock.now()
    assert row["subject"] == f"Your booking is confirmed: Dinner and a show ({booking['reference']})"
    assert await outbox.tries(booking["message_id"]) == ["sent"]
    told = await outbox.rows(
        "SELECT what FROM timeline WHERE order_id = %s ORDER BY entry_id", booking["order_id"]
    )
    assert [entry["what"] for entry in told] == ["held", "mailed"]


async def test_the_kept_words_do_not_hold_the_secret_of_the_link(outbox: Outbox, mailbox: Mailbox) -> None:
    booking = await outbox.confirmed()
    await send_due(outbox.system)
    secret = booking_token(outbox.system.settings.secret_key, booking["booking_id"])
    row = await outbox.message(booking["message_id"])
    assert f"https://book.example/b/{secret}" in text_of(mailbox.mails[0])
    assert secret not in row["body_text"] + row["body_html"]
    assert "https://book.example/b/[secret]" in row["body_text"]


async def test_one_message_of_a_kind_for_a_booking(outbox: Outbox, mailbox: Mailbox) -> None:
    """F67: the unique key stops a loop of mails, whoever settles how often."""
    booking = await outbox.confirmed()
    async with outbox.system.database.transaction() as conn:
        assert await outbox.enqueue(conn, booking, "booking_confirmed") is None
    await send_due(outbox.system)
    async with outbox.system.database.transaction() as conn:
        assert await outbox.enqueue(conn, booking, "booking_confirmed") is None
    await send_due(outbox.system)
    assert len(mailbox.mails) == 1


async def test_what_was_rolled_back_is_not_mailed(outbox: Outbox, mailbox: Mailbox) -> None:
    """F67: side effect outside the transaction. Here the message is part of it."""
    booking = await outbox.confirmed()
    await send_due(outbox.system)

    class GaveUp(Exception):
        """Something later in the transaction went wrong."""

    async def cancel_and_fail() -> None:
        async with outbox.system.database.transaction() as conn:
            await outbox.enqueue(conn, booking, "booking_cancelled")
            raise GaveUp

    with pytest.raises(GaveUp):
        await cancel_and_fail()
    assert await send_due(outbox.system) == 0
    assert len(mailbox.mails) == 1


async def test_a_mail_server_that_is_away_for_an_hour(
    open_outbox: OpenOutbox, mailbox: Mailbox, smtp: Server
) -> None:
    """F68: confirmed, and the mail server is down. Tried again by itself, delivered once."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, but nobody listens
        url = f"smtp://127.0.0.1:{nobody.getsockname()[1]}"
        async with open_outbox(url) as away:
            booking = await away.confirmed()
            for _ in range(12):
                assert await send_due(away.system) == 1
                row = await away.message(booking["message_id"])
                assert row["status"] == "queued"
                assert "cannot be reached" in row["error"]
                assert timedelta(0) < row["try_at"] - away.clock.now() <= timedelta(minutes=5)
                away.clock.set(row["try_at"])
            at = away.clock.now()
            event = away.event
    async with open_outbox(f"smtp://127.0.0.1:{smtp.port}", event=event) as back:
        back.clock.set(at)
        assert await send_due(back.system) == 1
        assert (await back.message(booking["message_id"]))["status"] == "sent"
        assert await back.tries(booking["message_id"]) == ["unreachable"] * 12 + ["sent"]
    assert len(mailbox.mails) == 1


async def test_unreachable_for_a_day_is_given_up_and_a_person_is_told(open_outbox: OpenOutbox) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        async with open_outbox(f"smtp://127.0.0.1:{nobody.getsockname()[1]}") as away:
            booking = await away.confirmed()
            await send_due(away.system)
            away.clock.advance(hours=23)
            await send_due(away.system)
            assert (await away.message(booking["message_id"]))["status"] == "queued"
            away.clock.advance(hours=1)
            await send_due(away.system)
            assert (await away.message(booking["message_id"]))["status"] == "failed"
            (task,) = await away.open_tasks()
            assert (task["kind"], task["subject"]) == ("undeliverable", booking["message_id"])
            assert task["order_id"] == booking["order_id"]
            assert booking["reference"] in task["sentence"]
            assert "example.com" not in task["sentence"]


async def test_the_whole_batch_waits_when_the_server_is_away(open_outbox: OpenOutbox) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        async with open_outbox(f"smtp://127.0.0.1:{nobody.getsockname()[1]}", seats=100) as away:
            for number in range(5):
                await away.confirmed(email=f"guest{number}@example.com")
            assert await send_due(away.system) == 5
            waiting = await away.rows("SELECT status, tries, try_at FROM messages")
            assert {(row["status"], row["tries"]) for row in waiting} == {("queued", 1)}
            assert len({row["try_at"] for row in waiting}) == 5  # not all at once again


async def test_a_refused_address_fails_at_once_and_becomes_a_task(outbox: Outbox, mailbox: Mailbox) -> None:
    mailbox.on_recipient = lambda address: (
        f"550 5.1.1 <{address}>: no such user" if "nobody" in address else None
    )
    bad = await outbox.confirmed(email="nobody@example.com")
    good = await outbox.confirmed(email="somebody@example.com")
    assert await send_due(outbox.system) == 2
    row = await outbox.message(bad["message_id"])
    assert (row["status"], row["try_at"]) == ("failed", None)
    assert row["error"] == "550 5.1.1 [address]: no such user"
    assert (await outbox.message(good["message_id"]))["status"] == "sent"
    (task,) = await outbox.open_tasks()
    assert (task["kind"], task["tenant_id"]) == ("undeliverable", outbox.event.tenant_id)
    outbox.clock.advance(days=2)
    assert await send_due(outbox.system) == 0


async def test_a_deferral_waits_and_then_leaves(outbox: Outbox, mailbox: Mailbox) -> None:
    answers = ["451 4.7.1 Greylisted, come back", None]
    mailbox.on_recipient = lambda address: answers.pop(0)
    booking = await outbox.confirmed()
    await send_due(outbox.system)
    row = await outbox.message(booking["message_id"])
    assert row["status"] == "queued"
    assert timedelta(seconds=30) <= row["try_at"] - outbox.clock.now() <= timedelta(seconds=60)
    assert await send_due(outbox.system) == 0
    outbox.clock.set(row["try_at"])
    assert await send_due(outbox.system) == 1
    assert await outbox.tries(booking["message_id"]) == ["deferred", "sent"]


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("on_mail", "553 5.7.1 Sender address rejected: not owned by user"),
        ("on_mail", "530 5.7.0 Authentication required"),
        ("on_recipient", "554 5.7.1 Relay access denied"),
    ],
)
async def test_a_complaint_about_us_is_never_the_messages_fault(
    outbox: Outbox, mailbox: Mailbox, hook: str, answer: str
) -> None:
    setattr(mailbox, hook, lambda address: answer)
    booking = await outbox.confirmed()
    for _ in range(3):
        await send_due(outbox.system)
        outbox.clock.advance(days=2)
    assert (await outbox.message(booking["message_id"]))["status"] == "queued"
    (task,) = await outbox.open_tasks()
    assert task["kind"] == "mail_configuration"
    setattr(mailbox, hook, lambda address: None)
    await send_due(outbox.system)
    assert (await outbox.message(booking["message_id"]))["status"] == "sent"
    assert await outbox.open_tasks() == []  # mended: nobody has to tick it off


async def test_a_wrong_password(open_outbox: OpenOutbox, mailbox: Mailbox) -> None:
    mailbox.password = "p@ss/word"
    server = Server(mailbox, authenticator=mailbox.authenticate, auth_require_tls=False)
    server.start()
    try:
        async with open_outbox(f"smtp://us%40book.example:wrong@127.0.0.1:{server.port}") as wrong:
            booking = await wrong.confirmed()
            await send_due(wrong.system)
            assert (await wrong.message(booking["message_id"]))["status"] == "queued"
            (task,) = await wrong.open_tasks()
            assert task["kind"] == "mail_configuration"
            assert "log-in" in task["sentence"]
            at, event = wrong.clock.advance(hours=1), wrong.event
        async with open_outbox(
            f"smtp://us%40book.example:p%40ss%2Fword@127.0.0.1:{server.port}", event=event
        ) as right:
            right.clock.set(at)
            await send_due(right.system)
            assert (await right.message(booking["message_id"]))["status"] == "sent"
            assert mailbox.logins[-1] == ("us@book.example", "p@ss/word")
    finally:
        server.stop()


async def test_without_smtp_url_messages_wait_and_a_person_is_told(
    open_outbox: OpenOutbox, mailbox: Mailbox, smtp: Server
) -> None:
    async with open_outbox("") as unset:
        assert await send_due(unset.system) == 0
        assert await unset.open_tasks() == []  # nothing waits: nothing to tell
        booking = await unset.confirmed()
        for _ in range(2):
            assert await send_due(unset.system) == 0
        row = await unset.message(booking["message_id"])
        assert (row["status"], row["tries"], row["error"]) == ("queued", 0, "SMTP_URL is not set")
        (task,) = await unset.open_tasks()
        assert task["kind"] == "mail_configuration"
        assert "SMTP_URL is not set" in task["sentence"]
        event = unset.event
    async with open_outbox(f"smtp://127.0.0.1:{smtp.port}", event=event) as ready:
        assert await send_due(ready.system) == 1
        assert await ready.open_tasks() == []
    assert len(mailbox.mails) == 1


async def test_a_message_that_is_no_longer_true_is_not_sent(outbox: Outbox, mailbox: Mailbox) -> None:
    booking = await outbox.confirmed()
    await outbox.rows(
        "UPDATE orders SET status = 'cancelled' WHERE order_id = %s RETURNING 1", booking["order_id"]
    )
    assert await send_due(outbox.system) == 1
    row = await outbox.message(booking["message_id"])
    assert (row["status"], row["error"]) == ("suppressed", "the booking is cancelled by now")
    assert mailbox.mails == []


async def test_a_message_that_cannot_be_put_into_words_holds_up_nobody(
    outbox: Outbox, mailbox: Mailbox
) -> None:
    strange = await outbox.confirmed(email="strange@example.com")
    await outbox.confirmed(email="other@example.com")
    await outbox.rows(
        "UPDATE messages SET kind = 'of_tomorrow' WHERE message_id = %s RETURNING 1", strange["message_id"]
    )
    assert await send_due(outbox.system) == 2
    assert mailbox.recipients == ["other@example.com"]
    assert (await outbox.message(strange["message_id"]))["status"] == "queued"
    (task,) = await outbox.open_tasks()
    assert "cannot be put into words" in task["sentence"]


async def test_a_guest_without_an_address_leaves_a_trace(outbox: Outbox) -> None:
    booking = await outbox.confirmed()
    async with outbox.system.database.transaction() as conn:
        message_id = await outbox.enqueue(conn, {**booking, "contact_email": None}, "booking_moved")
    assert message_id is not None
    row = await outbox.message(message_id)
    assert (row["status"], row["error"]) == ("suppressed", store.NO_ADDRESS)


async def test_an_unknown_kind_is_refused_where_it_is_written(outbox: Outbox) -> None:
    booking = await outbox.confirmed()
    with pytest.raises(ValueError, match="no message of kind"):
        async with outbox.system.database.transaction() as conn:
            await outbox.enqueue(conn, booking, "love_letter")
