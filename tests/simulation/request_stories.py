"""Stories of requests: asked for, authorised, answered, moved, taken back, left without an answer; and what must be true in the
end, wherever a process died on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from holdfast.clock import rfc3339
from tests.simulation.stories import (
    End,
    Row,
    Scene,
    Step,
    Story,
    a_minute_passes,
    deliver,
    deliver_shuffled,
    look,
    the_hold_ends,
    work,
)
from tests.simulation.town import CARD, LEASE_S, Town

PROVIDER_ID = 7
LESSON, VISIT, VIDEO, CHAT, HURRY = 701, 702, 703, 704, 705
FEE = 5000
PASSES_UNTIL_ASKED = 12
EVERY_DAY = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "09:00", "closes": "17:00"}
PROVIDERS: list[dict[str, Any]] = [
    {
        "id": PROVIDER_ID,
        "name": "Sample Expert",
        "email": "expert@example.com",
        "hours": [EVERY_DAY],
        "services": [
            {"id": LESSON, "title": "A lesson", "timing": "slot", "price": "50.00"},
            {"id": VISIT, "title": "A visit", "timing": "proposed", "price": "50.00"},
            {"id": VIDEO, "title": "A video", "timing": "none", "price": "50.00"},
            {"id": CHAT, "title": "A chat", "timing": "slot", "price": "0.00"},
            {"id": HURRY, "title": "A hurry", "timing": "slot", "price": "50.00", "respond_minutes": 30},
        ],
    }
]


def ask_for(service: int) -> Step:
    """As a page does that sends its request again until it is answered, always with the same Idempotency-Key."""

    async def ask(town: Town, scene: Scene) -> None:
        body: Row = {
            "provider_id": PROVIDER_ID,
            "offering_id": service,
            "customer": {"name": "Ada", "email": "ada@example.com"},
        }
        if service in {LESSON, CHAT, HURRY}:
            scene.setdefault("slots", await free_slots(town, service))
            body["slot_id"] = scene["slots"][0]["slot_id"]
        if service == VISIT:
            scene.setdefault("proposed", rfc3339(town.clock.now() + timedelta(days=3)))
            body["starts_at"] = scene["proposed"]
        headers = {"Idempotency-Key": "the request of ada"}
        answer = await town.repeat("POST", "/api/create-payment-intent", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        scene["booking"] = answer.json()

    return ask


async def free_slots(town: Town, service: int) -> list[Row]:
    moment = rfc3339(town.clock.now() + timedelta(days=3))
    path = f"/api/providers/{PROVIDER_ID}/slots"
    answer = await town.repeat("GET", path, params={"offering_id": service, "from": moment})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["slots"])


async def authorise(town: Town, scene: Scene) -> None:
    """What the card form does, in the customer's browser: nothing of it passes through our process."""
    if scene.get("authorised"):
        return
    booking = scene["booking"]
    answer = await town.stage.street.post(
        f"/pay/{booking['payment_intent_id']}",
        params={"client_secret": booking["client_secret"]},
        data={"card": CARD, "action": "pay", "method": "card"},
    )
    assert answer.status_code < 400, answer.text
    scene["authorised"] = True


async def until_asked(town: Town, scene: Scene) -> None:
    """The provider reads of it: whoever died may have had a lease on the news."""
    for _ in range(PASSES_UNTIL_ASKED):
        [row] = await town.rows("SELECT status FROM orders")
        if row["status"] != "pending":
            return
        await town.pass_time(LEASE_S)
        await town.deliver()
        await town.work()
    raise AssertionError("the provider is never asked")


async def answer_with(town: Town, scene: Scene, answer: str, **body: Any) -> None:
    path = f"/api/booking-requests/{scene['booking']['booking_id']}/{answer}"
    headers = {"Authorization": f"Bearer {town.admin_key}"}
    given = await town.repeat("POST", path, headers=headers, json=body or None)
    assert given.status_code == 200, given.text


async def accept(town: Town, scene: Scene) -> None:
    await until_asked(town, scene)
    await answer_with(town, scene, "accept")


async def accept_in_vain(town: Town, scene: Scene) -> None:
    """The first answer is that it is over; whoever asks again reads the same as a conflict."""
    path = f"/api/booking-requests/{scene['booking']['booking_id']}/accept"
    answer = await town.repeat("POST", path, headers={"Authorization": f"Bearer {town.admin_key}"})
    assert answer.status_code in {200, 409}, answer.text


async def decline(town: Town, scene: Scene) -> None:
    await until_asked(town, scene)
    await answer_with(town, scene, "decline", reason="I am away.")


async def withdraw(town: Town, scene: Scene) -> None:
    assert (await town.cancel(scene["booking"]))["status"] == "cancelled"


async def move(town: Town, scene: Scene) -> None:
    """Sent again after a death: then it is at that time already, and says so."""
    booking = scene["booking"]
    path = f"/api/bookings/{booking['reference']}/reschedule"
    body = {"slot_id": scene["slots"][3]["slot_id"], "token": booking["token"]}
    answer = await town.repeat("POST", path, json=body)
    assert answer.status_code == 200 or "at that time already" in answer.text, answer.text


async def the_deadline_passes(town: Town, scene: Scene) -> None:
    await town.pass_time(31 * 60)


async def the_authorisation_lapses(town: Town, scene: Scene) -> None:
    body = {"action": "lapse", "payment": scene["booking"]["payment_intent_id"]}
    (await town.stage.street.post("/control/dashboard", json=body)).raise_for_status()


def asked(service: int) -> tuple[Step, ...]:
    """A request that waits for its answer."""
    return (ask_for(service), authorise, deliver, work, until_asked)


ASKED = ("request_received", "request_to_answer")
BOOKED = (*ASKED, "booking_confirmed", "provider_booking_confirmed")
AGREED = End(
    status="confirmed",
    payments=(("order", FEE),),
    mails=BOOKED,
    slots=1,
    intents=("succeeded",),
    captures=(("capture", "done"),),
)
LET_GO = (("cancel", "done"),)

REQUEST_STORIES = (
    Story(
        "asked, authorised, told by webhook",
        (ask_for(LESSON), authorise, deliver, work),
        End(status="requested", mails=ASKED, slots=1, intents=("requires_capture",)),
    ),
    Story("accepted, told by webhook", (accept, deliver, work), AGREED, beginning=asked(LESSON)),
    Story(
        "asked and accepted, and no webhook ever comes",
        (ask_for(LESSON), authorise, a_minute_passes, work, accept, work),
        AGREED,
        webhooks_are_lost=True,
    ),
    Story(
        "asked, the customer reloads, accepted",
        (ask_for(LESSON), authorise, look, work, accept, work),
        AGREED,
        webhooks_are_lost=True,
    ),
    Story(
        "a proposed time is accepted, webhooks in any order",
        (accept, deliver_shuffled, work),
        AGREED,
        beginning=(ask_for(VISIT), authorise),
    ),
    Story(
        "without a time, and without a price",
        (ask_for(CHAT), work, accept, work),
        End(status="confirmed", mails=BOOKED, slots=1),
    ),
    Story(
        "declined",
        (decline, deliver, work),
        End(status="declined", mails=(*ASKED, "request_declined"), intents=("canceled",), captures=LET_GO),
        beginning=asked(VIDEO),
    ),
    Story(
        "left without an answer",
        (the_deadline_passes, work, deliver, work),
        End(status="declined", mails=(*ASKED, "request_declined"), intents=("canceled",), captures=LET_GO),
        beginning=asked(HURRY),
    ),
    Story(
        "taken back by the customer",
        (withdraw, deliver, work),
        End(
            status="cancelled",
            mails=(*ASKED, "booking_cancelled", "request_withdrawn"),
            intents=("canceled",),
            captures=LET_GO,
        ),
        beginning=asked(LESSON),
    ),
    Story(
        "moved, then accepted",
        (move, work, accept, deliver, work),
        End(
            status="confirmed",
            payments=(("order", FEE),),
            mails=(*BOOKED, "booking_rescheduled", "provider_booking_rescheduled"),
            slots=1,
            intents=("succeeded",),
            captures=(("capture", "done"),),
        ),
        beginning=asked(LESSON),
    ),
    Story(
        "accepted, then cancelled in time: the money goes back",
        (withdraw, work, deliver, work),
        End(
            status="cancelled",
            payments=(("order", FEE),),
            refunds=(("cancelled", FEE),),
            mails=(*BOOKED, "booking_cancelled", "provider_booking_cancelled"),
            intents=("succeeded",),
            captures=(("capture", "done"),),
        ),
        beginning=(*asked(LESSON), accept, deliver, work),
    ),
    Story(
        "no card comes: the hold ends, through the fence",
        (ask_for(LESSON), the_hold_ends, work, deliver, work),
        End(status="expired", intents=("canceled",)),
    ),
    Story(
        "authorised after the hold's end, before anybody closed it: the provider is asked",
        (the_hold_ends, authorise, deliver, work, accept, work),
        AGREED,
        beginning=(ask_for(LESSON),),
    ),
    Story(
        "the authorisation lapses, then it is accepted: both are told",
        (accept_in_vain, deliver, work),
        End(
            status="expired",
            mails=(*ASKED, "authorisation_lost", "provider_authorisation_lost"),
            intents=("canceled",),
            captures=(("capture", "failed"),),
        ),
        beginning=(*asked(LESSON), the_authorisation_lapses),
    ),
)
