"""Live scores and ranges, counted so that everything about them follows from whole numbers that add."""

from __future__ import annotations

import os

import numpy as np
import pytest

from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.service.drift import DriftCounter
from gonogo.service.supervising.crew import add_snapshots
from gonogo.service.supervising.resources import resources
from gonogo.stats.bins import fit_numeric
from gonogo.stats.score_table import MISSING, ONE

BINS = fit_numeric(np.linspace(0, 1, 1001)).to_json()
RANDOM = np.random.default_rng(11)


def counter(task: str = "binary-classification", classes: tuple[str, ...] = ("0", "1")) -> DriftCounter:
    schema = Schema(task, (GraphInput("n", "float32", 1),), (Feature("a", "float", True, "n", 0),), classes, "p")  # type: ignore[arg-type]
    feature = {"bins": BINS, "range": {"low": 0.1, "high": 0.9, "outside": 3}}
    return DriftCounter(schema, {"features": {"a": feature}, "score": {"bins": BINS}})


def binary(score: object) -> np.ndarray:
    values = np.asarray(score, dtype=np.float64)
    return np.column_stack((1 - values, values))


def rows(count: int) -> dict[str, np.ndarray]:
    return {"n": np.full((count, 1), 0.5, dtype=np.float32)}


def test_mean_and_variance_follow_from_the_sums() -> None:
    score = RANDOM.beta(2, 3, 10_000)
    counted = counter()
    counted.add(rows(5000), binary(score[:5000]))
    counted.add(rows(5000), binary(score[5000:]))
    said = counted.to_json()["scores"]
    mean = said["sum"] / ONE / 10_000
    assert mean == pytest.approx(score.mean(), abs=1e-9)
    assert said["squares"] / ONE / 10_000 - mean**2 == pytest.approx(score.var(), abs=1e-8)
    assert sum(said["bins"]) == 10_000


def test_an_extreme_score_is_beyond_the_bounds_and_not_at_them() -> None:
    counted = counter()
    counted.add(rows(7), binary([0.05, 0.95, 0.04, 0.96, 0.5, 0.61, 0.39]))
    said = counted.to_json()["scores"]
    assert (said["low"], said["high"], said["unsure"]) == (1, 1, 1)


def test_of_many_classes_the_highest_score_is_judged() -> None:
    counted = counter("multiclass-classification", ("a", "b", "c"))
    counted.add(rows(2), np.array([[0.5, 0.3, 0.2], [0.01, 0.98, 0.01]]))
    said = counted.to_json()["scores"]
    assert (said["low"], said["high"], said["unsure"]) == (0, 1, 1)


def test_a_score_that_is_no_number_is_counted_as_missing_and_adds_to_no_sum() -> None:
    counted = counter()
    counted.add(rows(2), binary([np.nan, 0.5]))
    said = counted.to_json()["scores"]
    assert (said["bins"][MISSING], said["sum"]) == (1, ONE // 2)


def test_values_beyond_the_range_are_counted_and_missing_ones_are_not_beyond_it() -> None:
    counted = counter()
    values = np.array([[0.1], [0.9], [0.0999], [0.9001], [np.inf], [-np.inf], [np.nan], [0.5]], dtype=np.float32)
    counted.add({"n": values}, binary([0.5] * 8))
    assert counted.to_json()["outside"] == {"a": 4}


def test_what_two_processes_counted_adds_up_exactly() -> None:
    score = RANDOM.random(999)
    whole, left, right = counter(), counter(), counter()
    whole.add(rows(999), binary(score))
    left.add(rows(400), binary(score[:400]))
    right.add(rows(599), binary(score[400:]))
    assert add_snapshots(left.to_json(), right.to_json()) == whole.to_json()


def test_a_range_that_cannot_be_is_refused() -> None:
    schema = Schema("binary-classification", (GraphInput("n", "float32", 1),), (Feature("a", "float", True, "n", 0),), ("0", "1"), "p")
    with pytest.raises(ValueError, match="cover"):
        DriftCounter(schema, {"features": {"a": {"bins": BINS, "range": {"low": 0.1}}}, "score": {"bins": BINS}})


def test_a_process_says_what_it_holds_and_one_that_is_not_there_says_nothing() -> None:
    mine, nobody = resources(os.getpid()), resources(2**22 + 1)
    assert mine["memory"] > 1_000_000
    assert mine["cpu_seconds"] > 0
    assert mine["open_files"] >= 3
    assert {nobody[name] for name in ("memory", "cpu_seconds", "open_files")} == {None}
