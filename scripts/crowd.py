"""A crowd for the demo: many people book and pay at once, and close the tab as soon as they have paid.

    .venv/bin/python scripts/crowd.py                           a hundred people
    .venv/bin/python scripts/crowd.py --kill PID                and SIGKILL a process (the demo prints them) in the middle
    .venv/bin/python scripts/crowd.py --people 1 --card 4000000000000002

Each asks as a careful program does: with an Idempotency-Key, and again with the same one when there was no answer. Nobody ever
opens their booking's page, so whatever becomes confirmed was found by webhook or by the worker's asking. At the end Stripe's
books (the sandbox's) are held against Holdfast's. Exit 0 when they agree.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

NO_ANSWER_PAUSE_S = 0.25
LOOK_EVERY_S = 1.0
GIVE_UP_S = 240.0  # an attempt whose webhook was lost is asked about after one and after two minutes
WAITING = "pending"


@dataclass
class Demo:
    web: str
    sandbox: str
    key: str


@dataclass
class Guest:
    number: int
    booking: dict[str, Any] | None = None
    paid: bool = False
    status: str = WAITING


@dataclass
class Crowd:
    demo: Demo
    client: httpx.AsyncClient
    event: int
    card: str
    kill: int | None
    guests: list[Guest] = field(default_factory=list)
    unanswered: int = 0

    async def run(self, people: int) -> bool:
        self.guests = [Guest(number) for number in range(1, people + 1)]
        await asyncio.gather(*map(self._visit, self.guests))
        paid = [guest for guest in self.guests if guest.paid]
        say(f"{len(paid)} of {people} have paid and closed the tab.")
        if self.unanswered:
            say(f"{self.unanswered} requests got no answer and were sent again.")
        return await self._wait_for_truth()

    async def _visit(self, guest: Guest) -> None:
        guest.booking = await self._book(guest)
        if guest.booking is None:
            return
        self._kill_once()
        answer = await self.client.post(
            guest.booking["checkout_url"], data={"action": "pay", "card": self.card}
        )
        guest.paid = answer.status_code == httpx.codes.SEE_OTHER  # 402: the card was declined

    async def _book(self, guest: Guest) -> dict[str, Any] | None:
        """None when everything has gone, which is an answer too."""
        while (unit := await self._free_unit()) is not None:
            body = {
                "units": [{"unit_id": unit, "seats": 1}],
                "menu": [],
                "customer": {"name": f"Guest {guest.number}", "email": f"guest{guest.number}@example.com"},
            }
            answer = await self._ask_until_answered(body, key=secrets.token_hex(16))
            if answer.status_code == httpx.codes.CREATED:
                return dict(answer.json())
            if answer.json().get("code") != "sold_out":
                raise SystemExit(f"Refused: {answer.text}")
        return None

    async def _ask_until_answered(self, body: dict[str, Any], key: str) -> httpx.Response:
        """The same key and body each time: however often it is sent, there is one booking."""
        while True:
            try:
                answer = await self.client.post(
                    f"{self.demo.web}/api/events/{self.event}/bookings",
                    json=body,
                    headers={"Idempotency-Key": key},
                )
                if "Retry-After" not in answer.headers:
                    return answer
            except httpx.TransportError:
                pass
            self.unanswered += 1
            await asyncio.sleep(NO_ANSWER_PAUSE_S)

    async def _free_unit(self) -> int | None:
        units = (await self._read(f"/api/events/{self.event}/availability"))["units"]
        free = [unit["unit_id"] for unit in units if unit["available"]]
        return secrets.choice(free) if free else None

    def _kill_once(self) -> None:
        if self.kill is not None and sum(guest.booking is not None for guest in self.guests) > (
            len(self.guests) / 3
        ):
            pid, self.kill = self.kill, None
            os.kill(pid, signal.SIGKILL)
            say(f"Killed process {pid} in the middle of it.")

    async def _wait_for_truth(self) -> bool:
        """Until every payment has its booking."""
        began = time.monotonic()
        before: Counter[str] = Counter()
        while True:
            states = Counter([await self._look(guest) for guest in self._booked()])
            if states != before:
                said = ", ".join(f"{n} {status}" for status, n in sorted(states.items()))
                say(f"{time.monotonic() - began:5.1f} s after the last payment: {said}.")
                before = states
            waiting = any(guest.paid and guest.status == WAITING for guest in self.guests)
            if not waiting or time.monotonic() - began > GIVE_UP_S:
                return await self._compare()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _compare(self) -> bool:
        ledger = (await self.client.get(f"{self.demo.sandbox}/control/ledger")).json()
        mine = {guest.booking["checkout_session_id"] for guest in self._booked() if guest.booking}
        paid = {one["id"] for one in ledger.get("checkout.session", []) if one["payment_status"] == "paid"}
        confirmed = [guest for guest in self._booked() if guest.status == "confirmed"]
        counts = await self._read(f"/api/events/{self.event}/availability")
        say(f"Paid at Stripe: {len(mine & paid)}. Confirmed by Holdfast: {len(confirmed)}.")
        say(f"Seats: {counts['booked']} booked and {counts['held']} held of {counts['capacity']}.")
        for guest in self._booked()[:1]:
            assert guest.booking is not None  # _booked lists those that have one
            say(f"One of them: {guest.booking['reference']}  {guest.booking['booking_url']}")
        return len(mine & paid) == len(confirmed)

    def _booked(self) -> list[Guest]:
        return [guest for guest in self.guests if guest.booking]

    async def _look(self, guest: Guest) -> str:
        """By the staff's search, which reads the database only: opening one booking would ask Stripe."""
        if guest.status == WAITING:
            assert guest.booking is not None  # only those are looked at
            found = await self._read(f"/api/admin/bookings?query={guest.booking['reference']}")
            guest.status = found["bookings"][0]["status"]
        return guest.status

    async def _read(self, path: str) -> dict[str, Any]:
        """Reading again costs nothing, so it is done until there is an answer."""
        while True:
            try:
                answer = await self.client.get(
                    self.demo.web + path, headers={"Authorization": f"Bearer {self.demo.key}"}
                )
                if answer.is_success:
                    return dict(answer.json())
                if not answer.is_server_error:
                    raise SystemExit(f"Refused: {answer.text}")
            except httpx.TransportError:
                pass
            await asyncio.sleep(NO_ANSWER_PAUSE_S)


def say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def demo_in(folder: Path) -> Demo:
    try:
        state = json.loads((folder / "demo.json").read_text())
    except FileNotFoundError:
        raise SystemExit(f"There is no demo in {folder}. Start one with `make demo`.") from None
    ports = state["ports"]
    return Demo(
        f"http://127.0.0.1:{ports['web']}", f"http://127.0.0.1:{ports['sandbox']}", state["keys"]["admin"]
    )


async def refuse_without_answer(client: httpx.AsyncClient, demo: Demo) -> None:
    """Later an answer may fail to come; at the start it means that the demo does not run."""
    try:
        await client.get(f"{demo.web}/healthz")
    except httpx.TransportError:
        raise SystemExit(f"Nothing answers at {demo.web}. Start the demo with `make demo`.") from None


async def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=100, help="how many (100)")
    parser.add_argument("--event", type=int, default=35, help="the event's id (35)")
    parser.add_argument("--card", default="4242424242424242", help="the test card that they pay with")
    parser.add_argument("--kill", type=int, metavar="PID", help="SIGKILL this process in the middle")
    parser.add_argument("--data", type=Path, default=Path(".holdfast"), help="the demo's folder (.holdfast)")
    wanted = parser.parse_args()
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=50)) as client:
        demo = demo_in(wanted.data)
        await refuse_without_answer(client, demo)
        crowd = Crowd(demo, client, wanted.event, wanted.card, wanted.kill)
        return 0 if await crowd.run(wanted.people) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
