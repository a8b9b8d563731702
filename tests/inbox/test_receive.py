"""The door for webhooks: exactly what was signed, stored once, answered at once."""

from __future__ import annotations

import asyncio
import json

import pytest

from holdfast.errors import ValidationFailed
from holdfast.inbox.receive import Receiver
from holdfast.stripe_gateway.signature import SignatureRefused, sign
from tests.support.system import Stage, open_stage

EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "customer.created",
    "created": 1_790_000_000,
    "livemode": False,
    "data": {"object": {"id": "cus_1", "object": "customer"}},
}


def now(stage: Stage) -> int:
    return int(stage.clock.now().timestamp())


async def test_f50_stored_word_for_word(stage: Stage) -> None:
    """With its spaces, its order and its accents: what was signed is what is kept."""
    body = json.dumps({**EVENT, "note": "café ☕"}, indent=3, ensure_ascii=False).encode()
    received = await stage.receiver.receive(body, sign(body, stage.sandbox.webhook_secret, now(stage)))
    assert (received.event_id, received.duplicate) == ("evt_1", False)
    row = await stage.row("SELECT payload, handled_at FROM webhook_events")
    assert row["payload"].encode() == body
    assert row["handled_at"] is None


@pytest.mark.parametrize(
    "header",
    [None, "", "t=1,v1=00", "nonsense", "forged", "stale", "future"],
)
async def test_f50_f51_f52_what_is_not_signed_leaves_no_trace(stage: Stage, header: str | None) -> None:
    body = json.dumps(EVENT).encode()
    made = {
        "forged": sign(body, "whsec_of_somebody_else", now(stage)),
        "stale": sign(body, stage.sandbox.webhook_secret, now(stage) - 301),
        "future": sign(body, stage.sandbox.webhook_secret, now(stage) + 301),
    }
    with pytest.raises(SignatureRefused):
        await stage.receiver.receive(body, made.get(header or "", header))
    assert await stage.rows("SELECT FROM webhook_events") == []


async def test_signed_and_no_event_is_refused(stage: Stage) -> None:
    for body in (b"", b"null", b"{}", b'{"id": "evt_1"}', b"\xff"):
        with pytest.raises(ValidationFailed):
            await stage.receiver.receive(body, sign(body, stage.sandbox.webhook_secret, now(stage)))
    assert await stage.rows("SELECT FROM webhook_events") == []


async def test_f51_two_secrets_while_they_rotate(database_url: str, stage: Stage) -> None:
    secrets = ("whsec_new", stage.sandbox.webhook_secret)
    async with open_stage(database_url, stage.sandbox, stripe_webhook_secret=secrets) as rotating:
        for number, secret in enumerate(secrets):
            await rotating.receive({**EVENT, "id": f"evt_{number}"}, secret)
        with pytest.raises(SignatureRefused):
            await rotating.receive({**EVENT, "id": "evt_3"}, "whsec_older")
        assert len(await rotating.rows("SELECT FROM webhook_events")) == 2


async def test_f61_f65_the_same_event_again_whenever(stage: Stage) -> None:
    """One row; only the first is new, however long ago it was."""
    answers = [(await stage.receive(EVENT)).duplicate for _ in range(3)]
    await stage.advance(days=40)
    answers.append((await stage.receive(EVENT)).duplicate)
    assert answers == [False, True, True, True]
    assert (await stage.row("SELECT duplicates FROM webhook_events"))["duplicates"] == 3


async def test_f61_many_at_once_are_stored_together_and_one_of_each_is_new(stage: Stage) -> None:
    receiver = Receiver(stage.system)
    bodies = [json.dumps({**EVENT, "id": f"evt_{number % 20}"}).encode() for number in range(60)]
    headers = [sign(body, stage.sandbox.webhook_secret, now(stage)) for body in bodies]
    answers = await asyncio.gather(
        *(receiver.receive(body, header) for body, header in zip(bodies, headers, strict=True))
    )
    assert sum(not answer.duplicate for answer in answers) == 20
    assert len(await stage.rows("SELECT FROM webhook_events")) == 20


async def test_one_bad_body_among_many_fails_alone(stage: Stage) -> None:
    receiver = Receiver(stage.system)
    bodies = [json.dumps({**EVENT, "id": f"evt_{number}"}).encode() for number in range(5)]
    bodies[2] = b'{"id": "evt_\\u0000", "type": "x", "created": 1}'
    answers = await asyncio.gather(
        *(receiver.receive(body, sign(body, stage.sandbox.webhook_secret, now(stage))) for body in bodies),
        return_exceptions=True,
    )
    assert [isinstance(answer, ValidationFailed) for answer in answers] == [False, False, True, False, False]
    assert len(await stage.rows("SELECT FROM webhook_events")) == 4


async def test_f59_an_event_of_the_other_mode_is_kept_and_never_applied(stage: Stage) -> None:
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await stage.deliver({**event, "livemode": True} for event in await stage.events())
    await stage.run_jobs()
    assert await stage.status(placed) == "pending"
    assert {row["outcome"] for row in await stage.rows("SELECT outcome FROM webhook_events")} == {
        "other_mode"
    }


async def test_the_database_is_away_and_stripe_is_told_to_come_again(stage: Stage) -> None:
    """Not a 2xx: else the event would be lost (F04)."""
    await stage.execute("ALTER TABLE webhook_events ADD CONSTRAINT away CHECK (false) NOT VALID")
    with pytest.raises(Exception) as refused:
        await stage.receive(EVENT)
    assert getattr(refused.value, "status", None) == 503
    await stage.execute("ALTER TABLE webhook_events DROP CONSTRAINT away")
    assert not (await stage.receive(EVENT)).duplicate
