"""The metadata file beside a model: whole, filled in, and true."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base.tree import file_digest
from gonogo.errors import DataError
from gonogo.evidence.inputs import Scores
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from measured import values

RIGHT = (np.arange(100) < 90).astype(np.int64)
Y = np.arange(100) % 2
SCORES = Scores(Y, np.stack([1 - np.where(RIGHT, Y, 1 - Y) * 0.8, np.where(RIGHT, Y, 1 - Y) * 0.8], axis=1), ("0", "1"), "none: a test")
WHOLE: dict[str, Any] = {
    "version": "1.0",
    "deployment_date": "2025-10-27",
    "architecture": {"input_size": 11, "dropout": 0.0},
    "training": {"epochs": 60, "seed": 17},
    "test_metrics": {"accuracy": 0.9, "f1_macro": 0.9, "recall": 0.9},
    "notes": "A first one.",
}
KEYS = ["version", "deployment_date", "architecture.input_size", "test_metrics", "notes"]
RUN = {"params": {"epochs": 60, "batch_size": 16}, "seed": 17}


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Measurement]:
    def measured(data: Any, **more: Any) -> Measurement:
        path = tmp_path / "metadata.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        given = {"scores_test": SCORES, "run_record": RUN, **more}
        return measure("metadata_file", {"keys": KEYS}, files={"metadata": path}, **given)

    return measured


def changed(path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(WHOLE)
    place = data
    *outer, last = path.split(".")
    for key in outer:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return data


def test_a_whole_file_that_says_the_truth(check: Callable[..., Measurement]) -> None:
    found = check(WHOLE)
    assert values(found) == {
        "exists": True, "keys_missing": 0, "placeholders": 0, "version": "1.0", "date_valid": True, "metrics": 3, "metrics_unmatched": 0,
        "run_mismatches": 0,
    }  # fmt: skip
    assert found.findings == ()


def test_without_a_run_record_nothing_is_said_about_agreeing_with_it(check: Callable[..., Measurement]) -> None:
    assert "run_mismatches" not in values(check(WHOLE, run_record=None))


@pytest.mark.parametrize(
    ("path", "value", "fact", "expected"),
    [
        ("notes", ..., "keys_missing", 1), ("architecture", {}, "keys_missing", 1), ("notes", "", "placeholders", 1),
        ("notes", "TBD", "placeholders", 1), ("notes", None, "placeholders", 1), ("test_metrics.accuracy", 0.0, "placeholders", 1),
        ("test_metrics.accuracy", None, "placeholders", 1), ("test_metrics.accuracy", 0.91, "metrics_unmatched", 1),
        ("test_metrics", {"validation_accuracy": 0.9}, "metrics_unmatched", 1), ("training.epochs", 61, "run_mismatches", 1),
        ("training.seed", 18, "run_mismatches", 1), ("deployment_date", "27.10.2025", "date_valid", False),
        ("deployment_date", "2999-01-01", "date_valid", False), ("deployment_date", ..., "date_valid", False),
    ],
)  # fmt: skip
def test_each_way_to_be_wrong_is_counted_and_named(check: Any, path: str, value: Any, fact: str, expected: Any) -> None:
    found = check(changed(path, value))
    assert values(found)[fact] == expected
    assert found.findings or (path, value) == ("deployment_date", ...)


def test_validation_figures_are_held_against_the_validation_table(check: Callable[..., Measurement]) -> None:
    data = changed("test_metrics", {"validation_accuracy": 0.9})
    assert values(check(data, scores_validation=SCORES))["metrics_unmatched"] == 0


def test_the_training_data_are_named_by_file_or_digest(check: Callable[..., Measurement], tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("x,y\n1,0\n")
    for text, named in (("train.csv (1 row)", True), (file_digest(train), True), ("the usual data", False)):
        assert values(check(changed("notes", text), train_file=train))["names_training_data"] is named


@pytest.mark.parametrize("data", ["", "{", "[1]", '{"a": 1, "a": 2}', "{}"])
def test_a_file_that_cannot_be_understood_is_an_error(check: Callable[..., Measurement], data: str) -> None:
    with pytest.raises(DataError):
        check(data)


def test_a_file_that_is_not_there_lacks_everything(tmp_path: Path) -> None:
    for files in ({}, {"metadata": tmp_path / "gone.json"}):
        facts = values(measure("metadata_file", {"keys": KEYS}, files=files, scores_test=SCORES))
        assert (facts["exists"], facts["keys_missing"], facts["date_valid"]) == (False, 5, False)
