"""Stripe away, the database away, processes killed, the clock moved: nothing lost, nothing twice. On the second demo, since
it would disturb all the others."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.contract.shop import Json, Shop, at_once, guest, problem, until, wanted


@pytest.fixture
def second(second_demo: Shop) -> Iterator[Shop]:
    second_demo.no_faults()
    yield second_demo
    second_demo.no_faults()


@contextmanager
def nobody_restarts(shop: Shop) -> Iterator[None]:
    """The demo's own process stands still, so what is killed stays dead for a while."""
    os.kill(shop.demo.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(shop.demo.process.pid, signal.SIGCONT)


def ready(shop: Shop) -> int:
    try:
        return shop.get("/readyz").status_code
    except httpx.TransportError:
        return 0


def settled(ask: Callable[[], httpx.Response], within_s: float = 40) -> httpx.Response:
    """Asks again as long as there is no answer, or one that says to ask again."""
    answers: list[httpx.Response] = []

    def answered() -> bool:
        try:
            answers.append(ask())
        except httpx.TransportError:
            return False
        return answers[-1].status_code < 500 and "retry-after" not in answers[-1].headers

    until(answered, "an answer", within_s)
    return answers[-1]


@pytest.mark.parametrize("fault", ["error_500", "error_500_after", "error_429"])
def test_stripe_answers_nonsense_and_the_hold_is_kept(second: Shop, fault: str) -> None:
    event = second.event()
    headers = {"Idempotency-Key": f"stripe-{fault}"}
    path, body = f"/api/events/{event['event_id']}/bookings", wanted(event)
    second.faults(api={fault: 1})
    away = second.post(path, body, headers=headers)
    told = problem(away, 503, "stripe_unavailable")
    assert int(away.headers["retry-after"]) > 0
    assert {"order_id", "booking_id", "reference", "token", "booking_url"} <= set(told)
    assert second.availability(event["event_id"])["held"] == 2
    second.no_faults()
    booking = settled(lambda: second.post(path, body, headers=headers))
    assert booking.status_code == 201, booking.text
    assert booking.json()["reference"] == told["reference"]
    assert second.availability(event["event_id"])["held"] == 2
    made = [one for one in second.ledger("checkout.session") if one["status"] == "open"]
    mine = [one for one in made if booking.json()["order_id"] in str(one["metadata"])]
    assert len(mine) <= 1
    second.pay(booking.json())
    until(lambda: second.look(booking.json())["status"] == "confirmed", "and can be paid")


def test_stripe_is_silent_after_it_did_the_work(second: Shop) -> None:
    event = second.event()
    headers = {"Idempotency-Key": "silent"}
    path, body = f"/api/events/{event['event_id']}/bookings", wanted(event)
    second.faults(api={"timeout_after": 1, "timeout_s": 10})
    told = problem(second.post(path, body, headers=headers), 503, "stripe_unavailable")
    second.faults(api={"timeout_after": 0, "timeout_s": 30})
    booking = settled(lambda: second.post(path, body, headers=headers)).json()
    assert booking["reference"] == told["reference"]
    view = second.staff(f"/api/admin/bookings/{booking['reference']}")
    assert len([one for one in view["attempts"] if one["status"] == "open"]) == 1
    second.pay(booking)
    until(lambda: second.look(booking)["status"] == "confirmed", "paid once")
    assert len(second.staff(f"/api/admin/bookings/{booking['reference']}")["payments"]) == 1


def test_looking_at_a_booking_while_stripe_is_away(second: Shop) -> None:
    booking = second.book(second.event())
    second.faults(webhooks={"lose": 1}, api={"error_500": 1})
    second.pay(booking)
    assert second.look(booking)["status"] == "pending"  # not known is not "failed"
    path = "/api/admin/recover-booking"
    away = second.post(path, {"sessionId": booking["checkout_session_id"]}, key=second.key())
    problem(away, 503, "stripe_unavailable")
    assert "retry-after" in away.headers
    second.no_faults()
    until(lambda: second.look(booking)["status"] == "confirmed", "as soon as Stripe answers")


def test_a_killed_worker_is_seen_and_what_it_had_to_do_is_done(second: Shop) -> None:
    customer = guest()
    with nobody_restarts(second):
        os.kill(worker_of(second), signal.SIGKILL)
        booking = second.book(second.event(), customer=customer)
        second.pay(booking)
        until(lambda: ready(second) == 503, "the worker's silence is seen", 45)
        reasons = second.get("/readyz").json()["reasons"]
        assert any("worker" in reason.lower() for reason in reasons), reasons
        assert second.mails(customer["email"]) == []
    until(lambda: ready(second) == 200, "the worker is back", 30)
    until(lambda: second.found(booking["reference"])["status"] == "confirmed", "confirmed")
    until(lambda: len(second.mails(customer["email"])) == 1, "mailed once")


def worker_of(shop: Shop) -> int:
    """The demo starts again what dies, so the id that it announced may be out of date."""
    [row] = shop.sql("SELECT pid FROM deployments WHERE role = 'worker' ORDER BY started_at DESC LIMIT 1")
    return int(row["pid"])


def test_the_database_is_away_and_comes_back(second: Shop) -> None:
    event = second.event()
    path, body = f"/api/events/{event['event_id']}/bookings", wanted(event)
    headers = {"Idempotency-Key": "no-database"}
    with nobody_restarts(second):
        os.kill(postmaster_of(second), signal.SIGKILL)
        until(lambda: ready(second) == 503, "it is seen", 20)
        assert any("database" in reason.lower() for reason in second.get("/readyz").json()["reasons"])
        for away in (
            second.post(path, body, headers=headers),
            second.get(f"/api/events/{event['event_id']}/availability"),
            second.get("/api/admin/promises", key=second.key()),
        ):
            problem(away, 503)
            assert int(away.headers["retry-after"]) > 0
        assert second.get("/healthz").status_code == 200
    until(lambda: ready(second) == 200, "the database is back", 60)
    booking = settled(lambda: second.post(path, body, headers=headers))
    assert booking.status_code == 201, booking.text
    assert second.availability(event["event_id"])["held"] == 2


def postmaster_of(shop: Shop) -> int:
    [row] = shop.sql("SELECT pg_read_file('postmaster.pid') AS told")
    return int(str(row["told"]).splitlines()[0])


def test_the_web_server_is_killed_while_many_book(second: Shop) -> None:
    event = second.event(units=[{"label": f"Row {n}", "capacity": 10, "price": 3000} for n in range(4)])
    pid = second.sql("SELECT pid FROM deployments WHERE role = 'web' ORDER BY started_at DESC LIMIT 1")[0][
        "pid"
    ]

    def buy(number: int) -> httpx.Response:
        if number == 30:
            os.kill(pid, signal.SIGKILL)
        unit = event["units"][number % 4]["unit_id"]
        body = {"units": [{"unit_id": unit, "seats": 1}], "menu": [], "customer": people[number]}
        headers = {"Idempotency-Key": f"killed-{number}"}
        path = f"/api/events/{event['event_id']}/bookings"
        return settled(lambda: second.post(path, body, headers=headers), 100)

    people: list[Json] = [guest() for _ in range(60)]
    answers = at_once(buy, 60, 20)
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] * 40 + [409] * 20, codes
    placed = [answer.json() for answer in answers if answer.status_code == 201]
    assert len({booking["reference"] for booking in placed}) == 40
    [row] = second.sql("SELECT count(*) FROM orders WHERE offering_id = %s", event["event_id"])
    assert row["count"] == 40, "nobody has two"
    assert second.availability(event["event_id"])["held"] == 40
    at_once(lambda number: second.pay(placed[number]), 40, 10)
    until(lambda: second.availability(event["event_id"])["booked"] == 40, "all are confirmed", 60)


def test_every_law_holds_after_all_this(second: Shop) -> None:
    until(lambda: ready(second) == 200, "everything runs", 60)
    until(lambda: second.cli("doctor", "--json").returncode == 0, "the doctor is content", 60)


def test_a_session_expires_by_the_sandboxs_clock_and_the_seats_are_free_again(second: Shop) -> None:
    booking = second.book(event := second.event())
    assert second.availability(event["event_id"])["held"] == 2
    assert second.control("clock", {"advance_s": 26 * 3600}).status_code == 200
    assert second.stripe(booking["checkout_session_id"])["status"] == "expired"
    until(lambda: second.availability(event["event_id"])["available"] == 16, "the seats are free again")
    assert second.look(booking)["status"] == "expired"
    page = second.client.get(booking["booking_url"], headers={"Accept": "text/html"})
    assert page.status_code == 200


def test_after_a_reset_the_sandbox_is_empty_and_the_demo_goes_on(second: Shop) -> None:
    second.faults(webhooks={"lose": 1})
    assert second.control("reset", {}).status_code == 200
    assert second.ledger("checkout.session") == []
    assert second.control("messages").json()["messages"] == []
    assert second.control("faults").json()["webhooks"]["lose"] == 0
    booking = second.book(second.event())
    second.pay(booking)
    until(lambda: second.found(booking["reference"])["status"] == "confirmed", "webhooks come again")
