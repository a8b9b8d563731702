"""What staff do with messages over HTTP, in words."""

from __future__ import annotations

from typing import Any

from tests.support.office import Office

NUMBER = "+447700900123"


async def listed(office: Office, **params: Any) -> list[dict[str, Any]]:
    answer = await office.http.get("/api/admin/messages", params=params, headers=office.as_("admin"))
    assert answer.status_code == 200, answer.text
    return list(answer.json()["messages"])


async def write(office: Office, **body: Any) -> Any:
    return await office.http.post("/api/admin/messages", json=body, headers=office.as_("admin"))


async def inbound(office: Office, body: str = "Can we bring the dog?", **changes: Any) -> str:
    """An answer by SMS, as the incoming webhook keeps it."""
    row = {
        "inbound_id": f"inb_{abs(hash(body)) % 10**8}",
        "sender": NUMBER,
        "meaning": "other",
        "customer_id": None,
        "booking_id": None,
        **changes,
    }
    await office.stage.execute(
        """INSERT INTO inbound_messages (inbound_id, provider_id, tenant_id, sender, body, meaning, booking_id, customer_id,
                                         received_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        row["inbound_id"],
        f"SM{row['inbound_id']}",
        office.stage.event.tenant_id,
        row["sender"],
        body,
        row["meaning"],
        row["booking_id"],
        row["customer_id"],
        office.stage.clock.now(),
    )
    return str(row["inbound_id"])
