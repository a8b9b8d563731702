"""Bookings that began by SMS, requests, and people without any booking: found by number, with every message and answer."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from holdfast.bookings.initiating import Initiated, InitiateWanted, initiate
from holdfast.cli.diagnosis_text import show
from holdfast.cli.output import as_json
from holdfast.customers import merging
from holdfast.diagnosis.actions import Diagnosis, diagnose
from holdfast.errors import NotFound
from holdfast.requests.answers import accept
from tests.support.appointments import diary
from tests.support.system import Stage

TYPED, NUMBER = "07700 900123", "+447700900123"


async def begun(stage: Stage) -> Initiated:
    event = stage.event
    wanted = InitiateWanted(event.tenant_id, event.offering_id, NUMBER, 2, "key_none", "staff:hf_ab")
    return await initiate(stage.system, wanted)


async def answered(stage: Stage, body: str, booking_id: str | None = None) -> None:
    await stage.execute(
        """INSERT INTO inbound_messages (inbound_id, provider_id, tenant_id, sender, body, meaning, booking_id, received_at)
           VALUES (%s, %s, %s, %s, %s, 'other', %s, %s)""",
        f"inb_{len(body)}",
        f"SM{len(body)}",
        stage.event.tenant_id,
        NUMBER,
        body,
        booking_id,
        stage.clock.now(),
    )


def as_text(found: Diagnosis) -> str:
    out = StringIO()
    show(found, Console(file=out, width=240))
    return out.getvalue()


@pytest.mark.parametrize("typed", [TYPED, NUMBER, "0044 7700 900123"])
async def test_f68_a_booking_by_sms_is_found_by_its_number(stage: Stage, typed: str) -> None:
    booking = await begun(stage)
    await stage.advance(minutes=1)
    await answered(stage, "Is there parking?", booking.pending_booking_id)
    found = await diagnose(stage.system, "customer", typed)
    [story] = found.stories
    assert story.ours.booking is not None
    assert story.ours.booking["reference"] == booking.reference
    told = [entry.what for entry in story.entries]
    assert any(what.startswith(f"sms booking_started to {NUMBER}: sent SM") for what in told)
    assert "answered by SMS: Is there parking?" in told
    assert [finding.code for finding in found.findings] == ["answer_unread"]
    text = as_text(found)
    assert "Is there parking?" in text
    assert "/staff/messages" in text
    assert booking.token not in text
    assert booking.token not in as_json(found.document())
    await stage.assert_all_laws_hold()


async def test_a_message_to_somebody_without_a_booking_is_found(stage: Stage) -> None:
    await stage.execute(
        """INSERT INTO messages (message_id, tenant_id, kind, channel, recipient, unique_key, cause, status, created_at, sent_at,
                                 error)
           VALUES ('msg_loose', %s, 'note', 'sms', %s, 'note:1', 'staff:hf_ab', 'failed', %s, NULL, 'it is a landline')""",
        stage.event.tenant_id,
        NUMBER,
        stage.clock.now(),
    )
    await answered(stage, "Who is this?")
    for kind, typed in (("customer", TYPED), ("booking", NUMBER), ("customer", "msg_loose")):
        found = await diagnose(stage.system, kind, typed)  # type: ignore[arg-type]
        assert found.stories == []
        assert any("sms note" in entry.what for entry in found.entries), typed
    found = await diagnose(stage.system, "customer", TYPED)
    text = as_text(found)
    assert "Without a booking" in text
    assert "Who is this?" in text
    assert "it is a landline" in text
    with pytest.raises(NotFound):
        await diagnose(stage.system, "customer", "07700 900999")
    with pytest.raises(NotFound):
        await diagnose(stage.system, "customer", TYPED, tenant_id=999)


async def test_who_was_joined_is_found_by_what_they_were_known_by_before(stage: Stage) -> None:
    booking = await begun(stage)
    row = await stage.row(
        "SELECT customer_id FROM orders JOIN bookings USING (order_id) WHERE booking_id = %s",
        booking.pending_booking_id,
    )
    placed = await stage.paid(table=1)
    await merging.merge(
        stage.system, stage.event.tenant_id, placed.customer_id, row["customer_id"], "staff:hf_ab"
    )
    for typed in (NUMBER, "guest@example.com", row["customer_id"], placed.customer_id):
        found = await diagnose(stage.system, "customer", typed)
        references = {story.ours.booking["reference"] for story in found.stories if story.ours.booking}
        assert references == {booking.reference, placed.reference}, typed
    found = await diagnose(stage.system, "customer", placed.customer_id)
    told = [entry.what for story in found.stories for entry in story.entries]
    assert any(what.startswith("customer_merged") for what in told)
    assert "joined to" in as_text(await diagnose(stage.system, "customer", NUMBER))
    await stage.assert_all_laws_hold()


async def test_a_number_is_read_as_the_tenant_writes_it(stage: Stage) -> None:
    """The installation's region is GB; this tenant's is DE."""
    await stage.execute("UPDATE tenants SET region = 'DE' WHERE tenant_id = %s", stage.event.tenant_id)
    placed = await stage.paid()
    await stage.execute(
        "UPDATE bookings SET contact_phone = '+491701234567' WHERE booking_id = %s", placed.booking_id
    )
    found = await diagnose(stage.system, "booking", "0170 1234567")
    assert [story.ours.order_id for story in found.stories] == [placed.order_id]
    await stage.assert_all_laws_hold()


async def test_a_request_is_told_from_asking_to_the_capture(stage: Stage) -> None:
    expert = await diary(stage, phone="+447700900456")
    placed = await expert.requested(await expert.service(), expert.at())
    await stage.execute(
        "UPDATE bookings SET contact_phone = %s WHERE booking_id = %s", NUMBER, placed.booking_id
    )
    await accept(stage.system, placed.booking_id, "staff:hf_ab", expert.provider_id)
    await stage.run_jobs()
    await stage.deliver()
    await stage.run_jobs()
    for kind, typed in (("booking", NUMBER), ("payment", str(placed.payment_intent_id))):
        found = await diagnose(stage.system, kind, typed)  # type: ignore[arg-type]
        [story] = found.stories
        assert story.ours.order_id == placed.order_id
        assert [pair.agree for pair in story.comparisons] == [True]
        told = [(entry.side, entry.what) for entry in story.entries]
        for side, words in (
            ("ours", "requested"),
            ("ours", "capture of the authorised £50.00 owed"),
            ("ours", "capture of the authorised £50.00 done"),
            ("ours", "email booking_confirmed to fan@example.com: sent"),
            ("ours", "sms request_to_answer to +447700900456: sent SM"),
            ("stripe", "charge ch_"),
        ):
            assert any(one == side and what.startswith(words) for one, what in told), (words, told)
        assert any("webhook payment_intent.succeeded" in what for _, what in told)
        assert not found.is_wrong, found.findings
    await stage.assert_all_laws_hold()
