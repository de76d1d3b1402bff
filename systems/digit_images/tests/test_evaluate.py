"""Figures and documents."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
import pytest

import drawings
import evaluate
import report


def test_figures_of_a_matrix_counted_by_hand():
    matrix = evaluate.confusion(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 1]))
    assert matrix[0].tolist()[:3] == [2, 1, 0]
    zero, one, two, *_ = evaluate.per_class(matrix)
    assert (zero["precision"], zero["recall"], zero["f1"]) == (1.0, pytest.approx(2 / 3), pytest.approx(0.8))
    assert (one["precision"], one["recall"]) == (0.5, 1.0)
    assert (two["precision"], two["recall"], two["f1"]) == (0.0, 0.0, 0.0)


def test_the_surest_mistakes_come_first_and_then_what_was_nearly_one():
    scores = np.full((4, 10), 0.01)
    scores[0, 3], scores[1, 4], scores[2, 5], scores[3, 6] = 0.9, 0.5, 0.7, 0.8
    found = evaluate.failures(np.array([3, 4, 1, 2]), scores, np.arange(10, 14))
    assert [(one["row"], one["place"], one["said"]) for one in found] == [(3, 13, 6), (2, 12, 5), (1, 11, 4), (0, 10, 3)]


@pytest.fixture
def figures(network, few, tmp_path):
    return evaluate.evaluate(network, few, few, tmp_path, tmp_path / "reference.parquet")


def test_metrics_are_a_file_and_the_reference_holds_every_row(figures, few, tmp_path):
    assert json.loads((tmp_path / "metrics.json").read_text()) == figures
    reference = pq.read_table(tmp_path / "reference.parquet")
    assert reference.column_names == ["row", *(f"score_{digit}" for digit in range(10))]
    scores = np.stack([reference[f"score_{digit}"].to_numpy() for digit in range(10)], axis=1)
    np.testing.assert_array_equal(reference["row"].to_numpy(), np.arange(60))
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    accuracy = (scores.argmax(axis=1) == few.digits.numpy()).mean()
    assert figures["metrics"]["test_accuracy"] == pytest.approx(accuracy)
    assert figures["degraded"][0] == {
        "change": "as they are", "right": pytest.approx(accuracy), "mean_confidence": pytest.approx(scores.max(axis=1).mean())
    }  # fmt: skip


def test_the_documents_hold_the_figures_and_nothing_is_left_to_fill_in(figures, few, config, tmp_path):
    history = {"epochs": [{}] * 9, "stop_reason": "early_stopping", "best_epoch": 7}
    exported = {name: {"max_abs_diff": 1e-7} for name in ("onnx", "torchscript")}
    report.write(tmp_path, config, history, {"epoch": 7}, figures, exported, few, 44)
    results = (tmp_path / "test_results.md").read_text()
    assert f"| Test Accuracy | {figures['metrics']['test_accuracy']:.4f} |" in results
    assert "The target of 80% is missed" in results
    final = (tmp_path / "final_report.md").read_text()
    assert "epoch 7; the training ended with early stopping after epoch 9" in final
    for name in ("test_results.md", "final_report.md", "model_card.md"):
        assert "$" not in (tmp_path / name).read_text()
    for name in ("confusion_matrix.svg", "failures.svg"):
        assert ElementTree.parse(tmp_path / name).getroot().tag.endswith("svg")


def test_the_gallery_shows_every_failure_once():
    failures = [{"row": row, "digit": 1, "said": row % 2, "confidence": 0.5} for row in range(7)]
    drawn = drawings.gallery(np.full((7, 8, 8), 16.0), failures)
    assert drawn.count("1 taken for 0") == 4
    assert drawn.count("50% sure") == 7
