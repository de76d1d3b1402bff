"""Figures from single answers agree with those counted by hand, and two models are told apart only where the examples do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gonogo.stats.classification import confusion_matrix, f1, precision, recall
from gonogo.stats.paired import Answers, mcnemar


def answers(n: int, right: float, seed: int, classes: int = 2) -> tuple[list[str], list[str]]:
    random = np.random.default_rng(seed)
    label = np.random.default_rng(0).integers(0, classes, n)
    said = np.where(random.random(n) < right, label, random.integers(0, classes, n))
    return [str(one) for one in label], [str(one) for one in said]


@pytest.mark.parametrize("classes", [2, 4])
def test_figures_are_those_of_the_confusion_matrix(classes: int) -> None:
    label, said = answers(500, 0.7, 1, classes)
    matrix = confusion_matrix(np.array(label, int), np.array(said, int), classes)
    found = Answers.of(label, said).estimates()
    every = range(classes)
    assert found["accuracy"].value == pytest.approx(np.trace(matrix) / 500)
    assert found["f1_macro"].value == pytest.approx(np.mean([f1(matrix, one) for one in every]))
    means = tuple(np.mean([metric(matrix, one) for one in every]) for metric in (precision, recall))
    wanted = (precision(matrix), recall(matrix)) if classes == 2 else means
    assert (found["precision"].value, found["recall"].value) == pytest.approx(wanted)
    rarest = int(np.argmin(matrix.sum(axis=1)))
    assert found["minority_recall"].value == pytest.approx(recall(matrix, rarest))
    for one in found.values():
        assert one.low <= one.value <= one.high
        assert one.n == 500


def test_a_resampling_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth = Answers.of(*answers(200_000, 0.7, 99)).estimates()["f1_macro"].value
    random = np.random.default_rng(3)
    covered = 0
    for seed in range(100):
        label = random.integers(0, 2, 300)
        said = np.where(random.random(300) < 0.7, label, random.integers(0, 2, 300))
        one = Answers.of([str(a) for a in label], [str(a) for a in said]).estimates(seed=seed)["f1_macro"]
        covered += one.low <= truth <= one.high
    assert covered >= 85


def test_what_does_not_exist_is_left_out() -> None:
    found = Answers.of(["a", "a", "b"], ["a", "a", "a"]).estimates(positive="b")
    assert "precision" not in found, "nobody was ever called b"
    assert "accuracy" in found


def test_no_examples_and_columns_of_other_lengths_are_refused() -> None:
    for columns in (([], []), (["a"], ["a", "b"])):
        with pytest.raises(ValueError, match="cannot be compared"):
            Answers.of(*columns)


def test_a_model_against_itself_is_within_noise_and_a_better_one_is_not() -> None:
    label, good = answers(1000, 0.9, 1)
    _, bad = answers(1000, 0.5, 2)
    for name in ("accuracy", "f1_macro"):
        same, better = Answers.of(label, good, good).gain(name), Answers.of(label, good, bad).gain(name)
        assert (same.value, same.within_noise) == (0.0, True)
        assert better.value > 0.1
        assert not better.within_noise
        assert Answers.of(label, bad, good).gain(name).value == pytest.approx(-better.value)


def test_two_equally_good_models_are_not_told_apart() -> None:
    label, one = answers(400, 0.8, 1)
    _, other = answers(400, 0.8, 2)
    assert Answers.of(label, one, other).gain("f1_macro").within_noise


def test_mcnemar_is_exact() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(3, 9) == pytest.approx(2 * sum(math.comb(12, k) for k in range(4)) / 2**12)
    assert mcnemar(9, 3) == mcnemar(3, 9)
    assert 0.0 <= mcnemar(40_000, 60_000) < 1e-9
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 2)
