"""The checks on the scores of a model: quality, gap and outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gonogo.errors import DataError
from gonogo.evidence.inputs import Scores
from gonogo.evidence.memory import measure
from measured import values

from .conftest import scores_of

NAN = float("nan")


# -- quality and gap ------------------------------------------------------------------------------------------------------------------


def test_quality_agrees_with_scikit_learn() -> None:
    from sklearn import metrics

    generator = np.random.default_rng(7)
    y = generator.integers(0, 2, 500)
    p = np.clip(0.3 * y + 0.7 * generator.random(500), 0, 1)
    found = measure("quality", scores_test=scores_of(list(y), list(p), threshold=0.6))
    facts, said = values(found), (p >= 0.6).astype(int)
    assert facts["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, p))
    assert facts["accuracy"] == pytest.approx(metrics.accuracy_score(y, said))
    assert facts["precision"] == pytest.approx(metrics.precision_score(y, said))
    assert facts["recall"] == pytest.approx(metrics.recall_score(y, said))
    assert facts["f1"] == pytest.approx(metrics.f1_score(y, said))
    assert facts["log_loss"] == pytest.approx(metrics.log_loss(y, np.clip(p, 1e-15, 1 - 1e-15)))
    assert facts["brier"] == pytest.approx(metrics.brier_score_loss(y, p))
    assert found.pictures["confusion_matrix"]["counts"] == metrics.confusion_matrix(y, said).tolist()
    for name in ("roc_auc", "accuracy", "precision", "recall", "f1"):
        fact = found.facts[name]
        assert fact.low is not None
        assert fact.high is not None
        assert 0 <= fact.low < fact.value < fact.high <= 1
        assert fact.level == 0.95


def test_more_rows_and_less_confidence_make_intervals_narrower() -> None:
    def width(rows: int, level: float) -> float:
        generator = np.random.default_rng(1)
        y = generator.integers(0, 2, rows)
        found = measure("quality", {"level": level}, scores_test=scores_of(list(y), list(0.4 * y + 0.6 * generator.random(rows))))
        fact = found.facts["roc_auc"]
        assert fact.low is not None
        assert fact.high is not None
        return fact.high - fact.low

    assert width(2000, 0.95) < width(200, 0.95)
    assert width(200, 0.8) < width(200, 0.99)


def test_three_classes_are_measured_as_means_over_the_classes() -> None:
    generator = np.random.default_rng(2)
    y = generator.integers(0, 3, 300)
    raw = generator.random((300, 3)) + 0.8 * np.eye(3)[y]
    scores = Scores(y, raw / raw.sum(axis=1, keepdims=True), ("a", "b", "c"), "")
    facts = measure("quality", scores_test=scores).facts
    assert facts["roc_auc"].low is not None
    assert facts["roc_auc"].low < facts["roc_auc"].value
    assert facts["f1"].low is not None
    assert set(facts) >= {"precision", "recall", "ece", "brier"}


@pytest.mark.parametrize(
    ("y", "positive"),
    {
        "empty": ([], []), "one class": ([1, 1, 1], [0.1, 0.2, 0.9]), "nan": ([0, 1, 1], [0.1, NAN, 0.9]),
        "all nan": ([0, 1], [NAN, NAN]), "infinite": ([0, 1], [float("inf"), 0.5]), "no probabilities": ([0, 1], [3.0, -2.0]),
    }.values(),
)  # fmt: skip
def test_quality_of_what_cannot_be_measured_is_an_error(y: list[int], positive: list[float]) -> None:
    with pytest.raises(DataError):
        measure("quality", scores_test=scores_of(y, positive))


def test_a_model_that_never_says_yes_has_no_precision() -> None:
    facts = measure("quality", scores_test=scores_of([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])).facts
    assert facts["precision"].to_json()["value"] == "nan"
    assert facts["precision"].low is None
    assert facts["recall"].value == 0


def test_the_gap_is_validation_minus_test_with_an_interval() -> None:
    generator = np.random.default_rng(4)
    y = generator.integers(0, 2, 400)
    good, poor = scores_of(list(y), list(0.6 * y + 0.4 * generator.random(400))), scores_of(list(y), list(generator.random(400)))
    facts = measure("gap", scores_validation=good, scores_test=poor).facts
    assert facts["gap"].value == pytest.approx(float(facts["validation_roc_auc"].value) - float(facts["test_roc_auc"].value))
    assert facts["gap"].low is not None
    assert 0 < facts["gap"].low < float(facts["gap"].value)
    same = measure("gap", scores_validation=good, scores_test=good).facts["gap"]
    assert same.low is not None
    assert same.high is not None
    assert same.low < 0 == same.value < same.high


# -- outputs --------------------------------------------------------------------------------------------------------------------------


def test_good_outputs_have_nothing_wrong() -> None:
    facts = values(measure("outputs", scores_test=scores_of([0, 1, 1], [0.0, 0.5, 1.0])))
    assert facts == {"n": 3, "columns": 2, "nan": 0, "out_of_range": 0, "not_normalised": 0, "distinct": 3, "constant": False}


def test_bad_outputs_are_counted() -> None:
    raw = np.array([[0.5, 0.5], [NAN, 0.5], [-1.0, 2.0], [0.9, 0.9], [0.5, 0.5], [0.1, float("inf")]])
    scores = Scores(np.zeros(6, dtype=np.int64), raw, ("0", "1"), "")
    facts = values(measure("outputs", scores_test=scores))
    assert facts == {"n": 6, "columns": 2, "nan": 2, "out_of_range": 1, "not_normalised": 1, "distinct": 3, "constant": False}


@pytest.mark.parametrize("positive", [[0.5] * 4, [NAN] * 4])
def test_outputs_that_do_not_tell_rows_apart_are_constant(positive: list[float]) -> None:
    assert values(measure("outputs", scores_test=scores_of([0, 1, 0, 1], positive)))["constant"] is True


def test_the_rows_whose_scores_are_no_probabilities_are_named_and_logits_are_told_what_they_lack() -> None:
    found = measure("outputs", scores_test=scores_of([0, 1, 0, 1], [0.5, math.nan, 0.2, 3.25])).findings
    assert found[0] == "test row 1 has a score that is not finite"
    assert found[1] == "the scores of test row 3 go from -2.25 to 3.25"
    assert "softmax or sigmoid" in found[2]
    assert measure("outputs", scores_test=scores_of([0, 1], [0.5, 0.75])).findings == ()
