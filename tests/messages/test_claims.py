"""Who sends what: claims are leases, workers do not meet, and whoever dies loses nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from holdfast.messages import actions, delivery_store
from holdfast.messages.jobs import LANES, LEASE_S, send_due
from holdfast.messages.rules import Verdict
from tests.messages.conftest import OpenOutbox, Outbox
from tests.messages.server import Mailbox, Server


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
        claimed = await delivery_store.claim_due(conn, now, now + timedelta(seconds=LEASE_S), 20)
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
        (row,) = await delivery_store.claim_due(conn, now, now + timedelta(seconds=LEASE_S), 20)
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
        first = await delivery_store.claim_due(one, now, until, 3)
        second = await delivery_store.claim_due(other, now, until, 3)
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
