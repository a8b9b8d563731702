"""`diagnose deployment` against an address that answers: what is right is green, and each thing that can be wrong is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from holdfast.database.connection import SCHEMA_VERSION
from holdfast.diagnosis.deployment import Asked, diagnose_deployment
from holdfast.diagnosis.deployment_actions import deployment_facts
from holdfast.diagnosis.deployment_rules import State, judged
from holdfast.errors import Unauthorized, ValidationFailed
from holdfast.inbox.rules import CANARY_TYPE
from holdfast.settings import Settings
from tests.diagnosis.deployed import NEW, OLD, URL, Site, line, red, site
from tests.support.api import NOWHERE
from tests.support.sandbox import Sandbox


@pytest.fixture
async def deployed(database_url: str) -> AsyncIterator[Site]:
    async with site(database_url) as running:
        yield running


async def test_what_was_deployed_runs_on_all_processes_and_webhooks_arrive(deployed: Site) -> None:
    await deployed.start("worker", OLD)
    found = await deployed.diagnosed(expected=OLD[:7])
    assert red(found) == {}
    assert {one["role"] for one in found.document()["processes"]} == {"web", "worker"}
    assert "1 web process and 1 worker process" in line(found, "processes").sentence
    assert line(found, "canary").state is State.OK
    assert "`canary`" in line(found, "canary_handled").sentence
    assert line(found, "forged_event").state is State.OK
    rows = await deployed.rows("SELECT type, outcome, order_id FROM webhook_events")
    assert rows == [{"type": CANARY_TYPE, "outcome": "canary", "order_id": None}]
    assert await deployed.rows("SELECT kind FROM tasks") == []


async def test_the_original_failure_the_fix_was_pushed_and_never_started(deployed: Site) -> None:
    """The old commit answers. It is ready, every webhook arrives, and nothing else tells it from the new one."""
    await deployed.start("worker", OLD)
    found = await deployed.diagnosed(expected=NEW)
    assert not found.ok
    told = line(found, "running_code")
    assert (told.state, OLD[:12] in told.sentence, NEW in told.sentence) == (State.WRONG, True, True)
    assert "never started" in told.next_step
    assert {"running_code", "web_release", "worker_release"} == set(red(found))


async def test_the_worker_was_left_on_old_code(deployed: Site) -> None:
    await deployed.start("worker", NEW, ago=timedelta(days=3))
    for expected in (OLD, None):
        found = await deployed.diagnosed(expected=expected)
        assert set(red(found)) == {"worker_release"}
        told = line(found, "worker_release")
        assert "other-host (pid 4712)" in told.sentence
        assert "Restart the worker" in told.next_step


async def test_no_worker_lives(deployed: Site) -> None:
    deployed.works = False
    await deployed.start("worker", OLD, stopped_at="2026-11-20T12:00:00Z")
    found = await deployed.diagnosed(handled_within_s=0.1)
    assert "from other-host" in line(found, "worker_alive").sentence
    assert {"worker_alive", "ready", "canary_handled"} == set(red(found))
    assert "is not handled" in line(found, "canary_handled").sentence


async def test_a_newer_schema_under_old_code(deployed: Site) -> None:
    await deployed.start("worker", OLD)
    await deployed.execute("INSERT INTO schema_versions (version) VALUES (%s)", (SCHEMA_VERSION + 1,))
    found = await deployed.diagnosed()
    assert {"schema", "ready"} == set(red(found))
    assert all("old code" in one.next_step for one in found.lines if one.name == "schema")


async def test_a_migration_that_did_not_run(deployed: Site) -> None:
    """The new code refused to start, so the old one runs on, and is content with itself."""
    await deployed.start("worker", OLD)
    why = "The database's schema is 3; this code needs 4: run `holdfast migrate`."
    await deployed.start("web", NEW, refused=why, schema=4, stopped_at="2026-11-20T12:00:00Z")
    found = await deployed.diagnosed()
    assert set(red(found)) == {"refused_start"}
    assert why in line(found, "refused_start").sentence


async def test_a_setting_is_missing_on_one_process(deployed: Site) -> None:
    await deployed.start("worker", OLD, settings_missing=["SMTP_URL", "MAIL_FROM"])
    found = await deployed.diagnosed()
    assert red(found) == {"settings": "SMTP_URL and MAIL_FROM are not set for the worker on other-host."}


async def test_code_was_brought_to_the_machine_and_not_started(deployed: Site) -> None:
    since = "2026-11-20T12:00:00Z"
    await deployed.start("worker", OLD, code_on_disk=NEW, code_on_disk_since=since)
    found = await deployed.diagnosed()
    assert set(red(found)) == {"code_on_disk"}
    assert NEW[:12] in line(found, "code_on_disk").sentence


async def test_the_processes_write_links_to_another_address(deployed: Site) -> None:
    await deployed.start("worker", OLD, public_url="https://old.example.com")
    found = await deployed.diagnosed()
    assert [one.name for one in found.lines if one.state is State.WRONG and one.name == "public_url"]
    assert "https://old.example.com" in red(found)["public_url"]


async def test_the_secrets_differ(deployed: Site) -> None:
    await deployed.start("worker", OLD)
    found = await deployed.diagnosed(settings=Settings(stripe_webhook_secret=("whsec_of_another",)))
    assert set(red(found)) == {"canary"}
    assert "STRIPE_WEBHOOK_SECRET" in line(found, "canary").next_step
    assert await deployed.rows("SELECT FROM webhook_events") == []


async def test_while_a_secret_is_replaced_either_will_do(deployed: Site) -> None:
    await deployed.start("worker", OLD)
    secrets = ("whsec_the_next", *deployed.system.settings.stripe_webhook_secret)
    assert red(await deployed.diagnosed(settings=Settings(stripe_webhook_secret=secrets))) == {}


async def test_without_key_and_secret_only_what_can_be_seen_is_told(deployed: Site) -> None:
    await deployed.start("worker", OLD)
    found = await deployed.diagnosed(with_key=False, settings=Settings(), expected=OLD)
    assert found.ok
    assert {one.name for one in found.lines if one.state is State.NOT_ASKED} == {"inside", "canary"}


async def test_a_key_that_is_refused_is_the_callers_mistake(deployed: Site) -> None:
    with pytest.raises(Unauthorized):
        await deployed.diagnosed(key="hf_nobodys")


async def test_stripe_is_asked_there_and_what_cannot_be_found_out_is_not_right(deployed: Site) -> None:
    """Stripe is out of reach of this installation (rule 7)."""
    await deployed.start("worker", OLD)
    found = await deployed.diagnosed()
    assert line(found, "webhook_endpoint").state is State.UNKNOWN
    assert not found.ok


TWILIO = {"twilio_account_sid": "ACsandbox", "twilio_auth_token": "sandbox", "twilio_from": "+447700900000"}


async def test_what_guests_answer_by_sms_goes_nowhere(database_url: str, sandbox: Sandbox) -> None:
    """The provider is asked: its number has no address for what comes in."""
    async with site(database_url, **TWILIO, twilio_api_base=sandbox.url) as deployed:
        await deployed.start("worker", OLD)
        found = await deployed.diagnosed()
    assert red(found) == {"sms_answers": "What people answer by SMS goes to nowhere."}
    assert f"{URL}/api/webhooks/twilio/incoming" in line(found, "sms_answers").next_step
    assert line(found, "sms_callback").state is State.OK


async def test_the_sms_provider_does_not_answer(database_url: str) -> None:
    async with site(database_url, **TWILIO, twilio_api_base=NOWHERE) as deployed:
        await deployed.start("worker", OLD)
        found = await deployed.diagnosed()
    assert line(found, "sms_answers").state is State.UNKNOWN


async def test_a_messaging_service_has_settings_of_its_own(database_url: str) -> None:
    settings = {**TWILIO, "twilio_from": "MG" + "0" * 32}
    async with site(database_url, **settings, twilio_api_base=NOWHERE) as deployed:
        await deployed.start("worker", OLD)
        found = await deployed.diagnosed()
    assert line(found, "sms_answers").state is State.NOT_ASKED
    assert red(found) == {}


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"answers_go_to": f"{URL}/api/webhooks/twilio/incoming"}, State.OK),
        ({"answers_go_to": "https://old.example.com/sms"}, State.WRONG),
        ({"answers_go_to": "http://[old"}, State.WRONG),
        ({"answers_go_to": None}, State.WRONG),
        ({"unheard_of": 3}, State.WRONG),
    ],
)
async def test_the_sms_providers_callbacks(deployed: Site, told: dict[str, Any], state: State) -> None:
    facts = await deployment_facts(deployed.system, audit=False)
    facts["sms"] |= {"configured": True, **told}
    states = [one.state for one in judged(facts) if one.name.startswith("sms_")]
    assert (State.WRONG in states) is (state is State.WRONG)


async def test_sms_that_nobody_ever_reported_on(deployed: Site) -> None:
    """Sent is not delivered: when no receipt comes at all, the callback leads elsewhere."""
    await deployed.execute(
        """INSERT INTO messages (message_id, tenant_id, kind, channel, recipient, unique_key, cause, status, provider_id,
                                 created_at, sent_at)
           SELECT 'msg_' || n, tenant_id, 'help', 'sms', '+447700900123', 'help:' || n, 'test', 'sent', 'SM' || n,
                  now() - interval '2 hours', now() - interval '2 hours'
             FROM tenants, generate_series(1, 3) n"""
    )
    assert (await deployment_facts(deployed.system, audit=False))["sms"]["unheard_of"] == 3
    await deployed.execute(
        "UPDATE messages SET status = 'delivered', delivered_at = now() WHERE message_id = 'msg_1'"
    )
    assert (await deployment_facts(deployed.system, audit=False))["sms"]["unheard_of"] == 0


class Elsewhere:
    """What else may answer at an address, or not."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        self.answer = answer

    @asynccontextmanager
    async def open_http(self) -> AsyncIterator[httpx.AsyncClient]:
        def handle(request: httpx.Request) -> httpx.Response:
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        async with httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url=URL) as http:
            yield http


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.ConnectError("no"), "ConnectError"),
        (httpx.ReadTimeout("no"), "no answer in time"),
        (httpx.Response(502, text="Bad gateway"), "answers 502"),
        (httpx.Response(301, headers={"Location": "https://www.example.com/"}), "redirects to https://www"),
        (httpx.Response(200, text="<html>"), "not Holdfast"),
        (httpx.Response(200, json=["else"]), "not Holdfast"),
        (httpx.Response(200, json={"version": "7"}), "not Holdfast"),
    ],
)
async def test_an_address_where_nobody_or_somebody_else_answers(
    answer: httpx.Response | Exception, words: str
) -> None:
    found = await diagnose_deployment(Asked(URL, Settings(), open_http=Elsewhere(answer).open_http))
    assert not found.ok
    [told] = found.lines
    assert words in told.sentence
    assert told.next_step


@pytest.mark.parametrize(
    "asked",
    [
        {"url": "tickets.example.com"},
        {"url": "ftp://tickets.example.com"},
        {"url": "https://tickets.example.com:many"},
        {"url": "https://tickets.example.com/?x=1"},
        {"url": URL, "expected": "abc"},
        {"url": URL, "expected": "not a commit"},
        {"url": URL, "wait_s": -1},
        {"url": URL, "wait_s": 1e9},
    ],
)
async def test_misuse(asked: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        await diagnose_deployment(Asked(settings=Settings(), **asked))


async def test_it_waits_until_the_new_code_runs(deployed: Site) -> None:
    """The worker comes back on the expected commit while the command looks."""
    late = await deployed.start("worker", NEW)
    looks = 0
    answers = deployed.open_http

    @asynccontextmanager
    async def restarted_meanwhile() -> AsyncIterator[httpx.AsyncClient]:
        nonlocal looks
        looks += 1
        if looks == 15:
            await deployed.execute(
                "UPDATE deployments SET stopped_at = now() WHERE deployment_id = %s", (late,)
            )
            await deployed.start("worker", OLD)
        async with answers() as http:
            yield http

    found = await deployed.diagnosed(expected=OLD, wait_s=60.0, pause_s=0.0, open_http=restarted_meanwhile)
    assert red(found) == {}
    assert looks > 15
