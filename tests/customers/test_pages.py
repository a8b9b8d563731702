"""Customers for staff, by key and in the browser: finding one, everything about one, joining and undoing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.office import Office

NUMBER = "+447700900123"


async def search(office: Office, query: str = "", **params: Any) -> list[str]:
    answer = await office.http.get(
        "/api/admin/customers", params={"query": query, **params}, headers=office.as_("admin")
    )
    assert answer.status_code == 200, answer.text
    return [one["customer_id"] for one in answer.json()["customers"]]


async def by_phone(office: Office, customer_id: str = "cus_alone") -> str:
    await office.stage.execute(
        "INSERT INTO customers (customer_id, tenant_id, name, phone, created_at) VALUES (%s, %s, 'Pat Sample', %s, %s)",
        customer_id,
        office.stage.event.tenant_id,
        NUMBER,
        office.stage.clock.now(),
    )
    return customer_id


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"mine", "alone"}),
        ("pat", {"alone"}),
        ("Sample", {"mine", "alone"}),
        ("GUEST@", {"mine"}),
        ("07700 900123", {"alone"}),
        ("+44 7700 900123", {"alone"}),
        ("900123", {"alone"}),
        ("0044 7700 900123", {"alone"}),
        ("cus_alone", {"alone"}),
        ("nobody", set()),
        ("%", set()),
        ("_", set()),
    ],
)
async def test_found_by_name_address_number_or_id(office: Office, query: str, found: set[str]) -> None:
    placed = await office.stage.paid()
    names = {placed.customer_id: "mine", await by_phone(office): "alone"}
    assert {names[one] for one in await search(office, query)} == found
    await office.sign_in()
    page = await office.http.get("/staff/customers", params={"query": query})
    assert page.status_code == 200
    for customer_id, name in names.items():
        assert (f"/staff/customers/{customer_id}" in page.text) is (name in found)


async def test_pages_of_many(office: Office) -> None:
    for table in range(3):
        await office.stage.paid(table=table, email=f"guest{table}@example.com")
    first = await search(office, limit=2)
    assert len(first) == 2
    assert len({*first, *await search(office, limit=2, after=first[-1])}) == 3


async def test_everything_about_one(office: Office) -> None:
    stage = office.stage
    placed = await stage.paid()
    await stage.execute("UPDATE customers SET phone = %s WHERE customer_id = %s", NUMBER, placed.customer_id)
    await stage.execute(
        "INSERT INTO opt_outs (tenant_id, phone, at, cause) VALUES (%s, %s, %s, 'STOP')",
        stage.event.tenant_id,
        NUMBER,
        stage.clock.now(),
    )
    await stage.execute(
        """INSERT INTO inbound_messages (inbound_id, provider_id, tenant_id, sender, body, meaning, customer_id, received_at)
           VALUES ('inb_1', 'SM1', %s, %s, 'We are five', 'other', %s, %s)""",
        stage.event.tenant_id,
        NUMBER,
        placed.customer_id,
        stage.clock.now(),
    )
    answer = await office.http.get(f"/api/admin/customers/{placed.customer_id}", headers=office.as_("admin"))
    one = answer.json()
    assert [(each["reference"], each["amount_paid"]) for each in one["bookings"]] == [
        (placed.reference, 17000)
    ]
    assert {each["kind"] for each in one["messages"]} == {"booking_confirmed"}
    assert one["messages"][0]["history"]
    assert [each["body"] for each in one["answers"]] == ["We are five"]
    assert [each["phone"] for each in one["opted_out"]] == [NUMBER]
    assert placed.token not in answer.text
    await office.sign_in()
    page = (await office.http.get(f"/staff/customers/{placed.customer_id}")).text
    for words in (placed.reference, "We are five", f"No SMS to {NUMBER}", "Words and history"):
        assert words in page
    await stage.assert_all_laws_hold()


async def test_joined_and_taken_apart_on_the_page(office: Office) -> None:
    placed = await office.stage.paid()
    await office.stage.execute(
        "UPDATE customers SET phone = %s WHERE customer_id = %s", NUMBER, placed.customer_id
    )
    alone = await by_phone(office)
    await office.sign_in()
    address = f"/staff/customers/{placed.customer_id}"
    assert "Join to this customer" in (await office.http.get(address)).text  # it has the same number
    done = await office.http.post(f"{address}/merge", data={"merged_id": f" {alone} "})
    assert done.headers["location"] == f"{address}?said=merged"
    page = (await office.http.get(done.headers["location"])).text
    assert "They are one customer now" in page
    assert "Pat Sample" in page
    assert (await office.http.get(f"/staff/customers/{alone}")).headers["location"] == address
    assert await search(office, "pat") == [placed.customer_id]
    known = (await office.http.get(f"/api/admin/customers/{alone}", headers=office.as_("admin"))).json()
    assert known["merged_into"] == placed.customer_id
    for merged_id, status in (("", 404), ("cus_none", 404), (placed.customer_id, 422), (alone, 409)):
        refused = await office.http.post(f"{address}/merge", data={"merged_id": merged_id})
        assert refused.status_code == status, merged_id
    [merge] = await office.stage.rows("SELECT merge_id FROM customer_merges")
    undone = await office.http.post(f"{address}/merges/{merge['merge_id']}/undo")
    assert undone.headers["location"] == f"/staff/customers/{alone}?said=undone"
    assert "two customers again" in (await office.http.get(undone.headers["location"])).text
    twice = await office.http.post(f"{address}/merges/{merge['merge_id']}/undo")
    assert twice.status_code == 409
    await office.stage.assert_all_laws_hold()


async def test_by_key_and_for_nobody_else(office: Office) -> None:
    placed = await office.stage.paid()
    alone = await by_phone(office)
    address = f"/api/admin/customers/{placed.customer_id}"
    for path in ("/api/admin/customers", address):
        assert (await office.http.get(path)).status_code == 401
        assert (await office.http.get(path, headers=office.as_("door"))).status_code == 403
    assert (await office.http.get(address, headers=office.as_("other"))).status_code == 404
    foreign = await office.http.get("/api/admin/customers", headers=office.as_("other"))
    assert foreign.json() == {"customers": []}
    merge = f"{address}/merge"
    for who, status in (("bookings", 403), ("other", 404)):
        refused = await office.http.post(merge, json={"merged_id": alone}, headers=office.as_(who))
        assert refused.status_code == status
    for body in ({}, {"merged_id": ""}, {"merged_id": 5}, {"merged_id": "a\u0000b"}):
        assert (await office.http.post(merge, json=body, headers=office.as_("admin"))).status_code == 422
    made = await office.http.post(merge, json={"merged_id": alone}, headers=office.as_("admin"))
    assert made.status_code == 201
    undo = f"/api/admin/customers/merges/{made.json()['merge_id']}/undo"
    assert (await office.http.post(undo, headers=office.as_("other"))).status_code == 404
    back = await office.http.post(undo, headers=office.as_("admin"))
    assert back.json() == {"customer_id": alone}
    assert (await office.http.post(undo, headers=office.as_("admin"))).status_code == 409
    await office.sign_in("door")
    assert (await office.http.get("/staff/customers")).status_code == 403
    await office.sign_in("other")
    assert (await office.http.get(f"/staff/customers/{placed.customer_id}")).status_code == 404
    await office.stage.assert_all_laws_hold()
