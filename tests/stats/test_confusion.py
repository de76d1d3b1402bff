"""Figures of a confusion matrix: by hand, as scikit-learn's, and intervals that hold what they promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as reference
from sklearn.metrics import precision_recall_fscore_support

from gonogo.stats.classification import confusion_matrix
from gonogo.stats.confusion import FIGURES, comparable, macro, of_class, one_against_rest
from gonogo.stats.intervals import wilson

BY_HAND = np.array([[5, 1, 0], [2, 6, 1], [0, 0, 9]])  # rows: predicted, columns: actual


def test_one_class_against_the_others_by_hand() -> None:
    second = one_against_rest(BY_HAND, 1)
    assert (second.hits, second.false_alarms, second.misses, second.rejections) == (6, 3, 1, 14)
    assert of_class(BY_HAND, 1, "precision").value == 6 / 9
    assert of_class(BY_HAND, 1, "recall").value == 6 / 7
    assert of_class(BY_HAND, 1, "f1").value == 12 / 16
    assert of_class(BY_HAND, 1, "recall")[1:] == (*wilson(6, 7), 7)


def test_a_mean_over_the_classes_by_hand() -> None:
    found = macro(BY_HAND, "precision")
    assert (found.value, found.n) == (pytest.approx((5 / 6 + 6 / 9 + 1) / 3), 24)
    ends = [(value - wilson(k, n)[0], wilson(k, n)[1] - value) for value, k, n in ((5 / 6, 5, 6), (6 / 9, 6, 9), (1.0, 9, 9))]
    assert found.low == pytest.approx(found.value - math.hypot(*(low for low, _ in ends)) / 3)
    assert found.high == pytest.approx(found.value + math.hypot(*(high for _, high in ends)) / 3)


@pytest.mark.parametrize("seed", range(5))
def test_matrix_and_figures_are_those_of_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    classes = int(generator.integers(3, 7))
    actual = generator.integers(0, classes, 500)
    predicted = np.where(generator.random(500) < 0.7, actual, generator.integers(0, classes, 500))
    matrix = confusion_matrix(actual, predicted, classes).T
    assert (matrix == reference(actual, predicted).T).all()
    each = precision_recall_fscore_support(actual, predicted)
    means = precision_recall_fscore_support(actual, predicted, average="macro")
    for place, figure in enumerate(FIGURES):
        assert [of_class(matrix, k, figure).value for k in range(classes)] == pytest.approx(each[place].tolist())
        found = macro(matrix, figure)
        assert found.value == pytest.approx(means[place])
        assert found.low < found.value < found.high


def test_a_class_without_rows_has_no_part_in_a_mean_and_none_at_all_no_mean() -> None:
    unseen = np.array([[4, 1, 0], [1, 4, 0], [0, 0, 0]])
    assert of_class(unseen, 2, "recall").n == 0
    assert macro(unseen, "recall").value == 0.8
    assert comparable("recall", BY_HAND, unseen) == [0, 1]
    never_told = np.array([[4, 1, 3], [1, 4, 3], [0, 0, 0]])
    assert comparable("precision", never_told) == [0, 1]
    assert macro(never_told, "f1", [0, 1, 2]).value == pytest.approx((8 / 13 + 8 / 13 + 0) / 3)
    with pytest.raises(ValueError, match="no class has a recall"):
        macro(np.zeros((3, 3), dtype=np.int64), "recall")


def test_a_matrix_without_a_mistake_is_not_certain() -> None:
    for figure in FIGURES:
        found = macro(np.diag([20, 20, 20]), figure)
        assert (found.value, found.high) == (1.0, 1.0)
        assert 0.85 < found.low < 0.95


@pytest.mark.parametrize("figure", FIGURES)
def test_intervals_hold_the_truth_as_often_as_they_say(figure: Any) -> None:
    generator = np.random.default_rng(7)
    shares = np.array([[30, 4, 1, 1], [5, 25, 2, 1], [2, 3, 12, 1], [1, 1, 2, 9]]) / 100
    truth = macro(np.round(shares * 10**7).astype(np.int64), figure).value
    held = 0
    for _ in range(1000):
        found = macro(generator.multinomial(300, shares.ravel()).reshape(4, 4), figure)
        held += found.low <= truth <= found.high
    assert 930 <= held <= 995
