"""Figures of merit, against scikit-learn where it has them, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from gonogo.stats.classification import (
    accuracy,
    brier,
    confusion_matrix,
    f1,
    log_loss,
    macro_roc_auc,
    overall_roc_auc,
    precision,
    recall,
    roc_auc,
    roc_auc_delong,
    roc_curve,
)


def sample(rows: int = 2000, ties: bool = True, seed: int = 0) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, size=rows)
    score = 1 / (1 + np.exp(-(y * 1.2 + generator.normal(size=rows))))
    return y, np.round(score, 2) if ties else score


@pytest.mark.parametrize("ties", [True, False])
def test_the_area_is_the_one_of_scikit_learn(ties: bool) -> None:
    y, score = sample(ties=ties)
    assert roc_auc(y, score) == pytest.approx(metrics.roc_auc_score(y, score), abs=1e-12)
    assert roc_auc_delong(y, score)[0] == pytest.approx(metrics.roc_auc_score(y, score), abs=1e-12)


def test_the_area_at_its_ends() -> None:
    y = np.array([0, 0, 1, 1])
    assert roc_auc(y, np.array([0.1, 0.2, 0.3, 0.4])) == 1.0
    assert roc_auc(y, np.array([0.4, 0.3, 0.2, 0.1])) == 0.0
    assert roc_auc(y, np.full(4, 0.5)) == 0.5


def test_the_interval_of_the_area_covers_the_truth() -> None:
    generator = np.random.default_rng(2)
    for shift, rows in ((0.8, 300), (2.2, 400)):
        truth = 0.5 * (1 + math.erf(shift / 2))
        inside = 0
        for _ in range(400):
            y = generator.integers(0, 2, size=rows)
            _, low, high = roc_auc_delong(y, y * shift + generator.normal(size=rows))
            inside += low <= truth <= high
        assert inside >= 0.925 * 400


def test_perfect_separation_of_few_rows_is_no_certainty() -> None:
    auc, low, high = roc_auc_delong(np.array([0, 0, 0, 1, 1, 1]), np.arange(6.0))
    assert (auc, high) == (1.0, 1.0)
    assert low == pytest.approx(0.025 ** (1 / 3))
    assert roc_auc_delong(np.array([0] * 500 + [1] * 500), np.arange(1000.0))[1] > 0.99
    assert roc_auc_delong(np.array([1, 1, 0, 0]), np.arange(4.0))[:2] == (0.0, 0.0)


def test_one_positive_bounds_nothing() -> None:
    assert roc_auc_delong(np.array([0, 0, 1, 0]), np.array([0.1, 0.2, 0.3, 0.4]))[1:] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("y", "score", "said"),
    [
        ([1, 1], [0.1, 0.2], "only one class"),
        ([], [], "no rows"),
        ([0, 1], [0.1, np.nan], "not finite"),
        ([0, 1], [0.1, np.inf], "not finite"),
        ([0, 2], [0.1, 0.2], "none of the 2"),
        ([0, 1, 1], [0.1, 0.2], "3 labels and 2 scores"),
        ([0.0, np.nan], [0.1, 0.2], "class indices"),
        ([0, 1], [[0.1], [0.2]], "finite"),
    ],
)
def test_what_cannot_be_measured_is_refused(y: Any, score: Any, said: str) -> None:
    for figure in (roc_auc, roc_auc_delong, roc_curve):
        with pytest.raises(ValueError, match=said):
            figure(np.array(y), np.array(score))


def test_the_figures_of_a_confusion_matrix() -> None:
    y, score = sample()
    predicted = (score >= 0.6).astype(int)
    matrix = confusion_matrix(y, predicted, 2)
    np.testing.assert_array_equal(matrix, metrics.confusion_matrix(y, predicted))
    assert accuracy(matrix) == pytest.approx(metrics.accuracy_score(y, predicted))
    assert precision(matrix) == pytest.approx(metrics.precision_score(y, predicted))
    assert recall(matrix) == pytest.approx(metrics.recall_score(y, predicted))
    assert f1(matrix) == pytest.approx(metrics.f1_score(y, predicted))


def test_a_ratio_of_nothing_is_no_number() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1]), np.array([0, 0, 0]), 2)
    assert math.isnan(precision(matrix))
    assert recall(matrix) == 0.0
    assert f1(matrix) == 0.0


def test_a_class_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the 2"):
        confusion_matrix(np.array([0, 1]), np.array([0, 2]), 2)


def test_losses_are_those_of_scikit_learn() -> None:
    y, score = sample(ties=False)
    both = np.stack([1 - score, score], axis=1)
    assert log_loss(y, both) == pytest.approx(metrics.log_loss(y, score))
    assert brier(y, both) == pytest.approx(metrics.brier_score_loss(y, score))
    assert math.isfinite(log_loss(np.array([0]), np.array([[0.0, 1.0]])))


def test_three_classes() -> None:
    generator = np.random.default_rng(1)
    y = generator.integers(0, 3, size=600)
    scores = generator.dirichlet((1, 1, 1), size=600)
    scores[np.arange(600), y] += 0.4
    scores /= scores.sum(axis=1, keepdims=True)
    assert macro_roc_auc(y, scores) == pytest.approx(metrics.roc_auc_score(y, scores, multi_class="ovr"))
    assert overall_roc_auc(y, scores) == macro_roc_auc(y, scores)
    assert log_loss(y, scores) == pytest.approx(metrics.log_loss(y, scores))
    with pytest.raises(ValueError, match="only one class"):
        macro_roc_auc(np.array([0, 1]), scores[:2])


def test_the_curve_begins_and_ends_at_the_corners_and_has_the_area() -> None:
    y, score = sample()
    curve = roc_curve(y, score, points=10_000)
    assert (curve[0], curve[-1]) == ((0.0, 0.0), (1.0, 1.0))
    x, up = np.array(curve).T
    assert np.trapezoid(up, x) == pytest.approx(roc_auc(y, score))
    assert len(roc_curve(y, sample(ties=False)[1], points=50)) <= 50
