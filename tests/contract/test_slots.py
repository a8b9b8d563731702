"""Slots of providers: which are free, what is no slot, and many who want the same one. F37, F42."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.market import Practice, hours_on, practice
from tests.contract.shop import Json, Shop, at_once, guest, problem


@pytest.fixture(scope="module")
def ours(one_demo: Shop) -> Practice:
    return practice(one_demo)


@pytest.fixture(scope="module")
def neighbour(one_demo: Shop) -> Practice:
    return practice(one_demo)


def test_free_slots_have_an_id_and_their_times(ours: Practice) -> None:
    answer = ours.shop.get(f"/api/providers/{ours.provider_id}/slots")
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["time_zone"] == "UTC"
    for slot in said["slots"][:50]:
        assert set(slot) >= {"slot_id", "starts_at", "ends_at"}
        starts, ends = (datetime.fromisoformat(slot[name]) for name in ("starts_at", "ends_at"))
        assert ends - starts == timedelta(minutes=30)
        assert starts > datetime.now(UTC)
        assert slot["starts_at"].endswith("Z")


def test_the_period_and_the_service_that_were_asked_for(ours: Practice) -> None:
    other = ours.service(title="An hour (demo)", duration_minutes=60)
    first = ours.slots()[0]
    period = {"from": hours_on(first, 24), "to": hours_on(first, 26)}
    assert len(ours.slots(**period)) == 4
    hours = ours.slots(**period, offering_id=other)
    assert {datetime.fromisoformat(s["ends_at"]) - datetime.fromisoformat(s["starts_at"]) for s in hours} == {
        timedelta(hours=1)
    }
    everything = ours.shop.get(f"/api/providers/{ours.provider_id}/slots", params=period).json()["slots"]
    assert len(everything) == 4 + len(hours)


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "yesterdayish"},
        {"from": "2020-01-01", "to": "2020-01-08"},
        {"from": "2030-01-02", "to": "2030-01-01"},
        {"from": "2030-01-01", "to": "2031-01-01"},
        {"offering_id": "x"},
        {"offering_id": str(10**30)},
    ],
)
def test_a_period_that_is_none(ours: Practice, asked: Json) -> None:
    answer = ours.shop.get(f"/api/providers/{ours.provider_id}/slots", params=asked)
    problem(answer, 422, "validation_failed")


def test_of_nobody_and_of_somebody_else(ours: Practice, neighbour: Practice) -> None:
    problem(ours.shop.get("/api/providers/999999/slots"), 404, "not_found")
    path = f"/api/providers/{ours.provider_id}/slots"
    problem(ours.shop.get(path, params={"offering_id": neighbour.offering_id}), 404, "not_found")


def test_a_slot_that_is_taken_is_not_free_and_says_what_is(ours: Practice) -> None:
    slot = ours.slots()[3]
    ours.asked(slot_id=slot["slot_id"])
    assert slot["slot_id"] not in {one["slot_id"] for one in ours.slots()}
    refused = problem(ours.ask(slot_id=slot["slot_id"]), 409, "slot_taken")
    assert refused["free"]
    for free in refused["free"]:
        assert set(free) == {"slot_id", "starts_at", "ends_at"}
        assert free["starts_at"] != slot["starts_at"]
    near = min(refused["free"], key=lambda one: str(one["starts_at"]))
    assert ours.ask(slot_id=near["slot_id"]).status_code == 201, "and what it says can be had"


def test_twenty_want_one_slot(ours: Practice) -> None:
    """F37: one gets it, the others a clear no with what is free near it; then they all get one of those."""
    slot = ours.slots()[20]
    answers = at_once(lambda _: ours.ask(slot_id=slot["slot_id"]), 20, 20)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    for answer in answers:
        if answer.status_code == 409:
            assert problem(answer, 409, "slot_taken")["free"]
    [row] = ours.shop.sql(
        "SELECT count(*) FROM orders WHERE offering_id = %s AND starts_at = %s",
        ours.offering_id,
        datetime.fromisoformat(slot["starts_at"]),
    )
    assert row["count"] == 1


def test_overlapping_slots_of_two_services_have_one_winner(ours: Practice) -> None:
    """No two bookings of one provider overlap, whatever they are for."""
    hour = ours.service(title="A whole hour (demo)", duration_minutes=60, step_minutes=30)
    slot = ours.slots()[30]
    within = {"from": slot["starts_at"], "to": hours_on(slot, 1)}
    longer = ours.slots(**within, offering_id=hour)[0]
    wants: list[Json] = [{"slot_id": slot["slot_id"]}, {"offering_id": hour, "slot_id": longer["slot_id"]}]
    answers = at_once(lambda number: ours.ask(**wants[number % 2]), 10, 10)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}


def unwanted(ours: Practice, neighbour: Practice) -> dict[str, tuple[Json, int]]:
    """What nobody can book, and what is said to it."""
    ours_slot, theirs = ours.slots()[40]["slot_id"], neighbour.slots()[0]["slot_id"]
    offering = ours.offering_id
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def at(moment: datetime) -> Json:
        """The time itself in place of a slot."""
        return {"starts_at": moment.isoformat()}

    return {
        "past": (at(now - timedelta(hours=1)), 422),
        "inside the lead time": (at(now + timedelta(minutes=30)), 422),
        "beyond the horizon": (at(now + timedelta(days=200)), 422),
        "between two slots": (at(now + timedelta(days=2, minutes=7)), 422),
        "without an offset": ({"starts_at": "2030-01-01T10:00"}, 422),
        "of another provider": ({"slot_id": theirs}, 422),
        "another provider's service": ({"offering_id": neighbour.offering_id, "slot_id": theirs}, 404),
        "another provider's name": ({"provider_id": neighbour.provider_id, "slot_id": ours_slot}, 404),
        "no slot at all": ({"offering_id": offering}, 422),
        "no slot id": ({"slot_id": "tomorrow at ten"}, 422),
        "an empty slot id": ({"slot_id": ""}, 422),
        "a number": ({"slot_id": 5}, 422),
        "a slot of the year 9999": ({"slot_id": f"{ours_slot.partition('-')[0]}-zzzzzzzz"}, 422),
        "two times": ({"slot_id": ours_slot, **at(now)}, 422),
        "nobody": ({"provider_id": 999_999, "slot_id": ours_slot}, 404),
        "nobody's service": ({"offering_id": 999_999, "slot_id": ours_slot}, 422),
        "a provider without a number": ({"provider_id": None, "slot_id": ours_slot}, 422),
        "details without end": ({"slot_id": ours_slot, "details": "x" * 2001}, 422),
        "details that cannot be shown": ({"slot_id": ours_slot, "details": "a\x00b"}, 422),
        "details that are no text": ({"slot_id": ours_slot, "details": ["x"]}, 422),
        "no customer": ({"slot_id": ours_slot, "customer": None}, 422),
        "no address": ({"slot_id": ours_slot, "customer": {"name": "Ada", "email": "ada"}}, 422),
    }


def test_what_nobody_can_book(ours: Practice, neighbour: Practice) -> None:
    before = ours.shop.sql("SELECT count(*) FROM orders WHERE offering_id = %s", ours.offering_id)
    for what, (changed, status) in unwanted(ours, neighbour).items():
        answer = ours.ask(**changed)
        assert answer.status_code == status, f"{what}: {answer.status_code} {answer.text}"
        assert problem(answer, status)["detail"], what
    assert ours.shop.sql("SELECT count(*) FROM orders WHERE offering_id = %s", ours.offering_id) == before


def test_a_request_for_oneself(ours: Practice) -> None:
    path = f"/api/admin/providers/{ours.provider_id}"
    email = ours.shop.get(path, key=ours.key).json()["email"]
    slot = ours.slots()[50]["slot_id"]
    refused = problem(ours.ask(slot_id=slot, customer=guest(email.upper())), 422, "validation_failed")
    assert "themselves" in refused["detail"]


def test_half_past_two_on_the_night_when_clocks_go_forward(ours: Practice) -> None:
    """Berlin, 28 March 2027: 02:30 is never shown. On the night when they go back it comes twice."""
    shop = ours.shop
    body = {"name": "Night owl (demo)", "email": "owl@example.com", "time_zone": "Europe/Berlin"}
    provider_id = shop.post("/api/admin/providers", body, key=shop.key()).json()["provider_id"]
    path = f"/api/providers/{provider_id}/slots"

    def single(starts_at: str, **more: Any) -> Any:
        return shop.post(path, {"starts_at": starts_at, "duration_minutes": 30} | more, key=shop.key())

    assert "There is no 02:30" in problem(single("2027-03-28T02:30"), 422)["detail"]
    assert "comes twice" in problem(single("2027-10-31T02:30"), 422)["detail"]
    assert single("2027-10-31T02:30", fold=1).status_code == 201
    assert single("2027-03-28T03:30").status_code == 201


def test_the_same_key_is_the_same_booking(ours: Practice) -> None:
    slot = ours.slots()[60]["slot_id"]
    wanted, headers = ours.wanted(slot_id=slot), {"Idempotency-Key": f"once-{slot}"}
    first, again = (ours.shop.post("/api/create-payment-intent", wanted, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = wanted | {"details": "Something else"}
    problem(ours.shop.post("/api/create-payment-intent", other, headers=headers), 409, "conflict")
