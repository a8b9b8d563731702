"""The SMS provider's wire."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from twilio.request_validator import RequestValidator

from holdfast.sandbox.twilio import signature
from tests.sandbox.listener import Listener
from tests.support.sandbox import Sandbox

AUTH = ("ACsandbox", "sandbox")
MESSAGES = "/2010-04-01/Accounts/ACsandbox/Messages"
TEXT = {
    "To": "+447700900123",
    "From": "+15005550006",
    "Body": "Complete your booking: https://shop.example/b/x",
}


def send(web: httpx.Client, **more: str) -> httpx.Response:
    return web.post(f"{MESSAGES}.json", data=TEXT | more, auth=AUTH)


def test_a_text_is_queued_and_then_delivered(web: httpx.Client, listener: Listener) -> None:
    answer = send(web, StatusCallback=listener.url)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["status"], made["to"], made["body"]) == ("queued", TEXT["To"], TEXT["Body"])
    assert made["sid"].startswith("SM")
    assert len(made["sid"]) == 34
    got = listener.wait_for(lambda all_: len(all_) >= 2)
    calls = [dict(httpx.QueryParams(one.body.decode())) for one in got]
    assert [call["MessageStatus"] for call in calls] == ["sent", "delivered"]
    assert all(call["MessageSid"] == made["sid"] for call in calls)
    for call, one in zip(calls, got, strict=True):
        assert one.headers["x-twilio-signature"] == signature(listener.url, call, "sandbox")
    assert web.get(f"{MESSAGES}/{made['sid']}.json", auth=AUTH).json()["status"] == "delivered"


def test_the_providers_own_library_accepts_the_signature(web: httpx.Client, listener: Listener) -> None:
    send(web, StatusCallback=listener.url)
    got = listener.wait_for(lambda all_: len(all_) >= 2)
    validator = RequestValidator("sandbox")
    for one in got:
        params = dict(httpx.QueryParams(one.body.decode()))
        assert validator.validate(listener.url, params, one.headers["x-twilio-signature"])


def test_it_is_on_the_phone(web: httpx.Client) -> None:
    sid = send(web).json()["sid"]
    (message,) = web.get("/control/messages").json()["messages"]
    assert (message["channel"], message["to"], message["text"]) == ("sms", TEXT["To"], TEXT["Body"])
    assert (message["attachments"], message["copies"], message["sid"]) == ([], 1, sid)
    assert 'href="https://shop.example/b/x"' in web.get("/inbox").text
    assert web.get(f"/inbox/{message['id']}").status_code == 200


def test_every_number_has_a_phone_of_its_own(web: httpx.Client) -> None:
    send(web)
    send(web, To="+447700900999", Body="A request: http://127.0.0.1:8000/answer/abc/accept, until Friday.")
    send(web, Body="<b>not bold</b>")
    phones = web.get("/inbox").text.split('<h2 id="phone-')[1:]
    assert [phone.split("</h2>")[0].split(">")[1] for phone in phones] == ["+447700900123", "+447700900999"]
    assert 'href="http://127.0.0.1:8000/answer/abc/accept"' in phones[1]
    assert "Complete your booking" in phones[0]
    assert "&lt;b&gt;" in phones[0]


def test_texts_are_listed(web: httpx.Client) -> None:
    first, second = send(web).json()["sid"], send(web, To="+447700900999").json()["sid"]
    listed = web.get(f"{MESSAGES}.json", auth=AUTH).json()["messages"]
    assert [one["sid"] for one in listed] == [second, first]
    params = {"To": TEXT["To"], "PageSize": "5"}
    assert [
        one["sid"] for one in web.get(f"{MESSAGES}.json", params=params, auth=AUTH).json()["messages"]
    ] == [first]


def test_a_text_that_does_not_arrive(web: httpx.Client, listener: Listener) -> None:
    web.post("/control/faults", json={"sms": {"undelivered": 1}})
    send(web, StatusCallback=listener.url)
    got = listener.wait_for(lambda all_: len(all_) >= 2)
    last = dict(httpx.QueryParams(got[-1].body.decode()))
    assert (last["MessageStatus"], last["ErrorCode"]) == ("undelivered", "30003")


def test_the_provider_fails(web: httpx.Client) -> None:
    web.post("/control/faults", json={"sms": {"error": 1}})
    assert send(web).status_code == 500
    assert web.get("/control/messages").json()["messages"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "07700 900123"}, 21211),
        ({"Body": ""}, 21602),
        ({"From": ""}, 21603),
        ({"Body": "x" * 1601}, 21617),
    ],
)
def test_a_text_is_refused(change: dict[str, str], code: int, web: httpx.Client) -> None:
    answer = send(web, **change)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_the_account_is_asked_for(web: httpx.Client) -> None:
    assert web.post(f"{MESSAGES}.json", data=TEXT).status_code == 401
    assert web.post(f"{MESSAGES}.json", data=TEXT, auth=("ACsandbox", "wrong")).status_code == 401
    assert web.get(f"{MESSAGES}/SMnone.json", auth=AUTH).status_code == 404


def test_the_signature_of_the_providers_own_example() -> None:
    params = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature(url, params, "12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_a_phone_answers_and_it_is_told_signed(listener: Listener, start: Callable[..., Sandbox]) -> None:
    sandbox = start("--sms-incoming-url", listener.url)
    with httpx.Client(base_url=sandbox.url, timeout=30) as web:
        send(web)
        assert "/inbox/phone?number=%2B447700900123" in web.get("/inbox").text
        page = web.get("/inbox/phone", params={"number": TEXT["To"]}).text
        assert 'name="text"' in page
        assert "http-equiv" not in page  # what is being written is not lost
        assert web.post("/inbox/phone", data={"number": TEXT["To"], "text": "Stop."}).status_code == 303
        (one,) = listener.wait_for(lambda all_: len(all_) >= 1)
        told = dict(httpx.QueryParams(one.body.decode()))
        assert (told["From"], told["To"], told["Body"]) == (TEXT["To"], TEXT["From"], "Stop.")
        assert RequestValidator("sandbox").validate(listener.url, told, one.headers["x-twilio-signature"])
        assert "answered" in web.get("/inbox/phone", params={"number": TEXT["To"]}).text
        assert web.post("/inbox/phone", data={"number": TEXT["To"], "text": " "}).status_code == 422
        assert web.get("/inbox/phone", params={"number": "+4915112345678"}).status_code == 404


def test_an_answer_that_nobody_takes_in_is_said(web: httpx.Client) -> None:
    send(web)
    refused = web.post("/inbox/phone", data={"number": TEXT["To"], "text": "hello"})
    assert refused.status_code == 502
    assert "started without --sms-incoming-url" in refused.text
