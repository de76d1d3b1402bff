"""Figures that cannot all be true are found by arithmetic, before anything is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.errors import DataError
from gonogo.evidence.memory import measure
from gonogo.stats import classification
from gonogo.stats.feasibility import contradictions


def claimed(folder: Path, document: Any) -> dict[str, Path]:
    (folder / "metadata.json").write_text(json.dumps(document))
    return {"metadata": folder / "metadata.json"}


def test_an_f1_of_another_task_beside_this_accuracy_is_found(tmp_path: Path) -> None:
    """Conflict K05: a macro-F1 of 0.22 cannot go with an accuracy of 75 % over two classes."""
    found = measure("metric_claims", files=claimed(tmp_path, {"metrics": {"accuracy": 0.75, "macro_f1": 0.22}}))
    assert (found.facts["claims"].value, found.facts["contradictions"].value) == (2, 1)
    assert found.findings == ("an accuracy of 0.75 goes with a macro_f1 of 0.429 or more, not 0.22",)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"precision": 0.3, "recall": 0.4, "f1": 0.22}, "give an f1 of 0.343"),
        ({"accuracy": 82.8}, "no share"), ({"brier": -0.1}, "no share"),
        ({"brier": 0.4, "log_loss": 0.2}, "more than the log_loss"), ({"log_loss": -1}, "no loss"), ({"roc_auc": float("nan")}, "no share"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(claims: dict[str, float], said: str) -> None:
    (line,) = contradictions(claims)
    assert said in line


@pytest.mark.parametrize("seed", range(40))
def test_what_was_really_measured_is_never_called_impossible(seed: int) -> None:
    generator = np.random.default_rng(seed)
    y = (generator.random(60) < generator.uniform(0.05, 0.95)).astype(np.int64)
    y[:2] = 0, 1
    p = np.clip(generator.uniform(-0.5, 1) * y + generator.random(60), 0, 1)
    matrix = classification.confusion_matrix(y, (p >= generator.random()).astype(np.int64), 2)
    scores = np.stack([1 - p, p], axis=1)
    f1s = [classification.f1(matrix, index) for index in (0, 1)]
    claims = {
        "accuracy": classification.accuracy(matrix), "precision": classification.precision(matrix), "recall": classification.recall(matrix),
        "f1": f1s[1], "macro_f1": sum(f1s) / 2, "brier": classification.brier(y, scores), "log_loss": classification.log_loss(y, scores),
    }  # fmt: skip
    rounded = {name: round(value, 2) for name, value in claims.items() if np.isfinite(value)}
    assert contradictions(rounded) == []


def test_entries_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    found = measure("metric_claims", files=claimed(tmp_path, {"accuracy": None, "f1": "high", "recall": True, "precision": 0.5}))
    assert (found.facts["claims"].value, found.facts["not_numbers"].value) == (4, 3)


@pytest.mark.parametrize("document", [[1], {"metrics": {}}, {"metrics": 3}, {"metrics": None}])
def test_a_file_without_metrics_is_an_error(tmp_path: Path, document: Any) -> None:
    with pytest.raises(DataError):
        measure("metric_claims", files=claimed(tmp_path, document))


def test_options_that_make_no_sense_are_errors(tmp_path: Path) -> None:
    for options in ({"classes": 1}, {"tolerance": 0.9}):
        with pytest.raises(DataError, match="two classes"):
            measure("metric_claims", options, files=claimed(tmp_path, {"f1": 1}))
