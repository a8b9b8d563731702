"""SMS to providers, over the wire of the sandbox: sent once, looked for before they are repeated, told when they cannot go.

Failure modes: F67 (said twice), F68 (never said), and crashes between the provider's answer and our record of it."""

from __future__ import annotations

import pytest

from holdfast.errors import ValidationFailed
from holdfast.messages import actions, delivery_store, rules
from holdfast.messages.jobs import LEASE_S, send_due
from holdfast.messages.senders.sms import OutgoingSms, SmsError, SmsSender
from tests.messages.telephone import Telephone, crash_after_sending, sms_of, stage_with
from tests.support.appointments import diary
from tests.support.sandbox import Sandbox
from tests.support.system import Row, Stage

PHONE = "+447700900123"


async def asked(stage: Stage, phone: str = PHONE) -> Row:
    """A request waits for its provider, who has a phone; nothing has left yet."""
    expert = await diary(stage, phone=phone)
    placed = await expert.ask(await expert.service(price=0), expert.at())
    return await sms_of(stage, placed.booking_id)


async def on_the_phone(stage: Stage) -> list[Row]:
    inbox = (await stage.http.get("/control/messages")).json()["messages"]
    return [one for one in inbox if one["channel"] == "sms"]


async def outcomes(stage: Stage, message_id: str) -> list[str]:
    rows = await stage.rows(
        "SELECT outcome FROM message_tries WHERE message_id = %s ORDER BY try_no", message_id
    )
    return [row["outcome"] for row in rows]


async def now_of(stage: Stage, message: Row) -> Row:
    return await stage.row("SELECT * FROM messages WHERE message_id = %s", message["message_id"])


async def next_try(stage: Stage, message: Row) -> Row:
    """The clock goes on to when the message is due again, and the worker has its turn."""
    due = (await now_of(stage, message))["try_at"]
    await stage.advance_to(max(due, stage.clock.now()))
    await send_due(stage.system)
    return await now_of(stage, message)


async def test_a_request_reaches_the_providers_phone(stage: Stage) -> None:
    message = await asked(stage)
    await send_due(stage.system)
    (arrived,) = await on_the_phone(stage)
    told = await now_of(stage, message)
    assert (arrived["to"], told["status"], told["provider_id"]) == (PHONE, "sent", arrived["sid"])
    assert arrived["text"].startswith("New request: Half an hour (sample), ")
    assert "http://shop.test/answer/lnk_" in arrived["text"]
    # The database alone gives nobody the link.
    assert "[secret]" in told["body_text"]
    assert "lnk_" not in told["body_text"]
    (tried,) = await stage.rows("SELECT * FROM message_tries WHERE message_id = %s", message["message_id"])
    assert (tried["outcome"], tried["detail"]) == ("sent", "2 segments, GSM-7")
    await stage.assert_all_laws_hold()


async def test_without_settings_the_sms_waits_and_the_mail_goes(database_url: str, sandbox: Sandbox) -> None:
    async with stage_with(database_url, sandbox, twilio_account_sid="", twilio_auth_token="") as stage:
        message = await asked(stage)
        await send_due(stage.system)
        told = await now_of(stage, message)
        assert told["status"] == "queued"
        assert told["error"] == "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are not set"
        assert await stage.tasks() == ["sms_configuration"]
        mails = await stage.rows("SELECT status FROM messages WHERE channel = 'email'")
        assert {mail["status"] for mail in mails} == {"sent"}
        await stage.assert_all_laws_hold()


async def test_a_wrong_password_is_our_fault_and_closes_itself(database_url: str, sandbox: Sandbox) -> None:
    async with stage_with(database_url, sandbox, twilio_auth_token="wrong") as stage:
        message = await asked(stage)
        await send_due(stage.system)
        assert await stage.tasks() == ["sms_configuration"]
        stage.system.sms.auth_token = "sandbox"
        assert (await next_try(stage, message))["status"] == "sent"
        assert await outcomes(stage, message["message_id"]) == ["configuration", "sent"]
        assert await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL") == []
        await stage.assert_all_laws_hold()


async def test_trouble_at_the_provider_is_waited_out(stage: Stage) -> None:
    message = await asked(stage)
    await stage.faults(sms={"error": 1})
    await send_due(stage.system)
    assert (await now_of(stage, message))["status"] == "queued"
    await stage.faults(sms={"error": 0})
    assert (await next_try(stage, message))["status"] == "sent"
    assert await outcomes(stage, message["message_id"]) == ["deferred", "sent"]
    assert len(await on_the_phone(stage)) == 1
    await stage.assert_all_laws_hold()


async def test_a_number_that_is_refused_becomes_a_task(stage: Stage) -> None:
    message = await asked(stage)
    # No number of our own tables could be so wrong; one written by hand could.
    await stage.execute(
        "UPDATE messages SET recipient = '07700900123' WHERE message_id = %s", message["message_id"]
    )
    await send_due(stage.system)
    told = await now_of(stage, message)
    assert told["status"] == "failed"
    assert told["error"].startswith("21211 ")
    (task,) = await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL")
    assert task["kind"] == "undeliverable"
    assert "Check the provider's number" in task["sentence"]
    assert "900123" not in task["sentence"] + told["error"]
    await stage.assert_all_laws_hold()


async def test_a_crash_after_the_sending_does_not_repeat_it(stage: Stage) -> None:
    message = await asked(stage)
    await crash_after_sending(stage, message["message_id"])
    assert len(await on_the_phone(stage)) == 1
    assert (await now_of(stage, message))["status"] == "sending"
    await stage.advance(seconds=LEASE_S)
    await send_due(stage.system)
    told = await now_of(stage, message)
    (arrived,) = await on_the_phone(stage)
    assert (told["status"], told["provider_id"]) == ("sent", arrived["sid"])
    tries = await stage.rows(
        "SELECT * FROM message_tries WHERE message_id = %s ORDER BY try_no", message["message_id"]
    )
    assert [one["outcome"] for one in tries] == ["unknown", "sent"]
    assert tries[0]["detail"].startswith("It may have been sent")
    await stage.assert_all_laws_hold()


async def test_a_crash_before_the_sending_sends_it(stage: Stage) -> None:
    message = await asked(stage)
    now = stage.clock.now()
    async with stage.system.database.transaction() as conn:
        await delivery_store.claim_due(conn, now, now, 20, "sms")  # and now it dies
    await stage.advance(seconds=LEASE_S)
    await send_due(stage.system)
    assert (await now_of(stage, message))["status"] == "sent"
    assert len(await on_the_phone(stage)) == 1
    await stage.assert_all_laws_hold()


async def test_a_worker_whose_lease_is_over_sends_nothing(stage: Stage) -> None:
    message = await asked(stage)
    now = stage.clock.now()
    async with stage.system.database.transaction() as conn:
        (late,) = await delivery_store.claim_due(conn, now, now, 20, "sms")
        await delivery_store.claim_due(conn, now, now, 20, "sms")  # another worker has it
        assert not await delivery_store.keep_words(conn, message["message_id"], late["tries"], "late")
    await stage.advance(seconds=LEASE_S)
    await stage.assert_all_laws_hold()


async def test_answers_that_do_not_come_are_not_repeated_for_ever(stage: Stage, telephone: Telephone) -> None:
    """Neither answer nor list shows it: once more, then a person."""
    telephone.swallow = True
    stage.system.sms.api_base = telephone.url
    message = await asked(stage)
    await send_due(stage.system)
    assert await outcomes(stage, message["message_id"]) == ["unknown"]
    told = await next_try(stage, message)
    assert told["status"] == "failed"
    assert await outcomes(stage, message["message_id"]) == ["unknown"] * rules.MOST_UNKNOWN
    assert telephone.sent == rules.MOST_UNKNOWN
    (task,) = await stage.rows("SELECT * FROM tasks WHERE done_at IS NULL")
    assert "may have arrived by SMS or not" in task["sentence"]
    await stage.assert_all_laws_hold()


async def test_an_answer_that_was_lost_is_found_in_the_list(stage: Stage, telephone: Telephone) -> None:
    telephone.swallow = True
    telephone.forward_to = stage.sandbox.url
    stage.system.sms.api_base = telephone.url
    message = await asked(stage)
    await send_due(stage.system)
    assert await outcomes(stage, message["message_id"]) == ["unknown"]
    stage.system.sms.api_base = stage.sandbox.url
    assert (await next_try(stage, message))["status"] == "sent"
    assert len(await on_the_phone(stage)) == 1
    await stage.assert_all_laws_hold()


async def test_a_list_that_cannot_be_asked_sends_nothing(stage: Stage) -> None:
    message = await asked(stage)
    await crash_after_sending(stage, message["message_id"])
    stage.system.sms.api_base = "http://127.0.0.1:9"  # nobody answers there
    await stage.advance(seconds=LEASE_S)
    await send_due(stage.system)
    assert await outcomes(stage, message["message_id"]) == ["unknown", "unreachable"]
    stage.system.sms.api_base = stage.sandbox.url
    assert (await next_try(stage, message))["status"] == "sent"
    assert len(await on_the_phone(stage)) == 1
    await stage.assert_all_laws_hold()


async def test_what_was_answered_meanwhile_is_not_asked(stage: Stage) -> None:
    message = await asked(stage)
    await stage.faults(sms={"error": 1})
    await send_due(stage.system)
    await stage.execute("UPDATE orders SET accepted_at = %s WHERE accepted_at IS NULL", stage.clock.now())
    told = await next_try(stage, message)
    assert (told["status"], told["error"]) == ("suppressed", "the request was answered meanwhile")
    assert await on_the_phone(stage) == []


async def test_sending_again_goes_to_the_provider_and_by_the_same_way(stage: Stage) -> None:
    """Never to the customer, whose address is the booking's."""
    message = await asked(stage)
    await send_due(stage.system)
    await stage.execute("UPDATE providers SET phone = '+447700900456'")

    async def again(recipient: str | None = None) -> str:
        async with stage.system.database.transaction() as conn:
            return await actions.resend(
                conn,
                stage.system.ids,
                stage.clock.now(),
                tenant_id=stage.event.tenant_id,
                message_id=message["message_id"],
                actor="staff:hf_ab",
                recipient=recipient,
            )

    new = await now_of(stage, {"message_id": await again()})
    assert (new["channel"], new["recipient"]) == ("sms", "+447700900456")
    with pytest.raises(ValidationFailed):
        await again("expert@example.com")
    mail = await stage.row("SELECT * FROM messages WHERE kind = 'request_to_answer' AND channel = 'email'")
    message["message_id"] = mail["message_id"]
    new = await now_of(stage, {"message_id": await again()})
    assert (new["channel"], new["recipient"]) == ("email", "expert@example.com")
    await stage.assert_all_laws_hold()


async def test_a_service_may_stand_in_place_of_a_number(stage: Stage) -> None:
    sender = SmsSender("ACsandbox", "sandbox", "MG0123", stage.sandbox.url)
    async with sender.batch() as batch:
        sid = await batch.send(OutgoingSms(PHONE, "hello", "http://127.0.0.1:9/x"))
    (arrived,) = await on_the_phone(stage)
    assert (arrived["sid"], arrived["messaging_service_sid"], arrived["from"]) == (sid, "MG0123", None)


async def test_what_an_error_says_names_nobody() -> None:
    error = SmsError("answer", 400, 21211, "Invalid 'To' Phone Number: +447700900123")
    assert "7700" not in error.reply
    assert error.reply == "Invalid 'To' Phone Number: [number]"


async def test_a_gateways_page_is_an_answer_without_words(telephone: Telephone) -> None:
    telephone.answers = (502, b"<html>Bad Gateway</html>")
    sender = SmsSender("ACsandbox", "sandbox", "+447700900000", telephone.url)
    async with sender.batch() as batch:
        with pytest.raises(SmsError) as caught:
            await batch.send(OutgoingSms(PHONE, "hello", "http://127.0.0.1:9/x"))
        assert (caught.value.status, caught.value.code, caught.value.may_have_left) == (502, None, True)
        telephone.answers = (201, b"<html>")
        with pytest.raises(SmsError) as caught:
            await batch.send(OutgoingSms(PHONE, "hello", "http://127.0.0.1:9/x"))
        assert caught.value.may_have_left
