"""The evidence pack of a real dispute: what a bank asks for, and nothing that is nobody's business."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

from holdfast.bookings.actions import Placed
from holdfast.bookings.cancelling import request_cancel
from holdfast.database.connection import Connection
from holdfast.disputes import pack, views
from holdfast.disputes.evidence_words import LONGEST_FIELD
from holdfast.door.actions import Door, arrive
from holdfast.payments.settle import settle_booking
from tests.support.system import Stage

ALL_FIELDS = 150_000  # characters of all text fields together: docs.stripe.com/api/disputes/update
MOST_BYTES = 4_500_000


async def disputed(stage: Stage, reason: str = "fraudulent", **booking: Any) -> tuple[Placed, str]:
    placed = await stage.paid(**booking)
    dispute = await stage.dashboard("open_dispute", session=placed.checkout_session_id, reason=reason)
    await stage.deliver()
    await stage.run_jobs()
    return placed, str(dispute["id"])


async def downloaded(stage: Stage, dispute_id: str) -> tuple[bytes, dict[str, str]]:
    async def read(conn: Connection) -> bytes:
        return (await views.evidence_pack(conn, stage.event.tenant_id, dispute_id))[1]

    body = await stage.system.database.read(read)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return body, {name: archive.read(name).decode() for name in archive.namelist()}


async def test_f47_the_pack_tells_what_was_agreed_told_and_paid(stage: Stage) -> None:
    pie, _ = stage.event.item_ids
    placed, dispute_id = await disputed(stage, menu=[(pie, 2)])
    _, files = await downloaded(stage, dispute_id)
    assert {"README.txt", "evidence.html", "evidence.json"} < set(files)
    assert {f"documents/{name}.html" for name in pack.FILE_FIELDS} < set(files)
    assert files["fields/customer_name.txt"] == "Sample Guest\n"
    assert files["fields/customer_email_address.txt"] == "guest@example.com\n"
    product = files["fields/product_description.txt"]
    assert "Dinner and a show" in product
    assert "2 x Sample pie: £37.00" in product
    assert "Total: £207.00" in product
    assert "100% is returned" in files["fields/refund_policy_disclosure.txt"]
    assert "sent again with the confirmation" in files["fields/refund_policy_disclosure.txt"]
    assert "has not cancelled" in files["fields/refund_refusal_explanation.txt"]
    assert "accepted by the recipient's server" in files["fields/uncategorized_text.txt"]
    told = json.loads(files["evidence.json"])
    assert told["dispute"]["dispute_id"] == dispute_id
    assert told["payments"][0]["card_last4"] == "4242"
    assert [one["kind"] for one in told["messages"]] == ["booking_confirmed"]
    assert told["agreed"]["refund_tiers"][0] == {"notice_hours": 24, "percent": 100}
    for name, document in files.items():
        if name.endswith(".html"):
            assert placed.reference in document, name
    await stage.assert_all_laws_hold()


async def test_it_is_the_same_file_whenever_it_is_asked_for(stage: Stage) -> None:
    _, dispute_id = await disputed(stage)
    first, _ = await downloaded(stage, dispute_id)
    await stage.advance(days=3)
    assert (await downloaded(stage, dispute_id))[0] == first
    await stage.assert_all_laws_hold()


async def test_no_secret_link_no_address_of_a_network_and_no_key_is_in_it(stage: Stage) -> None:
    """A mail server's last words may name its address, and every confirmation holds the link that cancels the booking."""
    placed, dispute_id = await disputed(stage)
    await stage.execute(
        "UPDATE messages SET error = '203.0.113.9 said no', body_text = body_text || ' from 203.0.113.9 and 2001:db8::17'"
    )
    _, files = await downloaded(stage, dispute_id)
    for name, text in files.items():
        assert placed.token not in text, name
        assert not re.search(r"http://shop|/b/|203\.0\.113|2001:db8", text), name
        assert "staff:" not in text, name
    assert "customer_purchase_ip" not in "".join(files)
    assert "[link]" in files["documents/customer_communication.html"]
    await stage.assert_all_laws_hold()


async def test_the_log_of_the_customer_is_what_the_customer_did(stage: Stage) -> None:
    """Heard of on the customer's own page, a confirmation is still ours."""
    placed = await stage.book()
    await stage.pay(placed.checkout_session_id)
    await settle_booking(stage.system, placed.booking_id, "page")
    dispute = await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.settle_down()
    _, files = await downloaded(stage, dispute["id"])
    log = files["fields/access_activity_log.txt"]
    assert "Seats held" in log
    assert "Paid" in log
    assert "confirmed" not in log
    await stage.assert_all_laws_hold()


async def test_moved_after_the_order_the_dates_say_so(stage: Stage) -> None:
    _, dispute_id = await disputed(stage)
    _, files = await downloaded(stage, dispute_id)
    assert "it was moved" not in files["fields/refund_policy_disclosure.txt"]
    await stage.execute(
        "UPDATE offerings SET starts_at = starts_at + interval '1 hour', version = version + 1"
    )
    _, files = await downloaded(stage, dispute_id)
    assert "it was moved after the order" in files["fields/refund_policy_disclosure.txt"]
    await stage.assert_all_laws_hold("moved_booking_was_told")  # moved here without its message


async def test_who_came_is_evidence(stage: Stage) -> None:
    placed, dispute_id = await disputed(stage)
    _, files = await downloaded(stage, dispute_id)
    assert "No arrival is recorded" in files["documents/service_documentation.html"]
    starts = (await stage.row("SELECT starts_at FROM offerings"))["starts_at"]
    await stage.advance_to(starts)
    door = Door(stage.event.tenant_id, stage.event.offering_id, "staff:hf_door")
    await arrive(stage.system, door, placed.reference)
    _, files = await downloaded(stage, dispute_id)
    assert "accepted at the door" in files["fields/access_activity_log.txt"]
    assert "accepted at the door" in files["documents/service_documentation.html"]
    assert json.loads(files["evidence.json"])["attendance"]["arrived_at"]
    await stage.assert_all_laws_hold()


async def test_a_cancelled_booking_says_what_went_back(stage: Stage) -> None:
    placed = await stage.paid()
    await request_cancel(stage.system, placed.booking_id, "customer")
    await stage.run_jobs()
    dispute = await stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await stage.deliver()
    await stage.settle_down()
    _, files = await downloaded(stage, dispute["id"])
    assert "£170.00 was returned on" in files["fields/refund_refusal_explanation.txt"]
    assert "(re_" in files["fields/refund_refusal_explanation.txt"]
    await stage.assert_all_laws_hold("disputed_money_is_not_refunded")  # a person sends the proof


async def test_a_dispute_as_duplicate_names_the_other_payments(stage: Stage) -> None:
    _, dispute_id = await disputed(stage, "duplicate")
    _, files = await downloaded(stage, dispute_id)
    assert "No other payment" in files["fields/duplicate_charge_explanation.txt"]
    assert "fields/duplicate_charge_id.txt" not in files
    await stage.assert_all_laws_hold()


async def test_however_much_there_is_the_pack_stays_small(stage: Stage) -> None:
    placed, dispute_id = await disputed(stage)
    await stage.execute(
        """INSERT INTO timeline (tenant_id, order_id, at, actor, what, detail)
           SELECT tenant_id, order_id, created_at, 'customer', 'repaired', jsonb_build_object('why', repeat('x', 900))
             FROM orders, generate_series(1, 3000)"""
    )
    await stage.execute(
        """INSERT INTO messages (message_id, tenant_id, booking_id, kind, channel, recipient, unique_key, cause, status, subject,
                                 body_text, created_at, sent_at)
           SELECT 'msg_' || n, tenant_id, booking_id, 'booking_link', 'email', 'guest@example.com', 'many:' || n, 'test', 'sent',
                  'Again', repeat(md5(n::text) || ' ', 2000), created_at, created_at
             FROM bookings, generate_series(1, 500) n"""
    )
    body, files = await downloaded(stage, dispute_id)
    texts = [text for name, text in files.items() if name.startswith("fields/")]
    assert all(len(text) <= LONGEST_FIELD + 1 for text in texts)
    assert sum(map(len, texts)) <= ALL_FIELDS
    assert len(body) < MOST_BYTES
    assert placed.reference in files["evidence.html"]
