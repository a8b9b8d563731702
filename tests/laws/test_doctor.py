"""The doctor: laws and set-up, red or green, with what to do next; and the numbers for people and for Prometheus."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from holdfast.errors import ValidationFailed
from holdfast.inbox.rules import NEEDED_TYPES
from holdfast.laws.check import check_all
from holdfast.laws.doctor import doctor
from holdfast.laws.metrics import database_metrics
from holdfast.laws.registry import all_laws, law_named
from holdfast.laws.setup import (
    Check,
    State,
    audit_endpoints,
    events_check,
    schema_check,
    settings_checks,
    smtp_check,
    stripe_checks,
)
from holdfast.laws.stats import stats
from holdfast.messages.senders.smtp import SmtpSender
from holdfast.stripe_gateway.client import SdkGateway, sdk_api_version
from holdfast.system import System
from tests.laws.test_repairs import break_law, world_at_stripe
from tests.laws.world import build_world
from tests.support.laws import assert_all_laws_hold
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
OURS = "https://tickets.example.com"


def endpoint(**changes: Any) -> dict[str, Any]:
    return {
        "id": "we_1",
        "url": f"{OURS}/api/webhooks/stripe",
        "status": "enabled",
        "enabled_events": list(NEEDED_TYPES),
        "api_version": sdk_api_version(),
        "livemode": True,
        "metadata": {"app_instance": "hf1"},
        **changes,
    }


def audit(*endpoints: dict[str, Any]) -> list[Check]:
    return audit_endpoints(list(endpoints), OURS, "hf1", True)


def test_one_right_endpoint_is_green() -> None:
    assert [check.state for check in audit(endpoint())] == [State.OK]
    assert [check.state for check in audit(endpoint(enabled_events=["*"]))] == [State.OK]
    # The second path, a port that goes without saying, capitals and a slash are the same place.
    assert audit(endpoint(url="https://Tickets.example.com:443/api/stripe/webhook/"))[0].state is State.OK


@pytest.mark.parametrize(
    ("endpoints", "sentence"),
    [
        ([], "No webhook endpoint"),
        ([endpoint(url="https://old.example.com/api/webhooks/stripe")], "which is not our address"),
        ([endpoint(), endpoint(id="we_2")], "more than once"),
        ([endpoint(status="disabled")], "is disabled"),
        ([endpoint(enabled_events=["charge.refunded"])], "does not send charge.captured"),
        ([endpoint(api_version="2020-08-27")], "writes API version 2020-08-27"),
        ([endpoint(api_version=None)], "of the account"),
        ([endpoint(livemode=False)], "of the other mode"),
        ([endpoint(), *(endpoint(id=f"we_{n}", url=f"https://{n}.example.com", metadata={}) for n in range(14))], "15 webhook"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_endpoint_is_red_with_what_to_do(
    endpoints: list[dict[str, Any]], sentence: str
) -> None:
    checks = audit(*endpoints)
    red = [check for check in checks if check.state is State.WRONG and sentence in check.sentence]
    assert red, checks
    assert all(check.next_step for check in red)


async def test_a_right_installation_is_green(system: System, sandbox: Sandbox) -> None:
    await world_at_stripe(system, sandbox)
    system = replace(system, settings=replace(system.settings, public_url=OURS))
    make_endpoint(sandbox)

    report = await doctor(system)

    assert [one for one in report.setup if one.state is not State.OK] == []
    assert [one.finding.law.name for one in report.laws if one.finding.violations] == []
    assert report.ok
    assert {"laws", "setup", "ok", "checked_at"} <= report.as_json().keys()


def make_endpoint(sandbox: Sandbox) -> None:
    """As a person does in Stripe's dashboard."""
    form = {
        "url": f"{OURS}/api/webhooks/stripe",
        "api_version": sdk_api_version(),
        **{f"enabled_events[{number}]": kind for number, kind in enumerate(NEEDED_TYPES)},
    }
    headers = {"Authorization": f"Bearer {sandbox.secret_key}"}
    made = httpx.post(f"{sandbox.url}/v1/webhook_endpoints", data=form, headers=headers)
    assert made.status_code == 200, made.text


async def test_the_doctor_asks_what_it_is_told_and_knows_what_it_does_not(
    system: System,
    sandbox: Sandbox,
) -> None:
    law = law_named("unit_count_is_true")
    await break_law(system, sandbox, law)
    report = await doctor(system, only=[law.name])
    assert [one.finding.law.name for one in report.laws] == [law.name]
    assert report.setup == []
    assert not report.ok
    assert report.laws[0].next_step == "`holdfast doctor --fix unit_count_is_true` mends it."
    mended = await doctor(system, fix=True, only=[law.name])
    assert mended.ok
    with pytest.raises(ValidationFailed):
        await doctor(system, only=["no_such_law"])


async def test_a_notice_is_told_and_is_not_wrong(system: System, sandbox: Sandbox) -> None:
    law = law_named("dispute_is_answered_in_time")
    await break_law(system, sandbox, law)
    report = await doctor(system, only=[law.name])
    assert report.laws[0].finding.violations == 1
    assert report.ok


async def test_stripe_out_of_reach_is_unknown_and_a_wrong_key_is_wrong(system: System) -> None:
    for gateway, state in (
        (SdkGateway("sk_test_x", "http://127.0.0.1:9"), State.UNKNOWN),
        (SdkGateway("sk_test_wrong", system.settings.stripe_api_base), State.WRONG),
        (SdkGateway("", system.settings.stripe_api_base), State.WRONG),
    ):
        [check] = await stripe_checks(replace(system, stripe=gateway))
        await gateway.close()
        assert (check.name, check.state) == ("stripe_key", state)
        assert check.next_step


async def test_missing_settings_are_named(system: System) -> None:
    bare = replace(system, settings=replace(system.settings, smtp_url="", mail_from="", secret_key=""))
    assert {check.sentence.split(" ")[0] for check in settings_checks(bare)} == {
        "SECRET_KEY",
        "SMTP_URL",
        "MAIL_FROM",
    }
    live = replace(system, settings=replace(system.settings, stripe_secret_key="sk_live_1"))
    [check] = settings_checks(live)
    assert (check.state, "https" in check.sentence) == (State.WRONG, True)


async def test_a_schema_of_another_release_is_wrong(system: System) -> None:
    assert (await schema_check(system)).state is State.OK
    async with system.database.transaction() as conn:
        await conn.execute("INSERT INTO schema_versions (version) VALUES (999)")
    newer = await schema_check(system)
    assert (newer.state, "Deploy" in newer.next_step) == (State.WRONG, True)
    async with system.database.transaction() as conn:
        await conn.execute("DELETE FROM schema_versions")
    older = await schema_check(system)
    assert (older.state, "migrate" in older.next_step) == (State.WRONG, True)


async def test_events_of_the_other_mode_are_wrong(system: System, sandbox: Sandbox) -> None:
    await world_at_stripe(system, sandbox)
    assert (await events_check(system)).state is State.OK
    async with system.database.transaction() as conn:
        await conn.execute("UPDATE webhook_events SET livemode = true WHERE event_id = 'evt_ignored'")
    wrong = await events_check(system)
    assert wrong.state is State.WRONG
    assert wrong.sentence.startswith("1 of 4 ")


async def test_a_mail_server_that_is_not_there_or_is_none_is_wrong(system: System) -> None:
    assert (await smtp_check(system)).state is State.OK

    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(chat, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        none = await smtp_check(with_smtp(system, f"smtp://127.0.0.1:{port}"))
    assert "no mail server" in none.sentence
    away = await smtp_check(with_smtp(system, f"smtp://127.0.0.1:{port}"))
    assert (away.state, "cannot be reached" in away.sentence) == (State.WRONG, True)
    unset = await smtp_check(with_smtp(system, ""))
    assert unset.state is State.WRONG


def with_smtp(system: System, url: str) -> System:
    settings = replace(system.settings, smtp_url=url)
    return replace(system, settings=settings, mail=SmtpSender(url, settings.mail_from))


class Collected:
    def __init__(self, metrics: list[Any]) -> None:
        self.metrics = metrics

    def collect(self) -> list[Any]:
        return self.metrics


async def exposition(system: System) -> str:
    async with system.database.transaction() as conn:
        metrics = await database_metrics(conn, system.clock.now())
    registry = CollectorRegistry()
    registry.register(Collected(metrics))
    return generate_latest(registry).decode()


async def test_the_metrics_of_an_empty_database_can_be_scraped(system: System) -> None:
    text = await exposition(system)
    assert "holdfast_unhandled_events 0.0" in text
    assert "holdfast_seconds_from_charge_to_confirmation_count 0.0" in text
    assert "\nholdfast_worker_heartbeat_age_seconds " not in text  # none has ever run: no age is no zero


async def test_the_metrics_tell_what_is_there(system: System, sandbox: Sandbox) -> None:
    await break_law(system, sandbox, law_named("paid_has_booking"))
    await check_all(system)
    text = await exposition(system)
    for line in (
        'holdfast_law_violations{law="paid_has_booking",severity="money"} 1.0',
        'holdfast_law_violations{law="tenant_is_one",severity="booking"} 0.0',
        "holdfast_paid_without_booking 1.0",
        "holdfast_unhandled_events 1.0",
        "holdfast_oldest_unhandled_event_seconds 180.0",
        "holdfast_undelivered_messages 1.0",
        "holdfast_open_holds 1.0",
        "holdfast_open_requests 1.0",
        "holdfast_captures_owed 0.0",
        "holdfast_refunds_owed 0.0",
        "holdfast_worker_heartbeat_age_seconds 0.0",
        'holdfast_orders{status="pending"} 1.0',
        'holdfast_bookings_found_by{layer="webhook"} 6.0',
        'holdfast_seconds_from_charge_to_confirmation_bucket{le="30.0"} 0.0',
        'holdfast_seconds_from_charge_to_confirmation_bucket{le="60.0"} 6.0',
        'holdfast_seconds_from_charge_to_confirmation_bucket{le="+Inf"} 6.0',
        "holdfast_seconds_from_charge_to_confirmation_sum 360.0",
    ):
        assert line in text, line + "\n" + text


async def test_stats_count_whoever_paid_and_not_only_whom_we_served(system: System, sandbox: Sandbox) -> None:
    await world_at_stripe(system, sandbox)
    async with system.database.transaction() as conn:
        found = await stats(conn, system.clock.now(), 30)
    assert found["bookings"] == {
        "cancelled": 2,
        "confirmed": 5,
        "declined": 1,
        "expired": 2,
        "pending": 1,
        "requested": 1,
        "stuck": 1,
    }
    assert found["bookings_total"] == 13
    assert found["seats_confirmed"] == 8
    assert found["money"] == [
        {"currency": "GBP", "captured": 104000, "refunded": 30000, "kept": 74000, "payments": 9}
    ]
    assert (found["paid"], found["paid_without_booking"]) == (7, 1)
    assert found["success"] == {"confirmed": 0.8571, "within_5_seconds": 0.0, "within_5_minutes": 0.8571}
    assert found["found_by"] == {"page": 0.1429, "webhook": 0.8571}
    assert found["seconds_to_confirmation"] == {"p50": 60.0, "p90": 60.0, "p99": 60.0}
    assert found["seconds_to_mail"] == {"p50": 120.0, "p90": 120.0, "p99": 120.0}
    assert found["open"]["stuck_orders"] == 1


async def test_stats_of_nothing(system: System) -> None:
    async with system.database.transaction() as conn:
        found = await stats(conn, system.clock.now(), 7)
    assert (found["paid"], found["success"]["confirmed"], found["seconds_to_mail"]) == (0, None, None)
    assert found["money"] == []


async def test_what_every_test_asks_at_its_end(system: System, database_url: str) -> None:
    now = system.clock.now()
    await assert_all_laws_hold(database_url, now)
    async with system.database.transaction() as conn:
        await build_world(conn, now)
        await assert_all_laws_hold(conn, now, processes=True, notices=True)
    with pytest.raises(AssertionError, match="worker_is_alive: A worker runs"):
        await assert_all_laws_hold(database_url, now + timedelta(minutes=2), processes=True)
    with pytest.raises(AssertionError, match="no such laws"):
        await assert_all_laws_hold(database_url, now, but=["no_such_law"])
    assert len(all_laws()) >= 30
