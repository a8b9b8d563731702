"""A person sends a message again."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from holdfast.errors import Conflict, NotFound, ValidationFailed
from holdfast.messages import actions
from holdfast.messages.jobs import send_due
from tests.messages.conftest import Outbox
from tests.messages.server import Mailbox


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
