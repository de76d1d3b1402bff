"""The routing table keeps its rules."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.service.routing import WHOLE, Arm, RoutingTable

A, B, C = "flights@1.0.0", "flights@1.1.0", "flights@1.2.0"


def table(*weights: int) -> RoutingTable:
    arms = tuple(Arm(name, weight, f"/run/{name}.sock") for name, weight in zip((A, B, C), weights, strict=False))
    return RoutingTable(epoch=4, token=2, arms=arms, stable=A)


weights_of_three = st.tuples(st.integers(0, WHOLE), st.integers(0, WHOLE)).map(
    lambda cuts: (min(cuts), max(cuts) - min(cuts), WHOLE - max(cuts))
)


@given(weights_of_three)
def test_each_arm_gets_exactly_its_share_of_the_ten_thousand(weights):
    routes = table(*weights)
    got = [routes.choose(n).release for n in range(WHOLE)]
    assert tuple(got.count(name) for name in (A, B, C)) == weights


@given(weights_of_three, st.sampled_from([B, C]))
def test_an_arm_that_is_taken_off_is_never_chosen_and_stable_gets_its_share(weights, gone):
    before = table(*weights)
    after = before.without(gone)
    assert after.weight(gone) == 0
    assert after.weight(A) == before.weight(A) + before.weight(gone)
    assert after.epoch == before.epoch
    assert gone in after.tripped
    assert all(after.choose(n).release != gone for n in range(0, WHOLE, 37))


@given(weights_of_three)
def test_a_table_survives_the_journey_through_json(weights):
    routes = table(*weights).without(C)
    assert RoutingTable.from_json(json.loads(json.dumps(routes.to_json()))) == routes


@pytest.mark.parametrize(
    ("arms", "stable"),
    [
        ((Arm(A, 9_999),), A),
        ((Arm(A, 10_001), Arm(B, -1)), A),
        ((Arm(A, 5_000), Arm(A, 5_000)), A),
        ((Arm(A, WHOLE),), B),
        ((), A),
        ((Arm(A, 10_000.0),), A),  # type: ignore[arg-type]
        ((Arm(A, True), Arm(B, 9_999)), A),
    ],
    ids=["short", "negative", "twice", "no stable", "empty", "float", "bool"],
)
def test_a_table_that_makes_no_sense_cannot_exist(arms, stable):
    with pytest.raises(ValueError):  # noqa: PT011 - the message differs by case
        RoutingTable(1, 1, arms, stable)


def test_the_stable_arm_cannot_be_taken_off():
    with pytest.raises(ValueError, match="nobody would answer"):
        table(9_500, 500).without(A)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"format": "gonogo-route/2"}, {"format": "gonogo-route/1", "epoch": 1}, {**table(WHOLE).to_json(), "arms": [1]}],
)
def test_what_is_no_table_is_refused_as_such(document):
    with pytest.raises(ValueError, match=r"not a gonogo-route/1|malformed"):
        RoutingTable.from_json(document)
