"""Stripe, the net and the mail server at their worst, with many guests at once: what is paid ends confirmed and mailed, what
is not paid ends let go, and not one law is broken."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.simulation.town import Row, Town, gather_all, opened_stage, opened_town
from tests.support.api import show
from tests.support.sandbox import Sandbox

GUESTS = 24
PAYERS = 18  # of them; the others go away
TABLES = 6
SEED = 20261120
# A sandbox that hangs up at once spares the test the waiting; the gateway sees the same lost connection.
AT_ONCE = {"timeout_s": 0}
MOST_PASSES = 8


@pytest.fixture
async def town(database_url: str, sandbox: Sandbox) -> AsyncIterator[Town]:
    tables = [
        {"label": f"Table {number}", "capacity": 8, "price": "85.00"} for number in range(1, TABLES + 1)
    ]
    async with (
        opened_stage(sandbox) as stage,
        opened_town(stage, database_url, seed=SEED, document=show(units=tables)) as opened,
    ):
        yield opened


API_FAULTS: dict[str, dict[str, float]] = {
    "nobody answers before the effect": {"timeout_before": 0.4},
    "the effect is there, the answer is lost": {"timeout_after": 0.4},
    "errors": {"error_500": 0.3},
    "errors after the effect": {"error_500_after": 0.3},
    "too many requests": {"error_429": 0.3},
    "all of it": {
        "timeout_before": 0.1,
        "timeout_after": 0.1,
        "error_500": 0.1,
        "error_500_after": 0.1,
        "error_429": 0.1,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("faults", API_FAULTS.values(), ids=[name.replace(" ", "_") for name in API_FAULTS])
async def test_stripes_api_fails_again_and_again(town: Town, faults: dict[str, float]) -> None:
    await town.faults(api={**faults, **AT_ONCE}, seed=SEED)
    bookings = await everybody_books(town)
    await paying(town, bookings[:PAYERS])
    await town.deliver()
    await town.work()
    await cancel_some(town, bookings[:3])
    await pass_hours(town)
    await town.faults(api=dict.fromkeys(faults, 0))
    await town.until_quiet()
    await assert_all_is_well(town, bookings, cancelled=3)


@pytest.mark.slow
async def test_not_one_webhook_arrives(town: Town) -> None:
    town.webhooks_are_lost = True
    bookings = await everybody_books(town)
    await paying(town, bookings[:PAYERS])
    await town.pass_time(61)
    await town.work()
    assert await confirmed(town) == PAYERS, "one minute after the payment, without any webhook"
    await town.until_quiet()
    await assert_all_is_well(town, bookings)


@pytest.mark.slow
async def test_every_webhook_comes_three_times_late_and_in_any_order(town: Town) -> None:
    chance = random.Random(SEED)
    bookings = await everybody_books(town)
    await paying(town, bookings[:PAYERS])
    await town.pass_time(50)  # before the first question of our own
    events = (await town.ledger())["event"]
    thrice = [event for event in events for _ in range(3)]
    chance.shuffle(thrice)
    await town.deliver(lambda _: thrice)
    await town.work()
    assert await confirmed(town) == PAYERS
    (row,) = await town.rows("SELECT count(*) AS events, sum(duplicates) AS again FROM webhook_events")
    assert row == {"events": len(events), "again": 2 * len(events)}
    await town.until_quiet()
    await assert_all_is_well(town, bookings)


@pytest.mark.slow
async def test_the_mail_server_defers_drops_and_comes_back(town: Town) -> None:
    await town.faults(mail={"defer": 0.4, "drop_connection": 0.3}, seed=SEED)
    bookings = await everybody_books(town)
    await paying(town, bookings[:PAYERS])
    await town.until_quiet()
    await town.faults(mail={"defer": 0, "drop_connection": 0})
    for _ in range(3):
        await town.pass_time(3600)
        await town.work()
    # A connection that was dropped after the text may have delivered it: a copy more, with the same Message-ID.
    await assert_all_is_well(town, bookings, copies_may_come=True)


async def everybody_books(town: Town) -> list[Row]:
    """At once; who is told that Stripe is away asks again."""
    return await gather_all(
        *(town.book(f"guest{n}", {f"Table {n % TABLES + 1}": 2}, menu=False) for n in range(GUESTS))
    )


async def paying(town: Town, bookings: list[Row]) -> None:
    for booking in bookings:
        await town.pay(booking)


async def cancel_some(town: Town, bookings: list[Row]) -> None:
    """Having read that they are confirmed, on their page and in the mail."""
    for booking in bookings:
        for _ in range(MOST_PASSES):
            if (await town.look(booking))["status"] == "confirmed":
                break
            await town.pass_time(5)
        await town.work()
        assert (await town.cancel(booking))["status"] == "cancelled"


async def pass_hours(town: Town) -> None:
    """With the faults still there: the holds of those who went away end, refunds are asked for."""
    for seconds in (61, 61, 300, 1200, 900, 600, 600):
        await town.pass_time(seconds)
        await town.deliver()
        await town.work()


async def confirmed(town: Town) -> int:
    (row,) = await town.rows("SELECT count(*) AS n FROM orders WHERE status = 'confirmed'")
    return int(row["n"])


async def assert_all_is_well(
    town: Town, bookings: list[Row], *, cancelled: int = 0, copies_may_come: bool = False
) -> None:
    statuses = Counter(row["status"] for row in await town.rows("SELECT status FROM orders"))
    expected = {
        "confirmed": PAYERS - cancelled,
        "cancelled": cancelled,
        "expired": len(bookings) - PAYERS,
    }
    assert statuses == Counter({status: count for status, count in expected.items() if count})

    ledger = await town.ledger()
    paid = [one for one in ledger["checkout.session"] if one["payment_status"] == "paid"]
    assert len(paid) == PAYERS
    assert not [one for one in ledger["checkout.session"] if one["status"] == "open"], "still payable"
    refunds = [one["amount"] for one in ledger.get("refund", [])]
    assert refunds == [17000] * cancelled, "one refund for each, in full"
    (ours,) = await town.rows(
        """SELECT (SELECT sum(captured) FROM payments) AS paid,
                  (SELECT coalesce(sum(amount), 0) FROM refunds WHERE status = 'succeeded') AS refunded,
                  (SELECT sum(taken) FROM units) AS taken"""
    )
    assert ours["paid"] == sum(one["amount_total"] for one in paid)
    assert ours["refunded"] == sum(refunds)
    assert ours["taken"] == 2 * (PAYERS - cancelled)

    mails = await town.mails()
    kinds = Counter(kind_of(mail) for mail in mails)
    assert kinds == Counter(
        {"confirmed": PAYERS, "cancelled": cancelled} if cancelled else {"confirmed": PAYERS}
    )
    if not copies_may_come:
        assert {mail["copies"] for mail in mails} == {1}
    assert await town.broken_laws() == []


def kind_of(mail: dict[str, Any]) -> str:
    subject = mail["subject"].lower()
    return next((word for word in ("confirmed", "cancelled") if word in subject), subject)
