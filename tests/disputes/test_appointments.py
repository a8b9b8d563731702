"""The evidence of an appointment: who asked for what, when the provider said yes, and nothing that was written to them."""

from __future__ import annotations

import json

import pytest

from holdfast.requests.answers import accept
from tests.disputes.test_pack import downloaded
from tests.support.appointments import Diary, diary
from tests.support.system import Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


@pytest.mark.parametrize("timing", ["slot", "none"])
async def test_f47_asked_accepted_and_captured(stage: Stage, expert: Diary, timing: str) -> None:
    service = await expert.service(timing)
    placed = await expert.requested(
        service, expert.at() if timing == "slot" else None, details="About bridges"
    )
    await accept(stage.system, placed.booking_id, "provider:1", expert.provider_id)
    await stage.deliver()
    await stage.run_jobs()
    dispute = await stage.dashboard("open_dispute", payment=placed.payment_intent_id)
    await stage.deliver()
    await stage.settle_down()
    _, files = await downloaded(stage, dispute["id"])
    provider = await stage.row("SELECT name, email FROM providers WHERE provider_id = %s", expert.provider_id)
    told = json.loads(files["evidence.json"])
    assert told["agreed"]["provider_name"] == provider["name"]
    assert told["agreed"]["details"] == "About bridges"
    assert told["agreed"]["accepted_at"]
    assert provider["name"] in files["fields/product_description.txt"]
    assert "The provider accepted it on" in files["fields/uncategorized_text.txt"]
    assert "the provider" in files["documents/service_documentation.html"]
    assert "booking_confirmed" in [one["kind"] for one in told["messages"]]
    for name, text in files.items():
        assert "/answer/" not in text, name
        assert provider["email"] not in text, name
    assert ("fields/service_date.txt" in files) == (timing == "slot")
    await stage.assert_all_laws_hold()
