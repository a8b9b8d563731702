"""The whole of it: our rows in a real database, Stripe's side over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest

from holdfast.bookings.actions import HoldRequest, Placed, UnitSeats, place_booking
from holdfast.cli.output import as_json
from holdfast.diagnosis.actions import Diagnosis, Kind, diagnose
from holdfast.errors import NotFound, StripeUnavailable
from holdfast.payments.recover import recover
from holdfast.settings import Settings
from holdfast.system import System, open_system
from tests.support.sandbox import Sandbox
from tests.support.world import sample_event

EMAIL = "guest@example.com"


@pytest.fixture
async def system(database_url: str, sandbox: Sandbox) -> AsyncIterator[System]:
    settings = Settings(
        database_url=database_url,
        secret_key="a secret of sixteen letters",
        stripe_secret_key=sandbox.secret_key,
        stripe_api_base=sandbox.url,
        stripe_webhook_secret=(sandbox.webhook_secret,),
        smtp_url=f"smtp://127.0.0.1:{sandbox.smtp_port}",
        mail_from="house@example.com",
    )
    async with open_system(settings, most_connections=4) as opened:
        yield opened


@pytest.fixture
async def booking(system: System) -> Placed:
    async with system.database.transaction() as conn:
        event = await sample_event(conn, system.clock.now())
    wanted = HoldRequest(
        tenant_id=event.tenant_id,
        offering_id=event.offering_id,
        units=(UnitSeats(event.unit_ids[0], 2),),
        menu=(),
        name="Sample Guest",
        email=EMAIL,
        phone=None,
        source="api",
        with_checkout=True,
    )
    return await place_booking(system, wanted)


async def pay(sandbox: Sandbox, session_id: str | None) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        form = {"card": "4242424242424242", "action": "pay"}
        answer = await client.post(f"{sandbox.url}/pay/{session_id}", data=form)
    assert answer.status_code == 303, answer.text


async def break_stripe(sandbox: Sandbox) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        (
            await client.post(f"{sandbox.url}/control/faults", json={"api": {"error_500": 1}})
        ).raise_for_status()


def codes(found: Diagnosis) -> list[str]:
    return [finding.code for finding in found.findings]


async def test_an_open_hold_is_right(system: System, booking: Placed) -> None:
    found = await diagnose(system, "booking", booking.reference)
    assert not found.is_wrong
    assert found.next_command is None
    assert [pair.stripe for pair in found.stories[0].comparisons] == ["open, £170.00, not paid"]


async def test_paid_and_unheard_is_found_and_its_command_mends_it(
    system: System, sandbox: Sandbox, booking: Placed
) -> None:
    await pay(sandbox, booking.checkout_session_id)
    found = await diagnose(system, "payment", str(booking.checkout_session_id))
    assert codes(found) == ["paid_unheard"]
    assert found.next_command == f"holdfast recover {booking.checkout_session_id}"
    await recover(system, str(booking.checkout_session_id), "operator")
    after = await diagnose(system, "payment", str(booking.checkout_session_id))
    assert not after.is_wrong
    assert [pair.agree for pair in after.stories[0].comparisons] == [True]


HANDLES: dict[str, tuple[Kind, Callable[[Placed], str]]] = {
    "order": ("order", lambda placed: placed.order_id),
    "booking": ("booking", lambda placed: placed.booking_id),
    "reference in small letters": ("booking", lambda placed: placed.reference.lower()),
    "customer": ("customer", lambda placed: placed.customer_id),
    "e-mail": ("customer", lambda _: EMAIL.upper()),
    "session": ("payment", lambda placed: str(placed.checkout_session_id)),
    "card": ("payment", lambda _: "4242"),
}


@pytest.mark.parametrize("handle", HANDLES)
async def test_whatever_somebody_has_in_hand_finds_the_order(
    system: System, sandbox: Sandbox, booking: Placed, handle: str
) -> None:
    await pay(sandbox, booking.checkout_session_id)
    await recover(system, str(booking.checkout_session_id), "operator")
    kind, what = HANDLES[handle]
    found = await diagnose(system, kind, what(booking))
    assert [story.ours.order_id for story in found.stories] == [booking.order_id]
    assert booking.token not in as_json(found.document()), (
        "a diagnosis is passed around; a token opens the booking"
    )


async def test_stripes_own_ids_find_the_order_too(system: System, sandbox: Sandbox, booking: Placed) -> None:
    await pay(sandbox, booking.checkout_session_id)
    await recover(system, str(booking.checkout_session_id), "operator")
    story = (await diagnose(system, "booking", booking.booking_id)).stories[0]
    for name in ("payment_intent_id", "charge_id", "payment_id"):
        found = await diagnose(system, "payment", story.ours.payments[0][name])
        assert found.stories[0].ours.order_id == booking.order_id


async def test_stripe_away_is_said_and_hides_nothing_of_ours(
    system: System, sandbox: Sandbox, booking: Placed
) -> None:
    await break_stripe(sandbox)
    found = await diagnose(system, "order", booking.order_id)
    assert found.stripe_problem
    assert found.stories[0].entries
    assert [pair.agree for pair in found.stories[0].comparisons] == [None]


async def test_not_finding_it_while_stripe_is_away_proves_nothing(system: System) -> None:
    settings = replace(system.settings, stripe_api_base="http://127.0.0.1:1")
    async with open_system(settings, most_connections=2) as cut_off:
        with pytest.raises(StripeUnavailable, match="could not be asked"):
            await diagnose(cut_off, "payment", "cs_test_unknown")


async def test_a_payment_that_only_stripe_knows(system: System, sandbox: Sandbox) -> None:
    session = await system.stripe.create_checkout_session(
        {
            "mode": "payment",
            "success_url": "https://example.com/",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "gbp",
                        "unit_amount": 500,
                        "product_data": {"name": "Elsewhere"},
                    },
                }
            ],
        },
        "somebody else's",
    )
    await pay(sandbox, session["id"])
    found = await diagnose(system, "payment", session["id"])
    assert codes(found) == ["unexplained_money"]
    assert found.next_command == f"holdfast recover {session['id']}"


@pytest.mark.parametrize(
    "what", ["ord_none", "HF-22222222", "nobody@example.com", "cs_test_none", "evt_none"]
)
async def test_what_nobody_knows_is_not_found(system: System, what: str) -> None:
    with pytest.raises(NotFound):
        await diagnose(system, "order", what)


async def test_another_tenants_order_is_not_found(system: System, booking: Placed) -> None:
    with pytest.raises(NotFound):
        await diagnose(system, "order", booking.order_id, tenant_id=999)
