"""Whatever is sent, the answer is never a 500, and never a booking that somebody did not ask for."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import Api

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=10), parts, max_size=4),
    max_leaves=12,
)
ALMOST = st.fixed_dictionaries(
    {
        "units": st.lists(
            st.fixed_dictionaries(
                {"unit_id": st.integers(-1, 6) | ANYTHING, "seats": st.integers(-1, 9) | ANYTHING}
            ),
            max_size=3,
        )
        | ANYTHING,
        "customer": st.fixed_dictionaries(
            {
                "name": st.text(max_size=130) | ANYTHING,
                "email": st.emails() | st.text() | ANYTHING,
                "phone": st.text(max_size=20) | ANYTHING,
            }
        )
        | ANYTHING,
        "menu": st.lists(
            st.fixed_dictionaries({"item_id": st.integers(-1, 5), "quantity": st.integers(-1, 2000)}),
            max_size=3,
        )
        | ANYTHING,
        "checkout": st.just(False) | ANYTHING,
    }
)
PATHS = st.sampled_from(
    [
        "/api/events/35/bookings",
        "/api/bookings/HF-X/cancel",
        "/api/admin/events",
        "/api/admin/catalog",
        "/api/admin/keys",
        "/api/admin/tenants",
        "/api/admin/recover-booking",
        "/api/admin/webhook-events/replay",
    ]
)
EXAMPLES = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@EXAMPLES
@given(wanted=ALMOST)
async def test_bookings_almost_right(api: Api, wanted: dict[str, Any]) -> None:
    answer = await send(api, "/api/events/35/bookings", wanted)
    assert answer.status_code in {201, 409, 422, 503}, answer.text


@EXAMPLES
@given(path=PATHS, wanted=ANYTHING)
async def test_anything_at_all(api: Api, path: str, wanted: Any) -> None:
    answer = await send(api, path, wanted)
    assert answer.status_code < 500 or answer.status_code == 503, answer.text


@EXAMPLES
@given(
    token=st.text(max_size=40),
    reference=st.text(min_size=1, max_size=20).filter(lambda text: "/" not in text),
)
async def test_any_reference_and_token(api: Api, reference: str, token: str) -> None:
    answer = await api.http.get(f"/api/bookings/{quoted(reference)}", params={"token": token})
    assert answer.status_code in {404, 405, 422}, answer.text


async def send(api: Api, path: str, wanted: Any) -> Any:
    body = json.dumps(wanted).encode()
    headers = {**api.as_("admin"), "Content-Type": "application/json"}
    return await api.http.post(path, content=body, headers=headers)


def quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
