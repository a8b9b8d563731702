"""Own words on the staff pages: nothing typed is lost, everything wrong is said beside its field."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.office import Office, open_office
from tests.support.system import Stage

PAGE = "/staff/templates/booking_confirmed/email/en"
SMS = "/staff/templates/booking_started/sms/de"


@pytest.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with open_office(stage) as opened:
        yield opened


async def post(office: Office, do: str, address: str = PAGE, **fields: str) -> Any:
    return await office.http.post(address, data={"do": do, "body": "Hello {{ name }}", **fields})


async def test_from_the_list_to_own_words_and_back(office: Office) -> None:
    await office.sign_in()
    listed = (await office.http.get("/staff/templates")).text
    assert 'href="/staff/templates/booking_confirmed/email/de"' in listed
    assert "your messages are in <strong>English</strong>" in listed
    assert "badge-good" not in listed
    page = (await office.http.get(PAGE)).text
    assert "Your booking is confirmed. We are looking forward to seeing you." in page
    assert "<code>{{ cancellation }}</code>" in page
    answer = await post(office, "save", subject="Welcome", body="Hello {{ name }}\r\n\r\nSee you!")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?said=saved")
    kept = await office.stage.row("SELECT * FROM message_templates")
    assert (kept["subject"], kept["body"]) == ("Welcome", "Hello {{ name }}\n\nSee you!")
    assert "badge-good" in (await office.http.get("/staff/templates")).text
    page = (await office.http.get(f"{PAGE}?said=saved")).text
    assert "From now on your messages say this" in page
    assert "These are your own words" in page
    answer = await post(office, "reset")
    assert answer.headers["location"] == f"{PAGE}?said=reset"
    assert await office.stage.rows("SELECT * FROM message_templates") == []
    await office.stage.assert_all_laws_hold()


async def test_what_is_wrong_stands_beside_its_field(office: Office) -> None:
    await office.sign_in()
    for do in ("save", "preview", "html", "test"):
        answer = await post(
            office, do, subject="{{ nobody }}", body="typed {{ <b>", recipient="me@example.com"
        )
        assert answer.status_code == 422
        assert 'id="error-subject">There is no placeholder {{ nobody }}' in answer.text
        assert 'id="error-body">Line 1 cannot be read.' in answer.text
        assert "typed {{ &lt;b&gt;" in answer.text
        assert 'value="me@example.com"' in answer.text
    answer = await post(office, "test", recipient="nobody")
    assert 'id="error-recipient">Write an e-mail address' in answer.text
    answer = await post(office, "test", SMS, body="{{ link }}", recipient="020 7946 0000")
    assert 'id="error-recipient">This is a landline' in answer.text
    assert await office.stage.rows("SELECT * FROM messages") == []
    await office.stage.assert_all_laws_hold()


async def test_a_preview_as_text_and_as_a_mail_program_shows_it(office: Office) -> None:
    await office.sign_in()
    seen = await post(office, "preview", subject="For {{ name }}", body="<b>{{ title }}</b>")
    assert "<strong>For Sam Sample</strong>" in seen.text
    assert "&lt;b&gt;Dinner and a show&lt;/b&gt;" in seen.text
    html = await post(office, "html", subject="For {{ name }}", body="<b>{{ title }}</b>")
    assert "&lt;b&gt;Dinner and a show&lt;/b&gt;" in html.text
    assert 'src="data:image/png;base64,' in html.text
    assert "sandbox" in html.headers["content-security-policy"]
    assert "script" not in html.headers["content-security-policy"]
    sms = (await post(office, "preview", SMS, body="Hallo {{ name }}: {{ link }}")).text
    assert "Hallo Kim Muster: https://example.com/b/" in sms
    assert "1 segment, GSM-7" in sms
    assert "these words wait until that changes" in sms
    await office.stage.assert_all_laws_hold()


async def test_a_test_says_what_became_of_it(office: Office) -> None:
    await office.sign_in()
    sent = await post(office, "test", recipient="me@example.com")
    assert "The test is sent to me@example.com" in sent.text
    assert "Hello {{ name }}" in sent.text
    await office.stage.faults(sms={"error": 1})
    waits = await post(office, "test", SMS, body="{{ link }}", recipient="07700 900123")
    assert "The test is in the outbox and leaves as soon as it can" in waits.text
    await office.stage.faults(sms={"error": 0})
    await office.stage.assert_all_laws_hold()


async def test_only_admins_and_only_what_there_is(office: Office) -> None:
    answer = await office.http.get(PAGE)
    assert "Dear {{ name }}" not in answer.text
    await office.sign_in("door")
    assert (await office.http.get("/staff/templates")).status_code == 403
    assert (await post(office, "save")).status_code == 403
    await office.sign_in()
    assert (await office.http.get("/staff/templates/help/email/en")).status_code == 404
    assert (await post(office, "save", "/staff/templates/note/sms/en")).status_code == 404
    assert await office.stage.rows("SELECT * FROM message_templates") == []
    await office.stage.assert_all_laws_hold()
