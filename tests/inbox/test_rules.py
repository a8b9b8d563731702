"""The envelope of an event: whatever bytes were signed, it is an event that can be stored, or it is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.clock import rfc3339
from holdfast.errors import ValidationFailed
from holdfast.inbox import rules
from holdfast.inbox.rules import Incoming, is_thin, parse, retry_at

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=4,
)
ODD_VALUES = [
    "",
    "\x00",
    "\ud800",
    "evt_\x00",
    "0001-01-01T00:00:00",
    "2026-01-01",
    "9999-12-31T23:59:59Z",
    -1,
    10**400,
    10**15,
]
ODD = st.sampled_from(ODD_VALUES)
FIELDS = ["id", "type", "created", "livemode", "account", "context", "api_version", "data", "related_object"]
GOOD = {
    "id": "evt_1",
    "type": "charge.succeeded",
    "created": 1_790_000_000,
    "data": {"object": {"id": "ch_1"}},
}


@given(st.binary(max_size=300))
def test_bytes_are_an_event_or_refused(body: bytes) -> None:
    accepted(body)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON | ODD), st.booleans())
def test_json_is_an_event_or_refused(fields: dict[str, Any], over_good: bool) -> None:
    accepted(json.dumps({**(GOOD if over_good else {}), **fields}).encode())


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"1" * 5000, b"\xff\xfe{", b'{"id": 1}', b"null", b"[]", b"NaN"]
)
def test_hostile_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(ValidationFailed):
        parse(body)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
def test_odd_values_are_refused_or_left_out(name: str, value: object) -> None:
    accepted(json.dumps({**GOOD, name: value}).encode())
    accepted(json.dumps({**GOOD, "data": {"object": {"id": value}}}).encode())


def accepted(body: bytes) -> None:
    """Refused by ValidationFailed, or all of it can be stored: PostgreSQL takes neither NUL nor half a surrogate pair."""
    try:
        incoming = parse(body)
    except ValidationFailed:
        return
    rfc3339(incoming.created_at)
    for text in (
        incoming.event_id,
        incoming.type,
        incoming.object_id,
        incoming.account,
        incoming.api_version,
    ):
        assert text is None or (text and "\x00" not in text and text.encode())


def test_a_snapshot_event() -> None:
    assert parse(
        json.dumps({**GOOD, "livemode": True, "api_version": "2026-10-28.endive"}).encode()
    ) == Incoming(
        event_id="evt_1",
        type="charge.succeeded",
        object_id="ch_1",
        livemode=True,
        account=None,
        api_version="2026-10-28.endive",
        created_at=datetime.fromtimestamp(1_790_000_000, UTC),
    )


def test_a_thin_event() -> None:
    event = {
        "id": "evt_2",
        "object": "v2.core.event",
        "type": "v1.charge.succeeded",
        "created": "2026-11-20T19:00:00.000Z",
        "related_object": {"id": "ch_1", "type": "charge"},
    }
    incoming = parse(json.dumps(event).encode())
    assert (incoming.type, incoming.object_id) == ("charge.succeeded", "ch_1")
    assert incoming.created_at == datetime(2026, 11, 20, 19, tzinfo=UTC)
    assert is_thin(event)
    assert not is_thin(GOOD)


@given(st.integers(0, 1000), st.booleans())
def test_pauses_grow_and_end(tries: int, unknown: bool) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    pause = retry_at(now, tries, unknown_object=unknown) - now
    longer = retry_at(now, tries + 1, unknown_object=unknown) - now
    assert timedelta(0) < pause <= longer <= rules.UNKNOWN_UNTIL
