"""Evidence only grows: merging is commutative, associative and idempotent (rule 2)."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.stripe_gateway.evidence import (
    KIND_OF_OBJECT,
    NOTHING,
    SHAPES,
    Evidence,
    from_event,
    from_objects,
    merged,
)
from holdfast.stripe_gateway.lattice import Fact, Fixed, Flag, Highest, Ranked, merge, only, take

NAMES_OF_OBJECTS = {kind: name for name, kind in KIND_OF_OBJECT.items()}
IDS = st.sampled_from(["x_1", "x_2"])


NUMBERS = {"amount", "amount_total", "created"}


def values_of(name: str, fact: Fact) -> st.SearchStrategy[Any]:
    match fact:
        case Ranked(order):
            return st.sampled_from(order)
        case Highest():
            return st.integers(0, 5)
        case Flag():
            return st.just(True)
        case Fixed():
            return st.integers(0, 5) if name in NUMBERS else st.sampled_from(["a", "b"])


def facts_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Raw values, then taken as an object's are: some absent, some null."""
    shape = SHAPES[kind]
    raw = st.fixed_dictionaries({}, optional={name: values_of(name, fact) for name, fact in shape.items()})
    return raw.map(lambda values: take(shape, values))


EVIDENCE = st.builds(
    lambda objects: Evidence({kind: by_id for kind, by_id in objects.items() if by_id}),
    st.fixed_dictionaries(
        {}, optional={kind: st.dictionaries(IDS, facts_of(kind), max_size=2) for kind in SHAPES}
    ),
).map(lambda evidence: merged(NOTHING, evidence))


@given(EVIDENCE, EVIDENCE)
def test_the_order_of_two_does_not_matter(one: Evidence, other: Evidence) -> None:
    assert one | other == other | one


@given(EVIDENCE, EVIDENCE, EVIDENCE)
def test_the_grouping_of_three_does_not_matter(one: Evidence, two: Evidence, three: Evidence) -> None:
    assert (one | two) | three == one | (two | three)


@given(EVIDENCE, EVIDENCE)
def test_hearing_it_again_adds_nothing(one: Evidence, other: Evidence) -> None:
    assert one | one == one
    assert (one | other) | one == one | other


@given(EVIDENCE)
def test_nothing_is_neutral_and_json_keeps_all(one: Evidence) -> None:
    assert one | NOTHING == one == NOTHING | one
    assert Evidence(one.as_json()) == one


@given(st.lists(EVIDENCE, max_size=6), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_of_many_is_one_state(
    many: list[Evidence], chance: random.Random
) -> None:
    shuffled = many + chance.choices(many, k=3) if many else []
    chance.shuffle(shuffled)
    assert fold(many) == fold(shuffled)


def fold(many: list[Evidence]) -> Evidence:
    whole = NOTHING
    for one in many:
        whole |= one
    return whole


@given(EVIDENCE, EVIDENCE)
def test_f63_f64_no_fact_ever_falls(one: Evidence, other: Evidence) -> None:
    after = one | other
    for kind, by_id in one.objects.items():
        for id_, facts in by_id.items():
            for name, value in facts.items():
                assert not fell(SHAPES[kind][name], value, after.of(kind)[id_][name])


def fell(fact: Fact, before: Any, after: Any) -> bool:
    match fact:
        case Ranked(order):
            return order.index(after) < order.index(before)
        case Highest():
            return bool(after < before)
        case Flag():
            return after is not True
        case Fixed():
            return not set(before) <= set(after)


@given(facts_of("session"), facts_of("session"))
def test_two_values_of_a_fixed_fact_are_a_contradiction(one: dict[str, Any], other: dict[str, Any]) -> None:
    told = Evidence({"session": {"cs_1": merge(SHAPES["session"], one, other)}})
    differing = [
        name for name in ("amount_total", "currency") if len(told.of("session")["cs_1"].get(name, ())) > 1
    ]
    assert all(f"session cs_1 {name}" in told.contradictions() for name in differing)
    assert told.of("session")["cs_1"].get("currency", [None])[0] == only(
        told.of("session")["cs_1"], "currency"
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(KIND_OF_OBJECT)),
    st.dictionaries(
        st.sampled_from(
            ["id", *{name for shape in SHAPES.values() for name in shape}, "latest_charge", "refunds"]
        ),
        ANYTHING,
    ),
)
def test_f60_no_shape_of_an_object_breaks_the_reader(name: str, body: dict[str, Any]) -> None:
    """Another API version may render anything; what cannot be read proves nothing."""
    evidence = from_objects({**body, "object": name})
    assert evidence | evidence == evidence
    from_event(
        {"type": "checkout.session.completed", "created": 1, "data": {"object": {**body, "object": name}}}
    )


def test_f46_two_refunds_are_two_and_one_told_twice_is_one() -> None:
    refund = {"object": "refund", "amount": 5, "currency": "gbp", "status": "succeeded"}
    first, second = {**refund, "id": "re_1"}, {**refund, "id": "re_2"}
    assert len(from_objects(first, second, first).of("refund")) == 2


def test_f45_a_refund_that_succeeded_may_fail_and_stays_failed() -> None:
    refund = {"object": "refund", "id": "re_1", "amount": 5}
    told = [{**refund, "status": status} for status in ("failed", "succeeded", "pending")]
    assert from_objects(*told).of("refund")["re_1"]["status"] == "failed"


def test_f48_a_late_created_does_not_reopen_a_dispute() -> None:
    dispute = {"object": "dispute", "id": "dp_1", "amount": 5}
    told = [{**dispute, "status": status} for status in ("lost", "needs_response")]
    assert from_objects(*told).of("dispute")["dp_1"]["status"] == "lost"


def test_f48_an_inquiry_that_becomes_a_dispute_has_to_be_answered() -> None:
    """Its evidence was under review already: now the bank asks again, and the deadline is another."""
    inquiry = {"object": "dispute", "id": "du_1", "status": "warning_under_review", "payment_intent": "pi_1"}
    dispute = {**inquiry, "status": "needs_response"}
    for order in ((inquiry, dispute), (dispute, inquiry)):
        assert from_objects(*order).of("dispute")["du_1"]["status"] == "needs_response"
