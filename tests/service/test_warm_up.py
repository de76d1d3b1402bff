"""A release that does not give its golden scores does not start; one that does is measured on the way."""

import copy

import numpy as np
import pytest

from gonogo.errors import VerificationError
from gonogo.release.contents import Bundle
from gonogo.service.answering.loading import served_bundle
from gonogo.service.answering.warm_up import MOST_DIFFERENT, golden_difference, warm_up


@pytest.fixture(scope="module")
def real(sealed):
    return Bundle.open(sealed / "releases" / "small-1.0.0" / "bundle")


def test_a_release_that_gives_its_golden_scores_starts_and_is_measured(real):
    cost = served_bundle("small@1.0.0", real, {}).cost
    assert 0 < cost.fixed + cost.per_row < 1
    assert cost.per_row >= 0


def warmed(bundle, change):
    golden = copy.deepcopy(dict(bundle.golden))
    change(golden)
    return warm_up("small@1.0.0", bundle.schema, bundle.load(), golden)


def test_a_score_within_the_tolerance_is_the_same(real):
    def change(golden):
        golden["requests"][0]["scores"][0][0] += golden["tolerance"] / 2

    assert warmed(real, change).fixed >= 0


def other_score(golden):
    golden["requests"][-1]["scores"][0][0] += 2 * golden["tolerance"]


def nan_score(golden):
    golden["requests"][0]["scores"][0][0] = np.nan


def other_shape(golden):
    golden["requests"][0]["scores"].append([0.5, 0.5])


def other_feature(golden):
    golden["requests"][0]["rows"][0]["unknown"] = 1


def no_requests(golden):
    golden["requests"] = []


@pytest.mark.parametrize("change", [other_score, nan_score, other_shape, other_feature])
def test_another_score_than_at_sealing_keeps_a_release_from_starting_and_the_request_is_named(real, change):
    with pytest.raises(VerificationError, match="golden request") as refused:
        warmed(real, change)
    name = real.golden["requests"][-1 if change is other_score else 0]["name"]
    assert repr(name) in str(refused.value)


def different(bundle, change):
    golden = copy.deepcopy(dict(bundle.golden))
    change(golden)
    return golden_difference(bundle.schema, bundle.load(), golden)


def test_what_is_computed_again_in_service_is_told_in_tolerances(real):
    assert 0 <= different(real, lambda golden: None) < 1
    assert different(real, other_score) == pytest.approx(2, abs=1)


@pytest.mark.parametrize("change", [nan_score, other_shape, other_feature])
def test_what_cannot_be_compared_is_as_different_as_can_be(real, change):
    assert different(real, change) == MOST_DIFFERENT


def test_a_release_without_golden_requests_does_not_start(real):
    with pytest.raises(VerificationError, match="no golden requests"):
        warmed(real, no_requests)
