"""The steps of settle that only orders take which are authorised first: asking the provider, letting an authorisation go, and
what follows when one is gone. Under the order's lock, inside settle's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.bookings import store as bookings
from holdfast.payments import capture_store
from holdfast.payments.rules import AtStripe, Funds, Step, Units
from holdfast.requests import rules as request_rules
from holdfast.requests import store as requests
from holdfast.requests import telling

if TYPE_CHECKING:
    from holdfast.payments.steps import Case

WHY_LET_GO = {
    "declined": "declined",
    "cancelled": "cancelled",
    "expired": "late",
}


async def time_of(case: Case, claims: list[dict[str, Any]], wanted: bool) -> Units:
    """Whether the booking has its time: of its own, free to be taken, or gone. What has no time, and what is taken only when the
    provider accepts, lacks nothing. Locks the provider when it is looked for."""
    order = case.order
    if case.money.funds is Funds.AUTHORISED and order["starts_at"] and order["starts_at"] <= case.now:
        return Units.GONE  # authorised after the time had come: there is nothing left to ask the provider for
    if any(claim["released_at"] is None for claim in claims) or order["timing"] in {None, "none"}:
        return Units.HELD
    if order["starts_at"] is None or (order["timing"] == "proposed" and case.money.funds is not Funds.PAID):
        return Units.HELD
    if not wanted:
        return Units.GONE
    await requests.lock_provider(case.conn, order["provider_id"])
    free = await requests.slot_is_free(case.conn, order["offering_id"], order["starts_at"], order["ends_at"])
    return Units.FREE if free else Units.GONE


async def take_time(case: Case) -> None:
    """The slot that was found free, under the provider's lock."""
    order = case.order
    if not await requests.take_slot(case.conn, order["booking_id"], order["offering_id"], order["starts_at"]):
        raise AssertionError("a slot that is locked and was free cannot be gone")


async def ask_provider(case: Case, retake: bool) -> str:
    """The card is authorised: the provider is asked, and has until the deadline."""
    order = case.order
    if retake and order["timing"] == "slot":
        await take_time(case)
    money = case.money
    # A card whose charge does not say how long it holds is taken for one of those that hold the shortest.
    lapses = money.capture_before or (money.charged_at or case.now) + request_rules.SHORTEST_HOLD
    respond_by = request_rules.deadline(case.now, order["respond_minutes"], order["starts_at"], lapses)
    await bookings.extend_hold(case.conn, order["booking_id"], respond_by)
    await requests.mark_requested(case.conn, order["order_id"], case.now, respond_by)
    await telling.of_request(case.system, case.conn, order, respond_by, case.actor)
    await _tell(case, "requested", respond_by=respond_by.isoformat(), found_by=case.found_by)
    case.subjects.extend(telling.subjects(order))
    return "requested"


async def let_go(case: Case, why: str | None = None) -> None:
    """Owes the cancellation of an authorisation that nobody needs: the intention first, Stripe is asked by the worker."""
    attempt = case.attempt
    if attempt is None or attempt["kind"] != "payment_intent":
        return
    reason = why or WHY_LET_GO.get(case.order["status"], "surplus")
    capture_id = case.system.ids.new("cap")
    if await capture_store.owe(
        case.conn, capture_id, attempt["attempt_id"], "cancel", reason, case.actor, case.now
    ):
        await _tell(case, "authorisation_to_be_let_go", why=reason)
    case.subjects.append("work:captures")


async def lose(case: Case) -> str:
    """The authorisation is gone: the time is free again, both are told, and nothing was taken."""
    order = case.order
    await bookings.release_claims(case.conn, order["booking_id"], case.now)
    await bookings.mark_ended(case.conn, order["booking_id"], case.now)
    await bookings.move_order(case.conn, order["order_id"], "expired")
    await telling.customer(case.system, case.conn, order, "authorisation_lost", case.actor)
    await telling.provider(case.system, case.conn, order, "provider_authorisation_lost", case.actor)
    await _tell(case, "authorisation_lost", accepted=order["accepted_at"] is not None, found_by=case.found_by)
    case.subjects.extend(telling.subjects(order))
    return "expired"


async def tell_provider_confirmed(case: Case) -> None:
    """The provider's yes is captured. Money that was captured without a yes, in Stripe's dashboard, is one."""
    if case.order["provider_id"] is None:
        return
    await requests.mark_accepted(case.conn, case.order["order_id"], case.now)
    await telling.provider(case.system, case.conn, case.order, "provider_booking_confirmed", case.actor)
    case.subjects.append(f"provider:{case.order['provider_id']}")


async def close_captures(case: Case, step: Step) -> None:
    """What the evidence has overtaken needs nobody any more, whoever did it."""
    attempt, money = case.attempt, case.money
    if attempt is None or attempt["kind"] != "payment_intent" or step is Step.ASK:
        return
    if money.funds is Funds.PAID:
        await _close(case, "capture", "done", None)
        await _close(case, "cancel", "failed", "it was captured before it could be let go")
    elif money.at_stripe is AtStripe.CLOSED:
        await _close(case, "cancel", "done", None)
        await _close(case, "capture", "failed", "the authorisation was gone")


async def _close(case: Case, action: str, status: str, failure: str | None) -> None:
    assert case.attempt is not None
    await capture_store.close_all(case.conn, case.attempt["attempt_id"], action, status, failure, case.now)


async def _tell(case: Case, what: str, **detail: Any) -> None:
    order = case.order
    await bookings.tell(
        case.conn, order["tenant_id"], order["order_id"], case.now, case.actor, what, **detail
    )
