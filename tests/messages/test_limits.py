"""Who gets an SMS and how many: numbers, countries, opt-outs, and the counts that keep abuse from costing money."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.errors import HoldfastError, OptedOut, RateLimited, ValidationFailed
from holdfast.messages import limits, outbox
from holdfast.messages.jobs import send_due
from holdfast.messages.opting_out import opt_out
from holdfast.tenants.actions import create_key
from tests.support.system import Stage

PHONE = "+447700900123"


async def ask(
    stage: Stage, phone: str = PHONE, key_id: str | None = None, cause: str = "staff:hf_test"
) -> str:
    """What a booking that begins with an SMS does: asks, and writes, in one transaction."""
    now, tenant = stage.clock.now(), stage.event.tenant_id
    async with stage.system.database.transaction() as conn:
        number = await limits.refuse_sms(conn, tenant, phone, key_id, now)
        await outbox.enqueue_sms(
            conn, stage.system.ids, now, tenant_id=tenant, phone=number, kind="help", cause=cause
        )
    return number


async def refused(stage: Stage, phone: str = PHONE, **more: Any) -> HoldfastError | None:
    try:
        await ask(stage, phone, **more)
    except HoldfastError as error:
        return error
    return None


async def count(stage: Stage) -> int:
    return int((await stage.row("SELECT count(*) AS n FROM messages WHERE channel = 'sms'"))["n"])


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("07700 900123", PHONE),
        ("+44 7700 900123", PHONE),
        ("0044 7911 123456", "+447911123456"),  # a Guernsey operator's: not abroad
        ("+447624123456", "+447624123456"),
    ],
)
def test_mobile_numbers_are_taken(typed: str, written: str) -> None:
    assert limits.reachable_number(typed, "GB", []) == written


@pytest.mark.parametrize(
    ("typed", "countries", "sentence"),
    [
        ("020 7946 0000", [], "This is a landline"),
        ("01632 960123", [], "This is a landline"),  # no operator has it, and it begins as landlines do
        ("+49 30 123456", ["DE"], "This is a landline"),
        ("0909 8790000", [], "a premium-rate number"),
        ("0800 1111111", [], "a freephone number"),
        ("070 2412 3456", [], "a redirection number"),
        ("+4915112345678", [], "not sent to the country"),
        ("+33612345678", ["GB", "DE"], "not sent to the country"),
        (
            "+18765550123",
            ["US"],
            "not sent to the country",
        ),  # Jamaica has the calling code of the United States
        ("07700", [], "can be called"),
        ("nonsense", [], "not a telephone number"),
        ("", [], "not a telephone number"),
    ],
)
def test_what_no_sms_reaches_is_refused_with_a_sentence(
    typed: str, countries: list[str], sentence: str
) -> None:
    with pytest.raises(ValidationFailed, match=sentence):
        limits.reachable_number(typed, "GB", countries)


def test_more_countries_and_one_calling_code() -> None:
    assert limits.reachable_number("+4915112345678", "GB", ["GB", "DE"]) == "+4915112345678"
    assert limits.reachable_number("+12025550123", "US", []) == "+12025550123"


async def test_ten_thousand_calls_for_one_number_send_five(stage: Stage) -> None:
    for _ in range(5):
        assert await ask(stage) == PHONE
    errors = set()
    async with stage.system.database.transaction() as conn:
        for _ in range(10_000 - 5):
            try:
                await limits.refuse_sms(conn, stage.event.tenant_id, PHONE, None, stage.clock.now())
            except RateLimited as error:
                errors.add(error.retry_after)
            else:
                raise AssertionError("one too many")
    assert errors == {3600}
    assert await count(stage) == 5
    # Another hour has five more, the day ten.
    await stage.advance(minutes=61)
    for _ in range(5):
        await ask(stage)
    await stage.advance(minutes=61)
    assert isinstance(await refused(stage), RateLimited)
    assert await refused(stage, "+447700900124") is None
    await stage.advance(hours=24)
    assert await refused(stage) is None


async def test_a_hundred_at_once_are_refused_like_a_hundred_one_after_the_other(stage: Stage) -> None:
    outcomes = await asyncio.gather(*(refused(stage) for _ in range(40)))
    assert outcomes.count(None) == 5
    assert await count(stage) == 5


async def test_a_key_may_start_sixty_a_minute(stage: Stage) -> None:
    async with stage.system.database.transaction() as conn:
        _, key = await create_key(
            conn, stage.system.ids, stage.clock.now(), stage.event.tenant_id, "till", ["bookings"]
        )
    for number in range(60):
        assert await refused(stage, f"+4477009001{number:02}", key_id=key.key_id, cause=key.actor) is None
    last = await refused(stage, "+447700900199", key_id=key.key_id, cause=key.actor)
    assert isinstance(last, RateLimited)
    assert "60 SMS a minute" in last.detail
    assert await refused(stage, "+447700900199", key_id="key_of_another") is None
    await stage.advance(seconds=61)
    assert await refused(stage, "+447700900198", key_id=key.key_id, cause=key.actor) is None


async def test_the_days_cap_refuses_and_tells_a_person_once(stage: Stage) -> None:
    await stage.execute("UPDATE tenants SET sms_daily_cap = 3")
    for number in range(3):
        assert await refused(stage, f"+44770090010{number}") is None
    last = await refused(stage, "+447700900110")
    assert isinstance(last, RateLimited)
    assert "limit on SMS of this day" in last.detail
    await send_due(stage.system)
    await send_due(stage.system)
    (task,) = await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL")
    assert (task["kind"], task["subject"]) == ("sms_cap", f"tenant:{stage.event.tenant_id}")
    assert "3 segments" in task["sentence"]
    # Tomorrow is another day, and its first SMS closes the task.
    await stage.advance(hours=25)
    assert await refused(stage, "+447700900110") is None
    await send_due(stage.system)
    assert await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL") == []
    await stage.assert_all_laws_hold()


async def test_segments_are_what_is_counted(stage: Stage) -> None:
    now, tenant = stage.clock.now(), stage.event.tenant_id
    async with stage.system.database.transaction() as conn:
        message_id = await outbox.enqueue_sms(
            conn, stage.system.ids, now, tenant_id=tenant, phone=PHONE, kind="note", cause="staff:x",
            params={"text": "word " * 60},
        )  # fmt: skip
    await send_due(stage.system)
    row = await stage.row("SELECT segments, status FROM messages WHERE message_id = %s", message_id)
    assert (row["segments"], row["status"]) == (3, "sent")
    await stage.execute("UPDATE tenants SET sms_daily_cap = 3")
    assert isinstance(await refused(stage, "+447700900111"), RateLimited)
    await stage.execute("UPDATE tenants SET sms_daily_cap = 4")
    assert await refused(stage, "+447700900111") is None


async def test_who_opted_out_is_refused(stage: Stage) -> None:
    async with stage.system.database.transaction() as conn:
        assert await opt_out(conn, stage.clock.now(), stage.event.tenant_id, PHONE, "STOP")
        assert not await opt_out(conn, stage.clock.now(), stage.event.tenant_id, PHONE, "STOP")
    error = await refused(stage)
    assert isinstance(error, OptedOut)
    assert (error.status, error.code) == (409, "opted_out")
    assert await count(stage) == 0
