"""The list, the page and the download, for those who may: by key and in the browser."""

from __future__ import annotations

from datetime import timedelta

from tests.support.office import Office

ADDRESSES = ("/api/admin/disputes", "/api/admin/disputes/{id}", "/api/admin/disputes/{id}/evidence")
PAGES = ("/staff/disputes", "/staff/disputes/{id}", "/staff/disputes/{id}/evidence.zip")


async def disputed(office: Office, email: str = "guest@example.com", table: int = 0) -> tuple[str, str]:
    """The dispute's id and the booking's reference."""
    placed = await office.stage.paid(email=email, table=table)
    dispute = await office.stage.dashboard("open_dispute", session=placed.checkout_session_id)
    await office.stage.deliver()
    await office.stage.settle_down()
    return str(dispute["id"]), placed.reference


async def test_f47_open_ones_by_deadline_and_closed_ones_over_http(office: Office) -> None:
    stage = office.stage
    first, _ = await disputed(office)
    await stage.advance(days=1)
    second, _ = await disputed(office, "second@example.com", 1)
    await stage.execute(
        "UPDATE disputes SET evidence_due = %s WHERE dispute_id = %s",
        stage.clock.now() + timedelta(days=1, hours=3),
        second,
    )
    found = (await office.http.get("/api/admin/disputes", headers=office.as_("admin"))).json()["disputes"]
    assert [one["dispute_id"] for one in found] == [second, first]
    assert (found[0]["needs_answer"], found[0]["time_left"], found[0]["urgency"]) == (
        True,
        "1 day and 3 hours",
        "bad",
    )
    await stage.dashboard("close_dispute", dispute=first, outcome="won")
    await stage.deliver()
    await stage.run_jobs()
    closed = (
        await office.http.get("/api/admin/disputes", params={"state": "closed"}, headers=office.as_("admin"))
    ).json()["disputes"]
    assert [(one["dispute_id"], one["status"], one["refunds_blocked"]) for one in closed] == [
        (first, "won", False)
    ]
    one = (await office.http.get(f"/api/admin/disputes/{first}", headers=office.as_("admin"))).json()
    assert [entry["status"] for entry in one["history"]] == ["needs_response", "won"]
    assert one["evidence"]["customer_name"] == "Sample Guest"
    wrong = await office.http.get(
        "/api/admin/disputes", params={"state": "some"}, headers=office.as_("admin")
    )
    assert wrong.status_code == 422
    await stage.assert_all_laws_hold("dispute_is_answered_in_time")  # one is due in a day


async def test_nobody_else_learns_of_a_dispute(office: Office) -> None:
    dispute_id, _ = await disputed(office)
    for address in ADDRESSES:
        path = address.format(id=dispute_id)
        assert (await office.http.get(path)).status_code == 401, path
        assert (await office.http.get(path, headers=office.as_("bookings"))).status_code == 403, path
        foreign = await office.http.get(path, headers=office.as_("other"))
        if path == ADDRESSES[0]:
            assert foreign.json() == {"disputes": []}
        else:
            assert foreign.status_code == 404, path
    await office.sign_in("door")
    for page in PAGES:
        assert (await office.http.get(page.format(id=dispute_id))).status_code == 403, page
    await office.sign_in("other")
    assert (await office.http.get(PAGES[1].format(id=dispute_id))).status_code == 404
    unknown = await office.http.get("/api/admin/disputes/du_unknown/evidence", headers=office.as_("admin"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    await office.stage.assert_all_laws_hold()


async def test_staff_see_the_deadline_and_download_the_evidence(office: Office) -> None:
    dispute_id, reference = await disputed(office)
    await office.sign_in()
    listed = await office.http.get("/staff/disputes")
    assert listed.status_code == 200
    assert reference in listed.text
    assert "8 days and" in listed.text
    page = await office.http.get(f"/staff/disputes/{dispute_id}")
    assert page.status_code == 200
    assert "left to answer" in page.text
    assert "Refunds of this payment are blocked" in page.text
    assert "dashboard.stripe.com" not in page.text  # something else stands in for Stripe here
    answer = await office.http.get(f"/staff/disputes/{dispute_id}/evidence.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert f"evidence-{reference}-{dispute_id}.zip" in answer.headers["content-disposition"]
    by_key = await office.http.get(f"/api/admin/disputes/{dispute_id}/evidence", headers=office.as_("admin"))
    assert by_key.content == answer.content
    assert (await office.http.get("/staff/disputes", params={"after": "du_unknown"})).status_code == 200
    await office.stage.assert_all_laws_hold()


async def test_lost_is_said_and_leaves_nothing_to_do(office: Office) -> None:
    dispute_id, reference = await disputed(office)
    await office.stage.dashboard("close_dispute", dispute=dispute_id, outcome="lost")
    await office.stage.deliver()
    await office.stage.run_jobs()
    await office.sign_in()
    listed = await office.http.get("/staff/disputes")
    assert "No open disputes" in listed.text
    assert reference in listed.text
    page = await office.http.get(f"/staff/disputes/{dispute_id}")
    assert "A refund beside that would pay it twice" in page.text
    assert "left to answer" not in page.text
    await office.stage.assert_all_laws_hold()
