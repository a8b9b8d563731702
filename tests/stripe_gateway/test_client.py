"""Every answer of Stripe's is a dict or one of a few errors; what is not known is never read as "it did not happen"."""

from __future__ import annotations

import pytest

from holdfast.errors import NotFound, SettingsWrong, StripeRefused, StripeUnavailable
from holdfast.stripe_gateway.client import SdkGateway
from tests.support.system import Stage

PARAMS = {
    "mode": "payment",
    "success_url": "http://shop.test/thanks",
    "line_items": [
        {
            "quantity": 1,
            "price_data": {"currency": "gbp", "unit_amount": 2500, "product_data": {"name": "A seat"}},
        }
    ],
}


async def test_f33_the_same_key_is_the_same_session(stage: Stage) -> None:
    stripe = stage.system.stripe
    one, again = [await stripe.create_checkout_session(PARAMS, "key:1") for _ in range(2)]
    assert one["id"] == again["id"]
    with pytest.raises(StripeRefused) as clash:
        await stripe.create_checkout_session({**PARAMS, "success_url": "http://shop.test/other"}, "key:1")
    assert clash.value.extra["stripe_code"] == "idempotency_error"
    assert len(await stage.ledger("checkout.session")) == 1


async def test_what_stripe_refuses_is_said_and_not_asked_again(stage: Stage) -> None:
    bad = {**PARAMS, "line_items": []}
    with pytest.raises(StripeRefused):
        await stage.system.stripe.create_checkout_session(bad, "key:2")


@pytest.mark.parametrize(
    "fault", [{"error_500": 1}, {"error_429": 1}, {"timeout_before": 1, "timeout_s": 0.1}]
)
async def test_f72_no_answer_is_unknown(stage: Stage, fault: dict[str, float]) -> None:
    placed = await stage.book()
    await stage.faults(api=fault)
    with pytest.raises(StripeUnavailable):
        await stage.system.stripe.checkout_session(str(placed.checkout_session_id))


async def test_what_does_not_exist_is_not_found(stage: Stage) -> None:
    stripe = stage.system.stripe
    for read in (
        stripe.checkout_session("cs_x"),
        stripe.payment_intent("pi_x"),
        stripe.charge("ch_x"),
        stripe.refund("re_x"),
    ):
        with pytest.raises(NotFound):
            await read


async def test_an_expired_session_cannot_be_expired_again(stage: Stage) -> None:
    placed = await stage.book()
    await stage.system.stripe.expire_checkout_session(str(placed.checkout_session_id))
    with pytest.raises(StripeRefused):
        await stage.system.stripe.expire_checkout_session(str(placed.checkout_session_id))


async def test_f70_lists_are_read_to_their_last_page(stage: Stage) -> None:
    for number in range(103):
        await stage.foreign_session(paid=False, metadata={"n": str(number)})
    found = await stage.system.stripe.checkout_sessions()
    assert len({one["id"] for one in found}) == 103


async def test_without_a_key_the_setting_is_named(stage: Stage) -> None:
    with pytest.raises(SettingsWrong, match="STRIPE_SECRET_KEY"):
        await SdkGateway("", stage.sandbox.url).checkout_session("cs_x")


async def test_nobody_there_is_unknown() -> None:
    gateway = SdkGateway("sk_test_x", "http://127.0.0.1:9")
    with pytest.raises(StripeUnavailable):
        await gateway.checkout_session("cs_x")
    await gateway.close()
