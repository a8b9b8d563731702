"""A guest tells by link that they come later, and the house reads it."""

from __future__ import annotations

from datetime import timedelta

import httpx

from holdfast.bookings import view_store
from holdfast.door import store as door
from tests.messages.test_receipts import shop
from tests.support.system import Stage


async def test_running_late_is_told_to_the_house_once(stage: Stage) -> None:
    placed = await stage.paid()
    event = await stage.row("SELECT * FROM offerings WHERE offering_id = %s", stage.event.offering_id)
    async with shop(stage) as http:

        async def say(minutes: str) -> httpx.Response:
            return await http.post(f"/b/{placed.token}/late", data={"minutes": minutes})

        # Weeks before there is nothing to be late for.
        assert "Running late?" not in (await http.get(f"/b/{placed.token}")).text
        assert (await say("20")).status_code == 409
        await stage.advance_to(event["starts_at"] - timedelta(hours=1))
        page = (await http.get(f"/b/{placed.token}")).text
        assert "Running late?" in page
        for _ in range(2):  # pressed twice
            assert (await say("20")).status_code == 303
        page = (await http.get(f"/b/{placed.token}")).text
        assert "you come 20 minutes later" in page
        assert page.count("Coming later") == 1
        for odd in ("-1", "181", "soon", ""):
            assert (await say(odd)).status_code == 422
        assert (await http.post("/b/nobody/late", data={"minutes": "20"})).status_code == 404
        async with stage.system.database.transaction() as conn:
            where = (conn, stage.event.tenant_id, stage.event.offering_id)
            [guest] = await door.guests(*where)
            [seated] = await view_store.kitchen_units(*where)
        assert guest["late_minutes"] == seated["late_minutes"] == 20
        assert (await say("0")).status_code == 303
        assert "on time after all" in (await http.get(f"/b/{placed.token}")).text
    told = await stage.rows("SELECT detail FROM timeline WHERE what = 'running_late' ORDER BY entry_id")
    assert [row["detail"]["minutes"] for row in told] == [20, 0]
    await stage.assert_all_laws_hold()
