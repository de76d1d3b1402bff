"""Differences on the same rows, areas under precision and recall, and intervals that stay honest at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from gonogo.stats.calibration import ece, ece_interval, reliability
from gonogo.stats.classification import pr_auc, pr_auc_interval, roc_auc, roc_auc_delong, roc_auc_gain
from gonogo.stats.intervals import f1_interval, mean_interval, paired_gain


def drawn(seed: int, rows: int, signal: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, rows)
    y[:2] = 0, 1
    return y, np.round(signal * y + generator.random(rows), 2)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_agrees_with_scikit_learn_ties_included(seed: int) -> None:
    y, score = drawn(seed, 200, 0.3)
    assert pr_auc(y, score) == pytest.approx(metrics.average_precision_score(y, score))
    area, low, high = pr_auc_interval(y, score)
    assert low < area < high


def test_the_gain_in_area_is_the_difference_and_a_copy_gains_nothing_for_certain() -> None:
    y, score = drawn(1, 400, 0.5)
    _, other = drawn(1, 400, 0.1)
    gain, low, high = roc_auc_gain(y, score, other)
    assert gain == pytest.approx(roc_auc(y, score) - roc_auc(y, other))
    assert low < gain < high
    assert roc_auc_gain(y, score, score) == (0.0, 0.0, 0.0)


def test_the_interval_of_a_gain_on_the_same_rows_is_narrower_than_of_two_separate_areas() -> None:
    y, score = drawn(2, 400, 0.5)
    other = score + np.random.default_rng(0).normal(scale=0.05, size=400)
    _, low, high = roc_auc_gain(y, score, other)
    _, one_low, one_high = roc_auc_delong(y, score)
    assert high - low < (one_high - one_low) / 2


def test_the_gain_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Two scores of equal worth: the true gain is 0."""
    held = 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        y = np.arange(120) % 2
        _, low, high = roc_auc_gain(y, y + generator.normal(size=120), y + generator.normal(size=120), 0.9)
        held += low <= 0 <= high
    assert 0.85 <= held / 300 <= 0.95


def test_a_paired_gain_is_certain_only_with_many_rows() -> None:
    gain, low, high = paired_gain(30, 10, 100)
    assert gain == pytest.approx(0.2)
    assert 0 < low < gain < high
    assert paired_gain(0, 0, 100)[1] < 0 < paired_gain(0, 0, 100)[2]
    with pytest.raises(ValueError, match="cannot be"):
        paired_gain(3, 4, 5)


def test_f1_has_an_honest_interval_at_its_edges() -> None:
    low, high = f1_interval(10, 0, 0)
    assert 0.7 < low < 1
    assert high == 1
    assert f1_interval(0, 5, 5)[0] == 0
    assert f1_interval(0, 5, 5)[1] > 0
    with pytest.raises(ValueError, match="no share"):
        f1_interval(0, 0, 0)


def test_the_interval_of_a_mean_needs_two_rows() -> None:
    low, high = mean_interval(np.array([0.0, 1.0, 0.0, 1.0]))
    assert low < 0.5 < high
    with pytest.raises(ValueError, match="two rows"):
        mean_interval(np.array([1.0]))


def test_the_calibration_error_of_a_calibrated_score_may_be_small() -> None:
    generator = np.random.default_rng(4)
    score = generator.random(4000)
    y = (generator.random(4000) < score).astype(np.int64)
    low, high = ece_interval(y, score)
    assert low <= high < 0.06
    wrong = np.clip(score + 0.3, 0, 1)
    assert ece_interval(y, wrong)[0] > 0.15
    assert ece_interval(y, wrong)[0] < ece(reliability(y, wrong)) < ece_interval(y, wrong)[1] + 0.02
