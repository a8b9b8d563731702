"""Every repair, with Stripe and the mail server of the sandbox: it mends what was planted, and twice is as once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from holdfast.clock import ManualClock, rfc3339
from holdfast.laws.check import check, check_all, promises
from holdfast.laws.doctor import doctor
from holdfast.laws.jobs import _rests_until, keep_laws, rest_after
from holdfast.laws.law import Law
from holdfast.laws.registry import all_laws, law_named
from holdfast.laws.repair import close_moot_tasks, repair
from holdfast.stripe_gateway.client import SdkGateway
from holdfast.system import System
from tests.laws.test_laws import plant
from tests.laws.world import AT_STRIPE, build_world
from tests.support.sandbox import Sandbox

REPAIRED = [pytest.param(law, id=law.name) for law in all_laws() if law.repair]
DECIDED = [pytest.param(law, id=law.name) for law in all_laws() if law.person_decides]
# Stripe's library hands httpx its bodies in a way that httpx is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def world_at_stripe(system: System, sandbox: Sandbox) -> dict[str, Any]:
    """The world, with those sessions and intents at Stripe that repairs ask about."""
    ids = dict(AT_STRIPE)
    for story, age in (
        ("confirmed", "paid"),
        ("cancelled", "paid"),
        ("pending", "open"),
        ("expired", "expired"),
    ):
        session = await make_session(system, f"att_{story}")
        if age == "paid":
            pay(sandbox, session)
            session = (await system.stripe.checkout_session(session))["id"]
        if age == "expired":
            await system.stripe.expire_checkout_session(session)
        intent = (await system.stripe.checkout_session(session)).get("payment_intent") or {}
        ids[story] = (session, intent.get("id", f"pi_{story}"))
    for story in ("asked", "booked", "declined"):
        ids[story] = ("", await make_intent(system, sandbox, story))
    async with system.database.transaction() as conn:
        return await build_world(conn, system.clock.now(), ids)


async def make_session(system: System, attempt_id: str) -> str:
    made = await system.stripe.create_checkout_session(
        {
            "mode": "payment",
            "client_reference_id": attempt_id,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "gbp",
                        "unit_amount": 12000,
                        "product_data": {"name": "A table"},
                    },
                }
            ],
            "success_url": "http://127.0.0.1/paid",
            "metadata": {"app_instance": system.instance_id, "attempt": attempt_id},
        },
        f"checkout:{attempt_id}:1:test",
    )
    return str(made["id"])


async def make_intent(system: System, sandbox: Sandbox, story: str) -> str:
    """Authorised; then captured, or let go, as the story has it."""
    intent_id = authorise(sandbox, {"app_instance": system.instance_id, "attempt": f"att_{story}"})
    if story == "booked":
        await system.stripe.capture_payment_intent(intent_id, 9000, "capture:cap_booked:1")
    if story == "declined":
        await system.stripe.cancel_payment_intent(intent_id, "cancel:cap_declined:1")
    return intent_id


def authorise(sandbox: Sandbox, metadata: dict[str, str]) -> str:
    form = {
        "amount": "9000",
        "currency": "gbp",
        "capture_method": "manual",
        "allowed_payment_method_types[0]": "card",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        **{f"metadata[{name}]": value for name, value in metadata.items()},
    }
    headers = {"Authorization": f"Bearer {sandbox.secret_key}"}
    answer = httpx.post(f"{sandbox.url}/v1/payment_intents", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def pay(sandbox: Sandbox, session: str) -> None:
    form = {"card": "4242424242424242", "action": "pay"}
    answer = httpx.post(f"{sandbox.url}/pay/{session}", data=form, follow_redirects=False)
    assert answer.status_code in {302, 303}, answer.text


async def break_law(system: System, sandbox: Sandbox, law: Law) -> None:
    names = await world_at_stripe(system, sandbox)
    async with system.database.transaction() as conn:
        await plant(conn, law, names)
    if law.name == "handled_event_had_its_effect":
        async with system.database.transaction() as conn:
            row = await (
                await conn.execute("SELECT session_id FROM attempts WHERE attempt_id = 'att_pending'")
            ).fetchone()
        assert row is not None
        pay(sandbox, row["session_id"])


async def violations(system: System, law: Law) -> int:
    async with system.database.transaction() as conn:
        return (await check(conn, system.clock.now(), law)).violations


async def everything(system: System) -> dict[str, list[str]]:
    """All rows of all tables, but for what the laws themselves keep."""
    async with system.database.transaction() as conn:
        tables = await (
            await conn.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        ).fetchall()
        found = {}
        for name in sorted(row["relname"] for row in tables if row["relname"] != "law_results"):
            rows = await (await conn.execute(f"SELECT t::text AS row FROM {name} t ORDER BY 1")).fetchall()
            found[name] = [row["row"] for row in rows]
        return found


@pytest.mark.parametrize("law", REPAIRED)
async def test_the_repair_mends_what_was_planted_and_twice_is_as_once(
    system: System, sandbox: Sandbox, law: Law
) -> None:
    await break_law(system, sandbox, law)
    assert await violations(system, law) == 1

    done = await repair(system, law)

    assert done.found == 1
    assert done.left == {}
    assert len(done.mended) == 1
    assert await violations(system, law) == 0
    after_one = await everything(system)
    again = await repair(system, law)
    assert (again.found, again.mended, again.left) == (0, {}, {})
    assert await everything(system) == after_one


@pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in all_laws()])
async def test_the_doctor_leaves_only_what_a_person_decides(
    system: System, sandbox: Sandbox, law: Law
) -> None:
    """What one repair uncovers, another mends: a booking made again needs its confirmation sent."""
    await break_law(system, sandbox, law)
    before = {f.law.name for f in await check_all(system) if f.violations}
    assert law.name in before

    report = await doctor(system, fix=True, only=[other.name for other in all_laws()])

    left = {one.finding.law.name for one in report.laws if one.finding.violations}
    assert left <= before
    if law.person_decides:
        assert law.name in left
    else:
        assert left <= {other.name for other in all_laws() if other.person_decides}


@pytest.mark.parametrize("law", DECIDED)
async def test_where_a_person_decides_one_is_told_once_and_the_task_goes_with_its_cause(
    system: System, sandbox: Sandbox, law: Law
) -> None:
    await break_law(system, sandbox, law)

    await keep_laws(system)
    await keep_laws(system)

    [task] = await tasks(system, law)
    assert task["done_at"] is None
    assert law.person_decides is not None
    assert law.person_decides in task["sentence"]
    assert await violations(system, law) == 1
    async with system.database.transaction() as conn:
        await close_moot_tasks(conn, system.clock.now(), law, [])
    assert [one["done_by"] for one in await tasks(system, law)] == ["worker"]


async def tasks(system: System, law: Law) -> list[dict[str, Any]]:
    async with system.database.transaction() as conn:
        return await (await conn.execute("SELECT * FROM tasks WHERE kind = %s", (law.name,))).fetchall()


async def test_a_decision_stands_and_is_not_asked_again_the_same_day(
    system: System, sandbox: Sandbox
) -> None:
    law = law_named("amount_paid_is_amount_agreed")
    await break_law(system, sandbox, law)
    await repair(system, law)
    async with system.database.transaction() as conn:
        await conn.execute(
            "UPDATE tasks SET done_at = %s, done_by = 'staff:hf_ab' WHERE kind = %s",
            (system.clock.now(), law.name),
        )
    await repair(system, law)
    assert [task["done_by"] for task in await tasks(system, law)] == ["staff:hf_ab"]


async def test_stripe_out_of_reach_keeps_the_hold_and_says_so(system: System, sandbox: Sandbox) -> None:
    law = law_named("hold_is_not_kept_by_silence")
    await break_law(system, sandbox, law)
    gateway = SdkGateway(system.settings.stripe_secret_key, "http://127.0.0.1:9")
    try:
        done = await repair(replace(system, stripe=gateway), law)
    finally:
        await gateway.close()

    assert done.mended == {}
    assert "Stripe does not answer" in done.left["bkg_pending"]
    assert await violations(system, law) == 1
    assert await violations(system, law_named("hold_does_not_outlive_its_expiry")) == 0


async def test_the_timeline_tells_who_repaired_what(system: System, sandbox: Sandbox) -> None:
    law = law_named("live_claims_belong_to_live_bookings")
    await break_law(system, sandbox, law)
    await repair(system, law, "worker")
    async with system.database.transaction() as conn:
        rows = await conn.execute("SELECT * FROM timeline WHERE what = 'repaired'")
        [entry] = await rows.fetchall()
    assert (entry["order_id"], entry["actor"]) == ("ord_expired", "worker")
    assert entry["detail"]["law"] == law.name


async def test_the_brake_stops_when_there_are_too_many(system: System, sandbox: Sandbox) -> None:
    law = law_named("refund_is_carried_out")
    await world_at_stripe(system, sandbox)
    async with system.database.transaction() as conn:
        await conn.execute(
            """INSERT INTO refunds (refund_id, payment_id, order_id, tenant_id, amount, currency, reason, status,
                                    actor, try_at, created_at)
               SELECT 'ref_many_' || n, 'pay_cancelled', 'ord_cancelled', 1, 100, 'GBP', 'staff', 'owed',
                      'staff:hf_ab', %(now)s, %(now)s - make_interval(mins => 20 + n)
                 FROM generate_series(1, 5) AS n""",
            {"now": system.clock.now()},
        )
    first = await repair(system, law)
    assert (first.found, len(first.mended)) == (5, 3)
    assert first.stopped is not None
    assert first.stopped.startswith("The brake")
    assert "ref_many_5" in first.mended  # the oldest first
    second = await repair(system, law)
    assert (second.found, len(second.mended), second.stopped) == (2, 2, None)


async def test_the_board_keeps_since_when_and_forgets_it_when_it_is_right(
    system: System, sandbox: Sandbox
) -> None:
    law = law_named("unit_count_is_true")
    await break_law(system, sandbox, law)
    clock = cast(ManualClock, system.clock)
    started = rfc3339(clock.now())
    await check_all(system)
    clock.advance(minutes=1)
    await check_all(system)
    row = await on_board(system, law)
    assert (row["violations"], row["since"], row["last_checked"]) == (1, started, rfc3339(clock.now()))
    assert row["sample"][0]["subject"] == "1"

    await repair(system, law)

    row = await on_board(system, law)
    assert (row["violations"], row["since"], row["sample"]) == (0, None, [])


async def on_board(system: System, law: Law) -> dict[str, Any]:
    async with system.database.transaction() as conn:
        return next(row for row in await promises(conn) if row["law"] == law.name)


async def test_a_law_that_cannot_be_asked_is_unknown_and_never_kept(system: System) -> None:
    unaskable = "SELECT 1 / 0 AS subject, NULL::timestamptz AS since"
    broken = replace(law_named("unit_count_is_true"), violations=unaskable)
    found = await check_all(system, [broken, law_named("tenant_is_one")])
    assert [(f.holds, f.error is None) for f in found] == [(False, False), (True, True)]
    assert (await on_board(system, broken))["last_checked"] is None


async def test_a_law_that_takes_long_rests_long(system: System) -> None:
    assert rest_after(1.0).total_seconds() == 0  # fifty seconds are less than the job's own minute
    assert rest_after(7.0).total_seconds() == 350

    law = law_named("unit_count_is_true")
    clock = cast(ManualClock, system.clock)
    _rests_until.setdefault(system.database, {})[law.name] = clock.now() + rest_after(7.0)
    await keep_laws(system)
    assert (await on_board(system, law))["last_checked"] is None
    assert (await on_board(system, law_named("tenant_is_one")))["last_checked"] is not None
    clock.advance(seconds=350)
    await keep_laws(system)
    assert (await on_board(system, law))["last_checked"] == rfc3339(clock.now())


async def test_the_worker_keeps_to_the_pauses_that_spare_stripe_and_the_mail_server(
    system: System, sandbox: Sandbox
) -> None:
    """What waits for its next try waits on, though a law counts it: else a law that is asked every minute undoes them."""
    await world_at_stripe(system, sandbox)
    now = system.clock.now()
    async with system.database.transaction() as conn:
        await conn.execute(
            """UPDATE webhook_events SET handled_at = NULL, outcome = 'error', error = 'planted', try_at = %s
                WHERE event_id = 'evt_confirmed'""",
            (now + timedelta(hours=1),),
        )
        await conn.execute(
            "UPDATE messages SET status = 'queued', sent_at = NULL, try_at = %s WHERE message_id = 'msg_confirmed'",
            (now + timedelta(minutes=20),),
        )
    assert await keep_laws(system) == 0
    broken = {f.law.name for f in await check_all(system) if f.violations}
    assert broken == {"event_is_handled", "confirmation_is_delivered"}
    report = await doctor(system, fix=True, only=sorted(broken))  # an operator does not wait
    assert report.ok
