"""The outbox against a real SMTP server: once if all goes well, at least once whatever happens, never
silently not."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from email.message import EmailMessage

import pytest

from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.ids import booking_token
from holdfast.messages import actions, store
from holdfast.messages.jobs import LANES, LEASE_S, send_due
from holdfast.messages.rules import Verdict
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


async def test_a_connection_lost_after_data_sends_again_with_the_same_message_id(
    outbox: Outbox, mailbox: Mailbox
) -> None:
    """At least once: whether the server kept the mail is unknown (rule 7), and a second copy can be
    recognised."""
    mailbox.lose_connection_after_data = 1
    booking = await outbox.confirmed()
    await send_due(outbox.system)
    row = await outbox.message(booking["message_id"])
    assert row["status"] == "queued"
    outbox.clock.set(row["try_at"])
    await send_due(outbox.system)
    assert await outbox.tries(booking["message_id"]) == ["unreachable", "sent"]
    first, second = mailbox.mails
    assert first["Message-ID"] == second["Message-ID"] == f"<{booking['message_id']}@book.example>"


async def test_a_worker_that_dies_while_sending_is_repaired_by_the_lease(
    outbox: Outbox, mailbox: Mailbox
) -> None:
    booking = await outbox.confirmed()
    now = outbox.clock.now()
    async with outbox.system.database.transaction() as conn:
        claimed = await store.claim_due(conn, now, now + timedelta(seconds=LEASE_S), 20)
    assert [row["message_id"] for row in claimed] == [booking["message_id"]]  # and now it dies

    outbox.clock.advance(seconds=LEASE_S - 1)
    assert await send_due(outbox.system) == 0
    outbox.clock.advance(seconds=1)
    assert await send_due(outbox.system) == 1
    assert await outbox.tries(booking["message_id"]) == ["unreachable", "sent"]
    assert (await outbox.message(booking["message_id"]))["tries"] == 2
    assert len(mailbox.mails) == 1


async def test_a_worker_that_comes_back_late_does_not_undo_what_another_did(
    outbox: Outbox, mailbox: Mailbox
) -> None:
    booking = await outbox.confirmed()
    now = outbox.clock.now()
    async with outbox.system.database.transaction() as conn:
        (row,) = await store.claim_due(conn, now, now + timedelta(seconds=LEASE_S), 20)
    stale = actions.Claim(
        row["message_id"], row["tenant_id"], row["booking_id"], row["kind"], row["tries"], row["try_at"]
    )
    outbox.clock.advance(seconds=LEASE_S)
    await send_due(outbox.system)
    failure = actions.Failure(Verdict.REFUSED, "recipient", "550 no")
    async with outbox.system.database.transaction() as conn:
        await actions.record_failure(conn, outbox.system.ids, outbox.clock.now(), stale, failure)
    assert (await outbox.message(booking["message_id"]))["status"] == "sent"
    assert await outbox.open_tasks() == []


async def test_two_workers_at_once_claim_disjoint_sets(
    open_outbox: OpenOutbox, outbox: Outbox, mailbox: Mailbox, smtp: Server
) -> None:
    expected = set()
    for number in range(30):
        await outbox.confirmed(email=f"guest{number}@example.com")
        expected.add(f"guest{number}@example.com")
    async with open_outbox(f"smtp://127.0.0.1:{smtp.port}", event=outbox.event) as other:
        done = await asyncio.gather(*(send_due(each.system, limit=4) for each in (outbox, other)))
    assert sum(done) == 30
    assert len(mailbox.recipients) == 30
    assert set(mailbox.recipients) == expected


async def test_claims_of_two_open_transactions_do_not_meet(outbox: Outbox) -> None:
    for number in range(4):
        await outbox.confirmed(email=f"guest{number}@example.com")
    now = outbox.clock.now()
    until = now + timedelta(seconds=LEASE_S)
    database = outbox.system.database
    async with database.transaction() as one, database.transaction() as other:
        first = await store.claim_due(one, now, until, 3)
        second = await store.claim_due(other, now, until, 3)
    assert (len(first), len(second)) == (3, 1)
    assert not {row["message_id"] for row in first} & {row["message_id"] for row in second}


async def test_a_batch_uses_one_connection(outbox: Outbox, mailbox: Mailbox) -> None:
    mailbox.on_recipient = lambda address: "550 5.1.1 no" if address.startswith("guest2") else None
    for number in range(6):
        await outbox.confirmed(email=f"guest{number}@example.com")
    await send_due(outbox.system)
    assert len(mailbox.mails) == 5
    assert mailbox.connections == 1


async def test_many_mails_share_a_few_connections(outbox: Outbox, mailbox: Mailbox) -> None:
    for number in range(24):
        await outbox.confirmed(email=f"guest{number}@example.com")
    assert await send_due(outbox.system, limit=3) == 24
    assert len(set(mailbox.recipients)) == len(mailbox.recipients) == 24
    assert 1 < mailbox.connections <= 1 + LANES


async def test_a_server_that_closes_after_each_mail_costs_nothing_but_connections(
    outbox: Outbox, mailbox: Mailbox
) -> None:
    mailbox.close_after_each = True
    for number in range(4):
        await outbox.confirmed(email=f"guest{number}@example.com")
    await send_due(outbox.system)
    statuses = await outbox.rows("SELECT status, tries FROM messages")
    assert [(row["status"], row["tries"]) for row in statuses] == [("sent", 1)] * 4
    assert len(mailbox.mails) == 4


async def test_what_is_claimed_and_not_begun_is_given_back(outbox: Outbox, mailbox: Mailbox) -> None:
    """The lease must outlive the sending: with too little of it left, nothing more is begun."""
    for number in range(3):
        await outbox.confirmed(email=f"guest{number}@example.com")

    def slow(address: str) -> None:
        outbox.clock.advance(seconds=40)

    mailbox.on_recipient = slow
    await send_due(outbox.system)
    assert len(mailbox.mails) == 1
    waiting = await outbox.rows("SELECT status, tries FROM messages WHERE status <> 'sent'")
    assert [(row["status"], row["tries"]) for row in waiting] == [("queued", 0)] * 2
    mailbox.on_recipient = lambda address: None
    assert await send_due(outbox.system) == 2


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


async def test_staff_send_again_to_a_corrected_address(outbox: Outbox, mailbox: Mailbox) -> None:
    """A bounce became a task; a person corrects the address and sends again, which closes the task."""
    mailbox.on_recipient = lambda address: "550 5.1.1 no such user" if "wrong" in address else None
    booking = await outbox.confirmed(email="wrong@example.com")
    await send_due(outbox.system)
    assert len(await outbox.open_tasks()) == 1
    for times in (1, 2):
        async with outbox.system.database.transaction() as conn:
            new_id = await actions.resend(
                conn,
                outbox.system.ids,
                outbox.clock.now(),
                tenant_id=outbox.event.tenant_id,
                message_id=booking["message_id"],
                actor="staff:hf_ab",
                recipient="right@example.com",
            )
        assert await send_due(outbox.system) == 1
        row = await outbox.message(new_id)
        assert (row["status"], row["unique_key"], row["cause"]) == (
            "sent",
            f"booking_confirmed:again-{times}",
            "staff:hf_ab",
        )
    assert await outbox.open_tasks() == []
    assert mailbox.recipients == ["right@example.com"] * 2
    ids = [mail["Message-ID"] for mail in mailbox.mails if isinstance(mail, EmailMessage)]
    assert len(set(ids)) == 2  # a new message, not a copy that a mail program would hide


async def test_what_cannot_be_sent_again(outbox: Outbox) -> None:
    booking = await outbox.confirmed()

    async def again(tenant_id: int, recipient: str | None = None) -> None:
        async with outbox.system.database.transaction() as conn:
            await actions.resend(
                conn,
                outbox.system.ids,
                outbox.clock.now(),
                tenant_id=tenant_id,
                message_id=booking["message_id"],
                actor="operator",
                recipient=recipient,
            )

    with pytest.raises(Conflict):
        await again(outbox.event.tenant_id)
    await send_due(outbox.system)
    with pytest.raises(NotFound):
        await again(outbox.event.tenant_id + 1)
    with pytest.raises(ValidationFailed):
        await again(outbox.event.tenant_id, "no address")
