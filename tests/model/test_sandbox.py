"""The sandbox on honest models: the child computes what the runtime computes here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.errors import ChildError, DataError, ModelError
from gonogo.model.encode import encode_rows
from gonogo.model.predict import scores
from gonogo.model.runtimes.onnx import OnnxRuntime
from gonogo.model.sandbox import Sandbox
from gonogo.model.schema import GraphInput
from gonogo.model.source import ModelSource


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(seconds=60, memory_mib=4096)


def saved(folder: Path, data: bytes) -> ModelSource:
    path = folder / "model.onnx"
    path.write_bytes(data)
    return ModelSource(path)


def test_the_child_says_what_the_model_takes(tmp_path: Path, models: Any, sandbox: Sandbox) -> None:
    inspection, isolation = sandbox.inspect(saved(tmp_path, models.logistic(names=["a", "b", "c"])))
    assert inspection.inputs == (GraphInput("x", "float32", 3),)
    assert inspection.metadata["feature_names"] == '["a", "b", "c"]'
    assert isolation.startswith("process, rlimits, ")


def test_the_child_scores_as_we_do_in_chunks_of_any_size(tmp_path: Path, models: Any, sandbox: Sandbox) -> None:
    schema, data = models.schema("a", "b", "c"), models.logistic()
    batch = {"x": np.random.default_rng(7).normal(size=(20_001, 3)).astype(np.float32)}
    batch["x"][17, 1] = np.nan
    here = scores(schema, OnnxRuntime().load(data), batch)
    there, isolation = sandbox.scores(schema, saved(tmp_path, data), batch, chunk=1000)
    np.testing.assert_allclose(there, here, atol=1e-6)
    assert "network namespace" in isolation or "seccomp" in isolation


def test_text_reaches_the_child_unchanged(tmp_path: Path, models: Any, sandbox: Sandbox) -> None:
    schema, data = models.mixed_schema(nullable_city=True), models.mixed()
    rows = [{"amount": 0.1, "count": n, "city": city} for n, city in enumerate(["paris", None, "paris\x00", "Zürich", "🙂", "", "paris"])]
    batch = encode_rows(schema, rows)
    there, _ = sandbox.scores(schema, saved(tmp_path, data), batch, chunk=3)
    np.testing.assert_allclose(there, scores(schema, OnnxRuntime().load(data), batch), atol=1e-6)


def test_a_truncated_model_is_the_models_fault(tmp_path: Path, models: Any, sandbox: Sandbox) -> None:
    with pytest.raises(ModelError, match="not a whole ONNX file"):
        sandbox.inspect(saved(tmp_path, models.logistic()[:-9]))


def test_a_batch_that_the_model_refuses_is_the_models_fault(tmp_path: Path, models: Any, sandbox: Sandbox) -> None:
    with pytest.raises(ModelError, match="cannot compute this batch"):
        sandbox.run("predict", saved(tmp_path, models.logistic()), {"x": np.zeros((2, 9), np.float32)}, {})


def test_an_output_that_is_not_there_is_the_models_fault(tmp_path: Path, models: Any, sandbox: Sandbox) -> None:
    with pytest.raises(ModelError, match="no output of numbers nope"):
        sandbox.run("predict", saved(tmp_path, models.logistic()), {"x": np.zeros((2, 3), np.float32)}, {"outputs": ["nope"]})


def test_an_unknown_task_gives_no_result(tmp_path: Path, models: Any, sandbox: Sandbox) -> None:
    with pytest.raises(ChildError, match="no task is called 'train'"):
        sandbox.run("train", saved(tmp_path, models.logistic()), None, {})


def test_nothing_to_predict_and_nothing_to_load_are_said_without_a_child(tmp_path: Path, models: Any) -> None:
    nobody = Sandbox(1, 600, command=("/nonexistent",))
    with pytest.raises(DataError, match="no rows"):
        nobody.run("predict", saved(tmp_path, models.logistic()), {"x": np.zeros((0, 3), np.float32)}, {})
    with pytest.raises(ModelError, match="not there"):
        nobody.inspect(ModelSource(tmp_path / "none.onnx"))


def test_a_child_that_cannot_be_started_is_said(tmp_path: Path, models: Any) -> None:
    with pytest.raises(ChildError, match="cannot be started"):
        Sandbox(1, 600, command=(str(tmp_path / "none"),)).inspect(saved(tmp_path, models.logistic()))
