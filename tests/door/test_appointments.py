"""At the door with the code of an appointment: it is told as what it is, with its own time, or none."""

from __future__ import annotations

import pytest

from holdfast.requests.answers import accept
from tests.door.conftest import Entrance
from tests.support.appointments import diary


@pytest.mark.parametrize("timing", ["slot", "none"])
async def test_a_code_of_another_kind(entrance: Entrance, timing: str) -> None:
    stage = entrance.stage
    expert = await diary(stage)
    placed = await expert.requested(await expert.service(timing), expert.at() if timing == "slot" else None)
    await accept(stage.system, placed.booking_id, "provider:1")
    seen = await entrance.scan(placed.reference)
    assert seen["result"] == "wrong_evening"
    assert (seen["booking"]["starts_at"] is None) == (timing == "none")
    await entrance.sign_in("door")
    await entrance.http.get(f"/staff/events/{entrance.event_id}/door")
    page = await entrance.http.post(f"/door/{entrance.event_id}", data={"code": placed.reference})
    assert page.status_code == 200, page.text
    assert "Half an hour (sample)" in page.text
    assert await stage.rows("SELECT 1 FROM arrivals") == []
    await stage.settle_down()
    await stage.assert_all_laws_hold()
