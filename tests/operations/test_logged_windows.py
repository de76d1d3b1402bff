"""Rows of the prediction log with windows come back as the matrices that the model saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gonogo.model.schema import Feature, GraphInput, Schema, Tensor
from gonogo.operations.logged import _column, _joined, _matrix
from gonogo.service.answering.batching import Computed
from gonogo.service.prediction_log.frames import prediction_frame, read_frames
from gonogo.service.prediction_log.segments import write_segments


@pytest.mark.parametrize("holes", [False, True])
def test_a_logged_window_is_read_as_it_was_computed(tmp_path: Path, holes: bool) -> None:
    features = (Feature("window", "float", True, "w", 0, Tensor((3, 2))), Feature("age", "float", False, "x", 0))
    inputs = (GraphInput("w", "float32", 6, (3, 2)), GraphInput("x", "float32", 1))
    schema = Schema("binary-classification", inputs, features, ("no", "yes"), "p")
    values = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    if holes:
        values[1, 3] = values[2, :] = np.nan
    batch = {"w": values, "x": np.arange(4, dtype=np.float32)[:, None]}
    [(frame, _)] = read_frames(prediction_frame(schema, "m@1.0.0", Computed(batch, np.full((4, 2), 0.5), ["a", "b"], [3, 1]), 1.0))
    write_segments([frame], tmp_path, "t", {}, b"secret")
    segment = str(next(tmp_path.rglob("*.parquet")))
    taken = _joined([segment], [("a", 1, "no"), ("b", 0, "yes"), ("a", 2, "no")], ["window", "age"])
    places = _column(taken["feature_age"]).astype(int)
    assert sorted(places.tolist()) == [1, 2, 3]
    np.testing.assert_array_equal(_matrix(taken["feature_window"]), values[places].astype(np.float64))
