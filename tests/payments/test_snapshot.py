"""The booking travels with the money: what was packed comes out, and what was touched does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.payments.snapshot import Snapshot, SnapshotClaim, SnapshotLine, pack, unpack

KEY = "a secret that only tests know"
TEXT = st.text(max_size=60)
NUMBER = st.integers(0, 10**11)
LINES = st.builds(
    SnapshotLine,
    kind=st.sampled_from(["unit", "menu", "adjustment"]),
    label=TEXT,
    quantity=st.integers(1, 1000),
    unit_amount=st.integers(-(10**9), 10**9),
    unit_id=st.none() | NUMBER,
    item_id=st.none() | NUMBER,
)
SNAPSHOTS = st.builds(
    Snapshot,
    tenant=TEXT,
    offering_id=NUMBER,
    offering_version=NUMBER,
    order_id=TEXT,
    booking_id=TEXT,
    attempt_id=TEXT,
    reference=TEXT,
    amount=NUMBER,
    currency=st.sampled_from(["GBP", "JPY", "KWD"]),
    name=TEXT,
    email=st.none() | TEXT,
    phone=st.none() | TEXT,
    created=NUMBER,
    expires=NUMBER,
    lines=st.lists(LINES, max_size=5).map(tuple),
    claims=st.lists(st.builds(SnapshotClaim, NUMBER, NUMBER, NUMBER), max_size=12).map(tuple),
)


@given(SNAPSHOTS)
def test_it_comes_out_as_it_went_in_and_fits_stripe(snapshot: Snapshot) -> None:
    metadata = pack(snapshot, KEY)
    assert unpack({**metadata, "other": "x"}, KEY) == snapshot
    assert len(metadata) <= 45  # of Stripe's 50, the rest are our plain keys
    assert all(len(name) <= 40 and len(value) <= 500 for name, value in metadata.items())


@given(SNAPSHOTS, st.data())
def test_a_changed_character_anywhere_is_no_snapshot(snapshot: Snapshot, data: st.DataObject) -> None:
    metadata = pack(snapshot, KEY)
    name = data.draw(st.sampled_from(sorted(metadata)))
    place = data.draw(st.integers(0, len(metadata[name]) - 1))
    other = "A" if metadata[name][place] != "A" else "B"
    touched = {**metadata, name: metadata[name][:place] + other + metadata[name][place + 1 :]}
    assert unpack(touched, KEY) is None


@given(SNAPSHOTS)
def test_another_installation_cannot_have_signed_it(snapshot: Snapshot) -> None:
    assert unpack(pack(snapshot, "another secret of theirs"), KEY) is None


@given(SNAPSHOTS)
def test_a_missing_part_is_no_snapshot(snapshot: Snapshot) -> None:
    metadata = pack(snapshot, KEY)
    for name in metadata:
        assert unpack({key: value for key, value in metadata.items() if key != name}, KEY) is None


@given(
    st.dictionaries(
        st.sampled_from(["snapshot_0", "snapshot_1", "snapshot_version", "snapshot_signature"]), TEXT
    )
)
def test_whatever_stands_there_is_read_without_an_error(metadata: dict[str, str]) -> None:
    assert unpack(metadata, KEY) is None


def test_a_booking_of_every_table_and_dish_fits() -> None:
    """Fifty tables and fifty dishes with long names: more than a guest can order in one go."""
    lines = tuple(
        SnapshotLine("unit", f"Table {n} by the window, with a view", 10, 8500, n) for n in range(50)
    )
    dishes = tuple(
        SnapshotLine("menu", f"Dish number {n} with its sauce and its garnish", 10, 1850, None, n)
        for n in range(50)
    )
    claims = tuple(SnapshotClaim(n, 10, 10) for n in range(50))
    whole = Snapshot(
        "default", 35, 1, "ord_" + "x" * 26, "bkg_" + "x" * 26, "att_" + "x" * 26, "HF-ABCDEFGH", 10**8, "GBP",
        "Sample Guest", "guest@example.com", "+447700900123", 1_790_000_000, 1_790_000_900, lines + dishes, claims,
    )  # fmt: skip
    assert unpack(pack(whole, KEY), KEY) == whole


def test_what_cannot_fit_is_said_before_stripe_is_asked() -> None:
    noise = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(30_000))
    lines = (SnapshotLine("menu", noise, 1, 1),)
    with pytest.raises(ValueError, match="does not fit"):
        pack(Snapshot("t", 1, 1, "o", "b", "a", "r", 1, "GBP", "n", None, None, 1, 1, lines, ()), KEY)
