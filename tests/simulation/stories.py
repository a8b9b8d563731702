"""What people do with Holdfast, step by step, and what must be true in the end, wherever a process died on the way.

A story has a beginning, in which nobody dies (what has to be there before it begins), and steps, in which the process may die
at any boundary. A step may be done again: people ask again until they are answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.simulation.town import EVENT_ID, Town

Row = dict[str, Any]
Scene = dict[str, Any]  # what the people of a story remember between its steps
Step = Callable[[Town, Scene], Awaitable[None]]

PRICE = 2 * 8500 + 2 * 1850  # two seats at Table 1, two pies


@dataclass(frozen=True)
class End:
    """`refunds`: (reason, amount). `mails`: the kinds of mail, each sent once. Amounts in minor units."""

    status: str | None
    payments: tuple[tuple[str, int], ...] = ()
    refunds: tuple[tuple[str, int], ...] = ()
    mails: tuple[str, ...] = ()
    taken: int = 0  # of Table 1
    tasks: tuple[str, ...] = ()
    paid_sessions: int = 0  # in Stripe's own books
    slots: int = 0  # taken in the diaries of all providers
    intents: tuple[str, ...] = ()  # the statuses, in Stripe's own books, of those that no session made
    captures: tuple[tuple[str, str], ...] = ()  # (action, status)


@dataclass(frozen=True)
class Story:
    name: str
    steps: tuple[Step, ...]
    end: End
    beginning: tuple[Step, ...] = ()
    webhooks_are_lost: bool = False


async def book(town: Town, scene: Scene) -> None:
    scene["booking"] = await town.book()


async def pay(town: Town, scene: Scene) -> None:
    if "paid" not in scene:
        await town.pay(scene["booking"])
        scene["paid"] = True


async def deliver(town: Town, scene: Scene) -> None:
    await town.deliver()


async def deliver_shuffled(town: Town, scene: Scene) -> None:
    def shuffled(events: list[Row]) -> list[Row]:
        return scene["chance"].sample(events, len(events))  # type: ignore[no-any-return]

    await town.deliver(shuffled)


async def work(town: Town, scene: Scene) -> None:
    await town.work()


async def look(town: Town, scene: Scene) -> None:
    scene["seen"] = await town.look(scene["booking"])


async def a_minute_passes(town: Town, scene: Scene) -> None:
    await town.pass_time(61)


async def the_hold_ends(town: Town, scene: Scene) -> None:
    await town.pass_time(31 * 60)


async def twenty_minutes_pass(town: Town, scene: Scene) -> None:
    await town.pass_time(20 * 60)


async def cancel(town: Town, scene: Scene) -> None:
    scene["cancelled"] = await town.cancel(scene["booking"])


async def recover(town: Town, scene: Scene) -> None:
    scene["recovered"] = await town.recover(scene["session_id"])


async def the_session_is_named(town: Town, scene: Scene) -> None:
    """The guest writes in, and staff find the session in Stripe's dashboard."""
    scene["session_id"] = scene["booking"]["checkout_session_id"]


async def the_database_is_restored(town: Town, scene: Scene) -> None:
    """From a backup that is older than the booking: the order and everything about it is gone. Events that were answered
    are not sent again."""
    await the_session_is_named(town, scene)
    await town.forget_orders()


async def the_table_is_sold_elsewhere(town: Town, scene: Scene) -> None:
    """Nobody is told, nothing is charged: the organiser seats friends there."""
    await town.change("UPDATE units SET capacity = 1 WHERE label IN ('Table 1', 'Table 2')")
    await town.change("UPDATE units SET buffer = false, capacity = 1 WHERE label = 'Reserve'")


async def a_foreign_session(town: Town, scene: Scene) -> None:
    """Made and paid by the system that was there before, with metadata of its own."""
    session = await town.foreign_session(
        amount=PRICE,
        currency="gbp",
        metadata={
            "eventId": str(EVENT_ID),
            "tableId": "Table 1",
            "guests": "2",
            "foodItems": '[{"name": "Pie", "qty": 2}]',
            "customerName": "Ada",
        },
        customer_details={"email": "ada@example.com", "name": "Ada"},
    )
    scene["session_id"] = session["id"]


async def the_session_comes_twice(town: Town, scene: Scene) -> None:
    """A second session for the same attempt, its creation's answer lost and its idempotency key forgotten, paid as well."""
    if "second" not in scene:
        ledger = await town.ledger()
        first = next(
            one for one in ledger["checkout.session"] if one["id"] == scene["booking"]["checkout_session_id"]
        )
        scene["second"] = await town.foreign_session(
            amount=first["amount_total"],
            currency=first["currency"],
            metadata=first["metadata"],
            payment_intent_metadata=first["metadata"],
            client_reference_id=first["client_reference_id"],
            customer_details={"email": "ada@example.com", "name": "Ada"},
            webhook=True,
        )


CONFIRMED = End(
    status="confirmed",
    payments=(("order", PRICE),),
    mails=("booking_confirmed",),
    taken=2,
    paid_sessions=1,
)

STORIES = (
    Story("booked, paid, told by webhook", (book, pay, deliver, work, look), CONFIRMED),
    Story(
        "booked and paid, and no webhook ever comes",
        (book, pay, a_minute_passes, work),
        CONFIRMED,
        webhooks_are_lost=True,
    ),
    Story(
        "booked and paid, no webhook, the guest reloads",
        (book, pay, look, work),
        CONFIRMED,
        webhooks_are_lost=True,
    ),
    Story(
        "recovered by staff: the order is known",
        (recover, work),
        CONFIRMED,
        beginning=(book, pay, the_session_is_named),
        webhooks_are_lost=True,
    ),
    Story(
        "recovered by staff: the order is lost, its snapshot travels with the money",
        (recover, work),
        CONFIRMED,
        beginning=(book, pay, the_database_is_restored),
        webhooks_are_lost=True,
    ),
    Story(
        "recovered by staff: another system's session",
        (recover, work),
        CONFIRMED,
        beginning=(a_foreign_session,),
    ),
    Story(
        "the order is lost, and its webhook brings it back",
        (deliver, work, a_minute_passes, work, a_minute_passes, work),
        CONFIRMED,
        beginning=(book, pay, the_database_is_restored),
    ),
    Story(
        "cancelled, and the money goes back",
        (cancel, work, deliver, work),
        End(
            status="cancelled",
            payments=(("order", PRICE),),
            refunds=(("cancelled", PRICE),),
            mails=("booking_confirmed", "booking_cancelled"),
            paid_sessions=1,
        ),
        beginning=(book, pay, deliver, work),
    ),
    Story(
        "cancelled while the payment was under way",
        (cancel, deliver, work),
        End(
            status="cancelled",
            payments=(("returned", PRICE),),
            refunds=(("cancelled", PRICE),),
            mails=("money_returned",),
            paid_sessions=1,
        ),
        beginning=(book, pay),
    ),
    Story(
        "never paid: the hold ends, through the fence",
        (book, the_hold_ends, work, deliver, work),
        End(status="expired"),
    ),
    Story(
        "paid twice: one is kept, one goes back",
        (pay, the_session_comes_twice, deliver_shuffled, work, deliver_shuffled, work),
        End(
            status="confirmed",
            payments=(("order", PRICE), ("returned", PRICE)),
            refunds=(("surplus", PRICE),),
            mails=("booking_confirmed", "money_returned"),
            taken=2,
            paid_sessions=2,
        ),
        beginning=(book,),
    ),
    Story(
        "paid after the hold's end, before anybody closed it: the seats are still theirs",
        (the_hold_ends, pay, deliver, work),
        CONFIRMED,
        beginning=(book,),
    ),
    Story(
        "paid late, the order lost, the seats gone: the money goes back",
        (deliver, work, a_minute_passes, work, a_minute_passes, work),
        End(
            status="expired",
            payments=(("returned", PRICE),),
            refunds=(("late", PRICE),),
            mails=("money_returned",),
            paid_sessions=1,
        ),
        beginning=(
            book,
            the_hold_ends,
            twenty_minutes_pass,
            pay,
            the_database_is_restored,
            the_table_is_sold_elsewhere,
        ),
    ),
)
