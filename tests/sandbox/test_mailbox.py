"""Mail: kept once, shown safely, refused where a fault says so."""

from __future__ import annotations

import base64
import smtplib
from email.message import EmailMessage

import httpx
import pytest

from tests.support.sandbox import Sandbox

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def mail(message_id: str = "<1@shop.example>", to: str = "ann@example.com") -> EmailMessage:
    made = EmailMessage()
    made["Message-ID"], made["Subject"] = message_id, "Your booking — confirmed"
    made["From"], made["To"] = "Shop <shop@example.com>", to
    made.set_content("See you on Friday.\nhttps://shop.example/b/1")
    made.add_alternative('<h1>See you</h1><img src="cid:code"><script>alert(1)</script>', subtype="html")
    made.get_payload()[1].add_related(PICTURE, "image", "png", cid="<code>")  # type: ignore[index, union-attr]
    made.add_attachment("BEGIN:VCALENDAR", subtype="calendar", filename="event.ics")
    return made


def send(sandbox: Sandbox, message: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=10) as smtp:
        smtp.send_message(message)


def test_a_mail_is_kept_with_all_its_parts(sandbox: Sandbox, web: httpx.Client) -> None:
    send(sandbox, mail())
    (message,) = web.get("/control/messages").json()["messages"]
    assert (message["channel"], message["to"], message["copies"]) == ("email", ["ann@example.com"], 1)
    assert (message["subject"], message["from"]) == ("Your booking — confirmed", "Shop <shop@example.com>")
    assert "See you on Friday." in message["text"]
    assert "<h1>See you</h1>" in message["html"]
    assert message["message_id"] == "<1@shop.example>"
    kinds = {part["content_type"]: part for part in message["attachments"]}
    assert set(kinds) == {"image/png", "text/calendar"}
    assert base64.b64decode(kinds["image/png"]["content"]) == PICTURE
    assert kinds["text/calendar"]["filename"] == "event.ics"
    assert kinds["image/png"]["size"] == len(PICTURE)


def test_the_same_message_is_one_message(sandbox: Sandbox, web: httpx.Client) -> None:
    for _ in range(3):
        send(sandbox, mail())
    send(sandbox, mail("<2@shop.example>"))
    found = web.get("/control/messages").json()["messages"]
    assert [message["copies"] for message in found] == [3, 1]


def test_the_inbox_shows_it_without_letting_it_do_anything(sandbox: Sandbox, web: httpx.Client) -> None:
    assert "No mail yet" in web.get("/inbox").text
    send(sandbox, mail())
    id = web.get("/control/messages").json()["messages"][0]["id"]
    assert "Your booking — confirmed" in web.get("/inbox").text
    page = web.get(f"/inbox/{id}")
    assert 'sandbox="allow-popups"' in page.text
    assert "<script>" not in page.text
    html = web.get(f"/inbox/{id}/html")
    assert "script-src" not in html.headers["content-security-policy"]
    assert "default-src 'none'" in html.headers["content-security-policy"]
    assert f'src="/inbox/{id}/attachments/0?inline=1"' in html.text
    picture = web.get(f"/inbox/{id}/attachments/0?inline=1")
    assert (picture.headers["content-type"], picture.content) == ("image/png", PICTURE)
    saved = web.get(f"/inbox/{id}/attachments/1")
    assert saved.headers["content-disposition"] == 'attachment; filename="event.ics"'
    assert web.get("/inbox/999999").status_code == 404


@pytest.mark.parametrize(("fault", "code"), [("refuse", 550), ("defer", 451)])
def test_the_mail_server_refuses(fault: str, code: int, sandbox: Sandbox, web: httpx.Client) -> None:
    web.post("/control/faults", json={"mail": {fault: 1}})
    with pytest.raises(smtplib.SMTPDataError) as caught:
        send(sandbox, mail())
    assert caught.value.smtp_code == code
    assert web.get("/control/messages").json()["messages"] == []


def test_the_mail_server_hangs_up(sandbox: Sandbox, web: httpx.Client) -> None:
    web.post("/control/faults", json={"mail": {"drop_connection": 1}})
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        send(sandbox, mail())


def test_some_addresses_bounce(sandbox: Sandbox, web: httpx.Client) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        send(sandbox, mail(to="bounce-1@example.com"))
    assert caught.value.recipients["bounce-1@example.com"][0] == 550
    assert web.get("/control/messages").json()["messages"] == []


def test_a_strange_mail_is_kept_too(sandbox: Sandbox, web: httpx.Client) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=10) as smtp:
        raw = (
            b"Content-Type: text/plain; charset=klingon\r\nSubject: =?utf-8?q?odd=00?=\r\n\r\n\x00\xff hello"
        )
        smtp.sendmail("a@example.com", ["b@example.com"], raw)
    (message,) = web.get("/control/messages").json()["messages"]
    assert "hello" in message["text"]
    assert web.get("/inbox").status_code == 200
