"""Quality per class and per slice: the worst part is found, and its interval is honest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from gonogo.errors import DataError
from gonogo.evidence.inputs import Scores
from gonogo.evidence.memory import measure
from gonogo.reports.pictures import draw


def binary(y: Any, positive: Any) -> Scores:
    p = np.asarray(positive, dtype=np.float64)
    return Scores(np.asarray(y, dtype=np.int64), np.stack([1 - p, p], axis=1), ("0", "1"), "process")


@pytest.fixture(scope="module")
def three() -> Scores:
    """Three classes; the rare class c is mostly taken for b."""
    generator = np.random.default_rng(5)
    y = generator.choice(3, size=400, p=[0.6, 0.3, 0.1])
    raw = 0.3 * generator.random((400, 3)) + np.eye(3)[np.where((y == 2) & (generator.random(400) < 0.7), 1, y)]
    return Scores(y, raw / raw.sum(axis=1, keepdims=True), ("a", "b", "c"), "")


def test_figures_of_every_class_agree_with_scikit_learn(three: Scores) -> None:
    facts = measure("quality", scores_test=three).facts
    f1s, recalls = (f(three.y, three.predicted, average=None) for f in (metrics.f1_score, metrics.recall_score))
    assert facts["macro_f1"].value == pytest.approx(f1s.mean())
    assert facts["worst_class_f1"].value == pytest.approx(f1s.min())
    assert facts["worst_class_recall"].value == pytest.approx(recalls.min())
    assert facts["worst_class"].value == "c"
    assert facts["minority_recall"].value == pytest.approx(recalls[2])
    truth = np.eye(3)[three.y]
    assert facts["pr_auc"].value == pytest.approx(metrics.average_precision_score(truth, three.scores, average="macro"))


def test_every_estimate_has_an_interval_that_holds_it(three: Scores) -> None:
    generator = np.random.default_rng(3)
    y = generator.integers(0, 2, 300)
    for scores in (three, binary(y, 0.4 * y + 0.6 * generator.random(300)), binary(y, y.astype(float))):
        facts = measure("quality", scores_test=scores).facts
        estimated = ("roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "macro_f1", "worst_class_f1", "worst_class_recall",
                     "minority_recall", "log_loss", "brier", "ece")  # fmt: skip
        for name in estimated:
            fact = facts[name]
            assert fact.low is not None, name
            assert fact.high is not None, name
            assert fact.low <= float(fact.value) <= fact.high, name


def test_a_perfect_score_on_few_rows_is_no_certainty() -> None:
    facts = measure("quality", scores_test=binary([0, 1] * 5, [0.0, 1.0] * 5)).facts
    for name in ("roc_auc", "pr_auc", "accuracy", "f1", "recall", "worst_class_f1", "worst_class_recall"):
        assert facts[name].value == 1.0
        assert (facts[name].low or 0) < 0.9, name


def test_the_worst_class_is_less_certain_than_that_class_alone(three: Scores) -> None:
    facts = measure("quality", scores_test=three).facts
    assert (facts["worst_class_recall"].low or 0) < (facts["minority_recall"].low or 0)


def test_a_class_without_rows_has_no_recall_and_that_is_no_number() -> None:
    scores = Scores(np.array([0, 1, 0, 1]), np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]] * 2), ("a", "b", "c"), "")
    with pytest.raises((DataError, ValueError), match="one class"):
        measure("quality", scores_test=scores)


def test_logits_are_no_probabilities_and_the_reason_says_what_is_missing(three: Scores) -> None:
    logits = Scores(three.y, np.log(three.scores + 1e-3), three.classes, "")
    with pytest.raises(DataError, match=r"no probability.*softmax or sigmoid"):
        measure("quality", scores_test=logits)


def test_the_pictures_can_be_drawn(three: Scores) -> None:
    pictures = measure("quality", scores_test=three).pictures
    assert set(pictures) == {"confusion_matrix", "classes", "reliability"}
    for name, data in pictures.items():
        assert str(draw(name, data).svg).startswith("<svg"), name
    assert "c: recall" in draw("classes", pictures["classes"]).words


# -- slices -------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bad_in_lyon(table: Callable[..., Any]) -> tuple[Any, Scores]:
    """Right everywhere but in Lyon, where it is wrong 60 times in 100; three rows of Nice."""
    generator = np.random.default_rng(8)
    town = np.array(["Paris"] * 200 + ["Lyon"] * 100 + ["Nice"] * 3, dtype=object)
    y = np.arange(303) % 2
    wrong = (town == "Lyon") & (np.arange(303) % 10 < 6)
    positive = np.where(wrong, 1 - y, y) * 0.8 + 0.1 + 0.02 * generator.random(303)
    return table(town=list(town), size=list(generator.normal(size=303)), y=[float(v) for v in y]), binary(y, positive)


def test_the_worst_slice_is_found_and_small_ones_are_counted(bad_in_lyon: Any, bundle: Any) -> None:
    test, scores = bad_in_lyon
    found = measure("slices", {"columns": ["town"]}, bundle=bundle(town="string"), test=test, scores_test=scores)
    facts = {name: fact.value for name, fact in found.facts.items()}
    assert facts["worst_slice"] == "town = Lyon"
    assert facts["worst_slice_accuracy"] == pytest.approx(0.4)
    assert facts["worst_slice_accuracy_gap"] == pytest.approx(243 / 303 - 0.4)
    assert facts["worst_slice_auc"] < 0.6
    assert facts["worst_slice_gap"] > 0.2
    assert (facts["slices"], facts["slices_too_small"]) == (2, 1)
    assert found.findings == ("town = Nice: 3 rows, fewer than 50, not measured",)
    assert str(draw("slices", found.pictures["slices"]).svg).startswith("<svg")


def test_without_columns_every_feature_is_cut(bad_in_lyon: Any, bundle: Any) -> None:
    test, scores = bad_in_lyon
    facts = measure("slices", bundle=bundle(town="string", size="float"), test=test, scores_test=scores).facts
    assert facts["slices"].value == 2 + 4


def test_a_model_that_is_good_everywhere_has_no_gap(bundle: Any, table: Any) -> None:
    y = [0, 1] * 60
    facts = measure("slices", bundle=bundle(g="float"), test=table(g=[1, 1, 2, 2] * 30), scores_test=binary(y, y)).facts
    assert facts["worst_slice_accuracy"].value == 1
    assert (facts["worst_slice_accuracy"].low or 0) < 1
    assert facts["worst_slice_gap"].value == 0


def test_missing_values_are_a_slice_and_one_class_has_no_area(bundle: Any, table: Any) -> None:
    y = [1] * 60 + [0, 1] * 30
    facts = measure("slices", bundle=bundle(g="float"), test=table(g=[None] * 60 + [1] * 60), scores_test=binary(y, [0.9] * 120)).facts
    assert (facts["slices"].value, facts["slices_without_auc"].value) == (2, 1)
    assert facts["worst_slice"].value == "g = 1"


@pytest.mark.parametrize(
    "options", [{"columns": ["nowhere"]}, {"min_rows": 1000}, {"min_rows": 0}, {"level": 1.0}], ids=["column", "too many", "none", "level"]
)
def test_slices_that_cannot_be_measured_are_an_error(bad_in_lyon: Any, bundle: Any, options: dict[str, Any]) -> None:
    test, scores = bad_in_lyon
    with pytest.raises(DataError):
        measure("slices", options, bundle=bundle(town="string"), test=test, scores_test=scores)


def test_scores_of_other_rows_are_an_error(bundle: Any, table: Any) -> None:
    with pytest.raises(DataError, match="score for every row"):
        measure("slices", bundle=bundle(g="float"), test=table(g=[1.0] * 9), scores_test=binary([0, 1], [0.1, 0.9]))
