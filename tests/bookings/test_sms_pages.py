"""The page that the link in an SMS opens: whoever looks changes nothing, whatever goes wrong loses nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.bookings.till import Till

EVERYTHING = ("bookings", "orders", "order_lines", "claims", "units", "messages", "timeline", "attempts")
ROBOTS = (
    "WhatsApp/2.23.20 A",
    "facebookexternalhit/1.1",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; Googlebot/2.1)",
)


async def everything(till: Till) -> dict[str, Any]:
    return {table: await till.stage.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in EVERYTHING}


async def test_the_link_opens_the_form(till: Till) -> None:
    begun = await till.begun()
    page = await till.open(begun)
    assert page.status_code == 200
    for part in ("Dinner and a show", "1 Sample Street", "Held for you until", "30:00", "Sample pie"):
        assert part in page.text
    assert f'name="seats-{till.tables[0]}"' in page.text
    assert re.search(r'<option value="2" selected>', page.text), "the seats that are held are chosen"
    assert "2 held for you, 2 more free" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert "noindex" in page.headers["X-Robots-Tag"]


@pytest.mark.parametrize("robot", ROBOTS)
async def test_a_preview_robot_changes_nothing(till: Till, robot: str) -> None:
    begun = await till.begun()
    before = await everything(till)
    for path in ("", "/complete", "/cancel", "?moved=1", "?paid=cs_x", "?back=1"):
        for method in ("GET", "HEAD"):
            answer = await till.office.http.request(
                method, f"/b/{begun['token']}{path}", headers={"User-Agent": robot, "Accept": "*/*"}
            )
            assert answer.status_code < 500
    assert await everything(till) == before
    assert (await till.complete(begun)).status_code == 200, "and the guest goes on as if nobody had looked"
    await till.stage.assert_all_laws_hold()


async def test_without_scripts_every_line_is_shown_before_anything_is_paid(till: Till) -> None:
    begun = await till.begun()
    pie, _ = till.stage.event.item_ids
    before = await everything(till)
    review = await till.send(begun, {till.tables[1]: 3}, step="review", **{f"menu-{pie}": "1"})
    assert review.status_code == 200
    assert "Please look it over" in review.text
    assert "£273.50" in review.text
    assert await everything(till) == before, "looking it over books nothing"
    edited = await till.send(begun, {till.tables[1]: 3}, step="edit", **{f"menu-{pie}": "1"})
    assert 'value="Ada Example"' in edited.text
    assert re.search(rf'name="menu-{pie}" value="1"', edited.text)

    done = await till.send(begun, {till.tables[1]: 3}, **{f"menu-{pie}": "1"})
    assert done.status_code == 303
    assert "/pay/cs_" in done.headers["location"]
    assert (await till.booking(begun))["amount"] == 3 * 8500 + 1850
    await till.stage.assert_all_laws_hold()


async def test_a_free_evening_is_confirmed_and_the_link_used_twice_shows_it(till: Till) -> None:
    await till.make_free()
    begun = await till.begun()
    done = await till.send(begun, email="ada@example.com")
    assert (done.status_code, done.headers["location"]) == (303, f"/b/{begun['token']}")
    for _ in range(2):
        page = await till.open(begun)
        assert "Your booking is confirmed" in page.text
        assert 'id="book"' not in page.text
    again = await till.open(begun, "/complete")
    assert (again.status_code, again.headers["location"]) == (303, f"/b/{begun['token']}")
    twice = await till.send(begun, {till.tables[2]: 4})
    assert (twice.status_code, twice.headers["location"]) == (303, f"/b/{begun['token']}?moved=1")
    assert [await till.stage.taken(table) for table in range(3)] == [2, 0, 0]
    await till.stage.assert_all_laws_hold()


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"name": " "}, "name", "Tell us your name."),
        ({"name": "A" * 200}, "name", "Please shorten the name"),
        ({"email": "nowhere"}, "email", "e-mail"),
        ({"seats": {}}, "units", "Choose at least one seat."),
        ({"seats": {0: 0}}, "units", "Choose at least one seat."),
        ({"seats": {0: 99}}, "seats", "has room for 4"),
        ({"seats": {-1: 1}}, "units", "no longer on sale"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_is_wrong_stands_beside_its_field(
    till: Till, fields: dict[str, Any], field: str, said: str
) -> None:
    begun = await till.begun()
    typed = {"name": "Ada Example", "email": "", **fields}
    places = {0: till.tables[0], -1: 999_999_999}
    seats = typed.pop("seats", None)
    chosen = None if seats is None else {places[place]: count for place, count in seats.items()}
    answer = await till.send(begun, chosen, **typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'id="error-{field}' in answer.text or f"#field-{field}" in answer.text
    if "name" not in fields:
        assert 'value="Ada Example"' in answer.text, "nothing typed is lost"
    assert await till.status(begun) == "pending"
    assert await till.stage.taken() == 2
    await till.stage.assert_all_laws_hold()


async def test_f37_somebody_was_quicker_and_the_page_says_what_is_free(till: Till) -> None:
    begun = await till.begun()
    await till.stage.book(4, table=1, with_checkout=False)
    answer = await till.send(begun, {till.tables[1]: 2}, name="Ada Undecided")
    assert answer.status_code == 409
    assert "Somebody was quicker" in answer.text
    assert "Table 3: 4 free" in answer.text
    assert "Table 2:" not in answer.text.partition("<form")[0]
    assert 'value="Ada Undecided"' in answer.text
    assert await till.stage.taken() == 2
    await till.stage.assert_all_laws_hold()


async def test_too_late_says_how_to_ask_again(till: Till) -> None:
    begun = await till.begun()
    await till.stage.advance(minutes=31)
    for _ in range(2):  # before the worker has looked, and after
        page = await till.open(begun)
        assert "The time to complete it is over" in page.text
        assert "ask whoever had the SMS sent to you" in page.text
        assert "Nothing was booked and nothing was charged" in page.text
        assert "Book again" in page.text
        assert 'id="book"' not in page.text
        late = await till.send(begun)
        assert late.headers["location"] == f"/b/{begun['token']}?moved=1"
        await till.stage.run_jobs()
    assert await till.stage.taken() == 0
    await till.stage.assert_all_laws_hold()


async def test_the_evening_is_called_off_meanwhile(till: Till) -> None:
    begun = await till.begun()
    await till.stage.execute(
        "UPDATE offerings SET status = 'cancelled' WHERE offering_id = %s", till.event_id
    )
    page = await till.open(begun)
    assert "This evening is cancelled" in page.text
    assert 'id="book"' not in page.text
    pressed = await till.send(begun)
    assert pressed.headers["location"] == f"/b/{begun['token']}?moved=1"
    assert await till.attempts(begun) == []
    await till.stage.advance(minutes=31)
    await till.stage.assert_all_laws_hold()
    assert (await till.status(begun), await till.stage.taken()) == ("cancelled", 0)


async def test_completed_but_not_paid_is_the_ordinary_page_and_may_be_changed(till: Till) -> None:
    begun = await till.begun()
    await till.send(begun, {till.tables[0]: 2})
    page = await till.open(begun, "?back=1")
    assert "Nothing has been paid" in page.text
    assert "Pay £170.00" in page.text
    change = await till.send(begun, {}, path="/change")
    assert change.headers["location"] == f"/b/{begun['token']}/complete"
    assert await till.status(begun) == "pending", "the seats stay while the guest thinks again"
    form = await till.open(begun, "/complete")
    assert 'value="Ada Example"' in form.text
    again = await till.send(begun, {till.tables[2]: 1})
    assert "/pay/cs_" in again.headers["location"]
    statuses = [one["status"] for one in await till.attempts(begun)]
    assert statuses.count("open") == 1
    await till.stage.assert_all_laws_hold()


async def test_f08_stripe_is_away_and_nothing_is_lost(till: Till) -> None:
    begun = await till.begun()
    await till.stage.stripe_away()
    answer = await till.send(begun, {till.tables[1]: 1})
    assert answer.headers["location"] == f"/b/{begun['token']}?away=1"
    shown = await till.open(begun, "?away=1")
    assert "The payment page cannot be reached just now" in shown.text
    await till.stage.stripe_back()
    await till.stage.advance(minutes=2)
    await till.stage.run_jobs()
    assert (await till.booking(begun))["seats"] == 1
    await till.stage.assert_all_laws_hold()


async def test_a_form_of_another_site_is_refused(till: Till) -> None:
    begun = await till.begun()
    answer = await till.office.http.post(
        f"/b/{begun['token']}/complete",
        data={f"seats-{till.tables[0]}": "1", "name": "Mallory", "step": "book"},
        headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"},
    )
    assert answer.status_code == 403
    assert (await till.booking(begun))["contact_name"] == ""


async def test_a_link_that_was_cut_off_or_grew(till: Till) -> None:
    begun = await till.begun()
    token = begun["token"]
    for cut in (token[:10], token[:23], "x"):
        page = await till.open({"token": cut})
        assert (page.status_code, "This link is not complete" in page.text) == (404, True)
        assert "up to its last letter" in page.text
    for path in ("/b", "/b/"):
        page = await till.office.http.get(path, headers={"Accept": "text/html"})
        assert (page.status_code, "This link is not complete" in page.text) == (404, True)
    wrong = await till.open({"token": token[:23] + ("A" if token[23] != "A" else "B")})
    assert (wrong.status_code, "This link opens no booking" in wrong.text) == (404, True)
    for tail in (".", ")", "%3E", ",", "%E2%80%A6"):
        page = await till.open({"token": token + tail})
        assert (page.status_code, page.headers["location"]) == (303, f"/b/{token}")
    program = await till.office.http.get(f"/b/{token[:9]}", headers={"Accept": "application/json"})
    assert (program.status_code, program.json()["code"]) == (404, "not_found")


async def test_an_ordinary_booking_has_no_such_page(till: Till) -> None:
    placed = await till.stage.book(2, with_checkout=False)
    booking = {"token": placed.token}
    answer = await till.open(booking, "/complete")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/b/{placed.token}")
    refused = await till.send(booking, {till.tables[1]: 1})
    assert refused.headers["location"] == f"/b/{placed.token}?moved=1"
    assert await till.stage.taken() == 2
    await till.stage.assert_all_laws_hold()


async def test_the_seats_are_let_go_on_request(till: Till) -> None:
    begun = await till.begun()
    shown = await till.open(begun, "/cancel")
    assert shown.status_code == 200
    done = await till.office.http.post(f"/b/{begun['token']}/cancel", data={"agreed": "0"})
    assert done.status_code == 303
    assert (await till.status(begun), await till.stage.taken()) == ("cancelled", 0)
    page = await till.open(begun)
    assert "This booking is cancelled" in page.text
    await till.stage.assert_all_laws_hold()
