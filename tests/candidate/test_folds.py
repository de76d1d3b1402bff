"""Folds go forward in time, and a p-value is never 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gonogo.candidate.folds import Rows, expanding_folds, permutation_p, shuffled

DAY = 86_400.0


def test_five_folds_learn_more_and_more_and_are_tested_on_what_comes_next() -> None:
    folds = expanding_folds(np.arange(60) * DAY, 5)
    assert [len(fold.train) for fold in folds] == [10, 20, 30, 40, 50]
    assert list(folds[0].test) == list(range(10, 20))
    assert folds[-1].test_end == 59 * DAY


def test_the_order_of_the_rows_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(60)
    times = np.arange(60) * DAY
    for sorted_, mixed in zip(expanding_folds(times, 3), expanding_folds(times[order], 3), strict=True):
        assert list(order[mixed.test]) == list(sorted_.test)


def test_the_embargo_lies_before_the_test_and_before_the_validation() -> None:
    for fold in expanding_folds(np.arange(120) * DAY, 3, embargo=4 * DAY, held_back=0.2):
        assert fold.test_start - fold.train_end >= 4 * DAY
        assert fold.validation[0] - fold.train[-1] >= 4
        assert fold.train_end == fold.validation[-1] * DAY


def test_rows_of_one_moment_are_never_parted() -> None:
    times = np.repeat(np.arange(10), 7) * DAY
    for fold in expanding_folds(times, 4):
        assert not set(times[fold.train]) & set(times[fold.test])


def test_a_group_of_the_test_is_not_learnt_from() -> None:
    groups = np.arange(60) % 4
    groups[:10] = 9
    (first, *_) = expanding_folds(np.arange(60) * DAY, 5, groups=groups)
    assert set(groups[first.train]) == {9}
    with pytest.raises(ValueError, match="no rows to learn from"):
        expanding_folds(np.arange(60) * DAY, 5, groups=np.zeros(60))


@pytest.mark.parametrize(
    ("times", "more", "why"),
    [
        (np.array([1.0, np.nan, 3.0]), {}, "1 rows have no time"),
        (np.zeros(40), {}, "no rows to"),
        (np.arange(40) * 1.0, {"embargo": 100.0}, "no rows to learn from"),
        (np.arange(40) * 1.0, {"folds": 1}, "cannot be"),
        (np.array([]), {}, "there are no rows"),
    ],
)
def test_what_gives_no_folds_is_refused(times: Rows, more: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        expanding_folds(times, **{"folds": 3, **more})


def test_twenty_shuffled_trainings_are_the_fewest_for_five_per_cent() -> None:
    assert permutation_p(0.9, [0.5] * 20) == pytest.approx(1 / 21)
    assert permutation_p(0.9, [0.5] * 19) == pytest.approx(0.05)
    assert permutation_p(0.5, [0.5] * 20) == 1.0, "equal counts against it"


@pytest.mark.parametrize(("score", "by_chance"), [(0.9, []), (float("nan"), [0.5]), (0.9, [0.5, float("inf")])])
def test_what_is_no_number_has_no_p(score: float, by_chance: list[float]) -> None:
    with pytest.raises(ValueError, match="no number"):
        permutation_p(score, by_chance)


def test_labels_are_dealt_out_again_the_same_way_for_a_seed() -> None:
    assert list(shuffled(50, 3)) == list(shuffled(50, 3))
    assert list(shuffled(50, 3)) != list(shuffled(50, 4))
    assert sorted(shuffled(50, 3)) == list(range(50))
