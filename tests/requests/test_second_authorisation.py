"""F31 for what is authorised first: a second intent of the same order is let go, and the request rests on the first."""

from __future__ import annotations

import pytest

from holdfast.requests.actions import PlacedRequest
from holdfast.requests.answers import accept, decline
from tests.support.appointments import Diary, diary
from tests.support.system import Stage


@pytest.fixture
async def expert(stage: Stage) -> Diary:
    return await diary(stage)


async def second_intent(stage: Stage, placed: PlacedRequest) -> str:
    """Made for the same attempt, as when Stripe made one whose answer was an error, and authorised."""
    [first] = [one for one in await stage.ledger("payment_intent") if one["id"] == placed.payment_intent_id]
    made = await stage.http.post(
        "/v1/payment_intents",
        data={
            "amount": str(first["amount"]), "currency": first["currency"], "capture_method": "manual",
            "allowed_payment_method_types[]": "card", "payment_method": "pm_card_visa", "confirm": "true",
            **{f"metadata[{name}]": value for name, value in first["metadata"].items()},
        },
        auth=(stage.sandbox.secret_key, ""),
    )  # fmt: skip
    assert made.json()["status"] == "requires_capture", made.text
    return str(made.json()["id"])


async def status_of(stage: Stage, intent_id: str) -> str:
    [intent] = [one for one in await stage.ledger("payment_intent") if one["id"] == intent_id]
    return str(intent["status"])


@pytest.mark.parametrize("first_authorised", [True, False])
async def test_f31_a_second_authorisation_is_let_go(
    stage: Stage, expert: Diary, first_authorised: bool
) -> None:
    placed = await expert.ask(await expert.service(), expert.at())
    if first_authorised:
        assert await expert.authorise(placed)
        await stage.deliver()
        await stage.run_jobs()
    second = await second_intent(stage, placed)
    await stage.deliver()
    await stage.settle_down()
    assert await status_of(stage, second) == "canceled"
    if not first_authorised:
        assert await expert.status(placed) == "pending"
        assert await expert.authorise(placed)
        await stage.deliver()
        await stage.run_jobs()
    assert await expert.status(placed) == "requested"
    assert (await accept(stage.system, placed.booking_id, "provider:1")).status == "confirmed"
    await stage.settle_down()
    assert await expert.intent(placed) == "succeeded"
    await stage.assert_all_laws_hold()


async def test_f31_a_no_lets_both_go(stage: Stage, expert: Diary) -> None:
    placed = await expert.requested(await expert.service(), expert.at())
    second = await second_intent(stage, placed)
    await stage.deliver()
    await decline(stage.system, placed.booking_id, "provider:1")
    await stage.settle_down()
    assert (await expert.intent(placed), await status_of(stage, second)) == ("canceled", "canceled")
    await stage.assert_all_laws_hold()
