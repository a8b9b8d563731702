"""A whole system on a stage: the real code on a database of its own, and Stripe's wire from the sandbox.

The clock stands until a test moves it, and then the sandbox's moves with it. Ids are seeded. Webhooks are
delivered when a test says so, as often and in the order that it says: their bodies are the sandbox's, word
for word, and they come in by the same door as Stripe's.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from holdfast.bookings.actions import HoldRequest, MenuQuantity, Placed, UnitSeats, place_booking
from holdfast.clock import ManualClock, rfc3339
from holdfast.database.connection import Connection
from holdfast.ids import Ids
from holdfast.inbox.jobs import handle_due
from holdfast.inbox.receive import Received, Receiver
from holdfast.messages.jobs import send_due
from holdfast.messages.reminders import remind_due
from holdfast.payments.captures import carry_out_due
from holdfast.payments.jobs import ask_about_due, let_due_lapse
from holdfast.refunds.jobs import ask_for_due, look_at_pending
from holdfast.requests.expiry import decline_overdue, remind_providers
from holdfast.settings import Settings
from holdfast.stripe_gateway.signature import sign
from holdfast.system import System, open_system
from tests.support.laws import assert_all_laws_hold
from tests.support.sandbox import Sandbox
from tests.support.world import SampleEvent, sample_event

Row = dict[str, Any]

GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"
DISPUTED_CARD = "4000000000000259"
REFUND_FAILS_CARD = "4000000000005126"
SECRET_KEY = "a secret that only tests know"
# Everything that schedule.py runs for a booking and its money, but for the laws, which tests ask at their end.
JOBS = (
    handle_due,
    ask_about_due,
    let_due_lapse,
    carry_out_due,
    decline_overdue,
    remind_providers,
    ask_for_due,
    look_at_pending,
    remind_due,
    send_due,
)
MOST_ROUNDS = 10
UNTIL_STEADY = timedelta(seconds=3)


@dataclass
class Stage:
    """`event` is an evening with three tables of four at 85 pounds a seat, a pie and a wine."""

    system: System
    sandbox: Sandbox
    http: httpx.AsyncClient  # to the sandbox
    clock: ManualClock
    event: SampleEvent
    delivered: set[str] = field(default_factory=set)

    @property
    def receiver(self) -> Receiver:
        return Receiver(self.system)

    # ── what people do ──

    async def book(
        self,
        seats: int = 2,
        *,
        table: int = 0,
        menu: Iterable[tuple[int, int]] = (),
        email: str = "guest@example.com",
        units: Iterable[tuple[int, int]] | None = None,
        with_checkout: bool = True,
    ) -> Placed:
        return await place_booking(
            self.system,
            self.wish(seats, table=table, menu=menu, email=email, units=units, with_checkout=with_checkout),
        )

    def wish(
        self,
        seats: int = 2,
        *,
        table: int = 0,
        menu: Iterable[tuple[int, int]] = (),
        email: str = "guest@example.com",
        units: Iterable[tuple[int, int]] | None = None,
        with_checkout: bool = True,
    ) -> HoldRequest:
        wanted = units or [(self.event.unit_ids[table], seats)]
        return HoldRequest(
            tenant_id=self.event.tenant_id,
            offering_id=self.event.offering_id,
            units=[UnitSeats(unit, count) for unit, count in wanted],
            menu=[MenuQuantity(item, count) for item, count in menu],
            name="Sample Guest",
            email=email,
            phone=None,
            source="api",
            with_checkout=with_checkout,
        )

    async def pay(self, session_id: str | None, card: str = GOOD_CARD, method: str = "card") -> int:
        """What the hosted page answers: 303 back to the shop, 402 declined, 200 nothing to pay (any more)."""
        form = {"action": "pay", "card": card, "method": method}
        return (await self.http.post(f"/pay/{session_id}", data=form)).status_code

    async def paid(self, **booking: Any) -> Placed:
        """Booked, paid, and told by webhook, a minute ago."""
        placed = await self.book(**booking)
        assert await self.pay(placed.checkout_session_id) == 303
        await self.deliver()
        await self.run_jobs()
        await self.advance(minutes=1)
        return placed

    async def dashboard(self, action: str, **what: Any) -> Row:
        """What somebody does in Stripe's dashboard, or a bank by itself."""
        answer = await self.http.post("/control/dashboard", json={"action": action, **what})
        answer.raise_for_status()
        return dict(answer.json())

    async def foreign_session(self, **body: Any) -> Row:
        """A session that another system made, paid unless `paid=False`."""
        answer = await self.http.post("/control/foreign-session", json={"amount": 17000, **body})
        answer.raise_for_status()
        return dict(answer.json())

    # ── Stripe's side ──

    async def faults(self, **groups: Row) -> None:
        (await self.http.post("/control/faults", json=groups)).raise_for_status()

    async def stripe_away(self) -> None:
        await self.faults(api={"error_500": 1})

    async def stripe_back(self) -> None:
        await self.faults(api={"error_500": 0})

    async def ledger(self, kind: str) -> list[Row]:
        """Stripe's own books: every object of a kind, oldest first."""
        return list((await self.http.get("/control/ledger")).json().get(kind, []))

    async def events(self, *types: str) -> list[Row]:
        return [one for one in await self.ledger("event") if not types or one["type"] in types]

    async def deliver(self, events: Iterable[Row] | None = None) -> list[Received]:
        """Webhooks arrive: those given, in this order, or all that have not arrived yet."""
        if events is None:
            events = [one for one in await self.events() if one["id"] not in self.delivered]
        return [await self.receive(one) for one in events]

    async def receive(self, event: Row, secret: str | None = None) -> Received:
        self.delivered.add(event["id"])
        body = json.dumps(event).encode()
        stamp = int(self.clock.now().timestamp())
        return await self.receiver.receive(body, sign(body, secret or self.sandbox.webhook_secret, stamp))

    # ── time and work ──

    async def advance(self, **by: float) -> None:
        """Our clock and the sandbox's, together."""
        before = self.clock.now()
        seconds = (self.clock.advance(**by) - before).total_seconds()
        (await self.http.post("/control/clock", json={"advance_s": seconds})).raise_for_status()

    async def advance_to(self, moment: datetime) -> None:
        """Both clocks to the same moment: the sandbox's has run on a little by itself meanwhile."""
        now = (await self.http.get("/control/clock")).json()["now"]
        self.clock.set(moment)
        ahead = max(moment.timestamp() - now, 0)
        (await self.http.post("/control/clock", json={"advance_s": ahead})).raise_for_status()

    async def run_jobs(self) -> int:
        """The worker has its turn, until it finds nothing more to do now."""
        done = 0
        for _ in range(MOST_ROUNDS):
            round_ = sum([await job(self.system) for job in JOBS])
            done += round_
            if not round_:
                return done
        raise AssertionError(f"the worker still finds work after {MOST_ROUNDS} rounds")

    async def settle_down(self) -> None:
        """A few seconds pass and the worker has its turn: events that came too early are handled then."""
        for _ in range(4):
            await self.advance(seconds=11)
            await self.run_jobs()

    async def assert_all_laws_hold(self, *but: str) -> None:
        """The end of every story: the worker has its turn, then every law is asked (`but`: those broken on purpose)."""
        await self.run_jobs()
        async with self.system.database.transaction() as conn:
            await assert_all_laws_hold(conn, self.clock.now(), but=but)

    # ── what the database says ──

    async def rows(self, query: str, *parameters: Any) -> list[Row]:
        async with self.system.database.transaction() as conn:
            return await (await conn.execute(query, parameters)).fetchall()

    async def row(self, query: str, *parameters: Any) -> Row:
        [only] = await self.rows(query, *parameters)
        return only

    async def execute(self, query: str, *parameters: Any) -> None:
        async with self.system.database.transaction() as conn:
            await conn.execute(query, parameters)

    async def status(self, placed: Placed) -> str:
        found = await self.row("SELECT status FROM bookings WHERE booking_id = %s", placed.booking_id)
        return str(found["status"])

    async def taken(self, table: int = 0) -> int:
        found = await self.row("SELECT taken FROM units WHERE unit_id = %s", self.event.unit_ids[table])
        return int(found["taken"])

    async def tasks(self) -> list[str]:
        return [one["kind"] for one in await self.rows("SELECT kind FROM tasks ORDER BY created_at, kind")]

    async def messages(self, placed: Placed) -> list[str]:
        return [
            one["kind"]
            for one in await self.rows(
                "SELECT kind FROM messages WHERE booking_id = %s ORDER BY created_at, kind", placed.booking_id
            )
        ]

    async def story(self, placed: Placed) -> Row:
        async with self.system.database.transaction() as conn:
            return await order_state(conn, placed.order_id)


@asynccontextmanager
async def open_stage(database_url: str, sandbox: Sandbox, **settings: Any) -> AsyncIterator[Stage]:
    clock = ManualClock(datetime.now(UTC).replace(microsecond=0))
    chosen = replace(stage_settings(database_url, sandbox), **settings)
    async with (
        open_system(chosen, clock=clock, ids=Ids(clock, random.Random(7).randbytes)) as system,
        httpx.AsyncClient(base_url=sandbox.url, trust_env=False, timeout=30) as http,
    ):
        # Debits settle and refunds fail when a test says so.
        later = {"payments": {"settle_after_s": 864_000}, "refunds": {"delay_s": 864_000}}
        (await http.post("/control/faults", json=later)).raise_for_status()
        async with system.database.transaction() as conn:
            event = await sample_event(conn, clock.now())
        yield Stage(system, sandbox, http, clock, event)


def stage_settings(database_url: str, sandbox: Sandbox) -> Settings:
    return Settings(
        database_url=database_url,
        public_url="http://shop.test",
        secret_key=SECRET_KEY,
        stripe_secret_key=sandbox.secret_key,
        stripe_publishable_key=sandbox.publishable_key,
        stripe_webhook_secret=(sandbox.webhook_secret,),
        stripe_api_base=sandbox.url,
        smtp_url=f"smtp://127.0.0.1:{sandbox.smtp_port}",
        mail_from="box-office@example.com",
        # The sandbox's own account (sandbox/options.py).
        twilio_account_sid="ACsandbox",
        twilio_auth_token="sandbox",
        twilio_from="+447700900000",
        twilio_api_base=sandbox.url,
    )


async def order_state(conn: Connection, order_id: str) -> Row:
    """An order with its booking, claims, seats, money and messages, without ids that are drawn anew."""
    queries = {
        "order": """SELECT o.status, o.stuck_reason, o.amount, b.status AS booking, b.confirmed_at, b.ended_at
                      FROM orders o JOIN bookings b USING (order_id) WHERE o.order_id = %s""",
        "claims": """SELECT c.unit_id, c.seats, c.released_at IS NULL AS live, u.taken
                       FROM claims c JOIN bookings b USING (booking_id) JOIN units u USING (unit_id)
                      WHERE b.order_id = %s ORDER BY c.unit_id""",
        "attempts": """SELECT attempt_id, status, session_id, payment_intent_id, evidence, ask_at IS NULL AS at_rest
                         FROM attempts WHERE order_id = %s ORDER BY attempt_id""",
        "payments": """SELECT purpose, payment_intent_id, charge_id, amount, captured, currency, charged_at, card_last4
                         FROM payments WHERE order_id = %s ORDER BY payment_intent_id""",
        "refunds": """SELECT r.stripe_refund_id, r.amount, r.status, r.reason, p.payment_intent_id
                        FROM refunds r JOIN payments p USING (payment_id) WHERE r.order_id = %s
                    ORDER BY r.stripe_refund_id, r.amount""",
        "disputes": "SELECT dispute_id, status, amount FROM disputes WHERE order_id = %s ORDER BY dispute_id",
        "messages": """SELECT m.kind, m.status FROM messages m JOIN bookings b USING (booking_id)
                        WHERE b.order_id = %s ORDER BY m.kind""",
    }
    return {
        name: await (await conn.execute(query, (order_id,))).fetchall() for name, query in queries.items()
    }


def thin(event: Row) -> Row:
    """The notification of an event without its object (docs.stripe.com/event-destinations)."""
    about = event["data"]["object"]
    return {
        "id": f"{event['id']}_thin",
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "livemode": False,
        "created": rfc3339(datetime.fromtimestamp(event["created"], UTC)),
        "related_object": {"id": about["id"], "type": about["object"], "url": f"/v1/x/{about['id']}"},
    }
