"""A forest and a logistic regression trained by scikit-learn, exported by skl2onnx, scored in the sandbox: the same probabilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from gonogo.base.table import Table
from gonogo.errors import ModelError
from gonogo.model.derive import derive_schema
from gonogo.model.encode import encode_rows, encode_table
from gonogo.model.rows import sample_rows
from gonogo.model.runtimes.onnx import OnnxRuntime
from gonogo.model.sandbox import Sandbox
from gonogo.model.source import ModelSource

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)).astype(np.float32)
Y = (X[:, 0] - X[:, 1] + RNG.normal(size=300) > 0).astype(int)
NAMES = ["delay", "distance", "hour", "wind"]


def described(sandbox: Sandbox, path: Path, table: Table, **options: Any) -> Any:
    inspection, _ = sandbox.inspect(ModelSource(path))
    given = {"task": "binary-classification", "table": table, "target": "late", "time": None, "feature_names": None, "classes": ("0", "1")}
    return derive_schema(inspection, **(given | options))


def test_a_forest(tmp_path: Path) -> None:
    forest = RandomForestClassifier(20, random_state=0).fit(X, Y)
    exported = to_onnx(forest, X[:1], options={"zipmap": False})
    entry = exported.metadata_props.add()
    entry.key, entry.value = "feature_names", json.dumps(NAMES)
    path = tmp_path / "forest.onnx"
    path.write_bytes(exported.SerializeToString())
    table = Table({name: X[:, index].astype(np.float64) for index, name in enumerate(NAMES)} | {"late": Y.astype(np.float64)}, 300)
    sandbox = Sandbox(60, 4096)
    schema = described(sandbox, path, table)
    assert schema.feature_names == tuple(NAMES)
    there, _ = sandbox.scores(schema, ModelSource(path), encode_table(schema, table))
    np.testing.assert_allclose(there, forest.predict_proba(X), atol=1e-5)


def test_columns_of_several_types(tmp_path: Path) -> None:
    carriers = np.array(["AA", "UA", "DL"], dtype=object)[RNG.integers(0, 3, size=300)]
    hours = RNG.integers(0, 24, size=300)
    late = (X[:, 0] + (carriers == "UA") + hours / 12 - 1.3 > 0).astype(int)
    transform = make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough")
    rows = np.empty((300, 3), dtype=object)
    rows[:, 0], rows[:, 1], rows[:, 2] = carriers, X[:, 0].astype(float), hours
    pipeline = make_pipeline(transform, LogisticRegression(max_iter=1000)).fit(rows, late)
    types = [("carrier", StringTensorType([None, 1])), ("delay", FloatTensorType([None, 1])), ("hour", Int64TensorType([None, 1]))]
    try:
        exported = to_onnx(pipeline, initial_types=types, options={"zipmap": False})
    except RuntimeError as error:  # an export of mixed types depends on the versions of both libraries, not on us
        pytest.skip(f"skl2onnx cannot export this pipeline: {error}")
    path = tmp_path / "pipeline.onnx"
    path.write_bytes(exported.SerializeToString())
    columns = {"hour": hours.astype(np.float64), "carrier": carriers, "delay": X[:, 0].astype(np.float64), "late": late.astype(np.float64)}
    table, sandbox = Table(columns, 300), Sandbox(60, 4096)
    schema = described(sandbox, path, table)
    assert [(feature.name, feature.type) for feature in schema.features] == [("carrier", "string"), ("delay", "float"), ("hour", "int")]
    there, _ = sandbox.scores(schema, ModelSource(path), encode_table(schema, table))
    np.testing.assert_allclose(there, pipeline.predict_proba(rows), atol=1e-5)
    requests = sample_rows(schema, table, 300)
    again, _ = sandbox.scores(schema, ModelSource(path), encode_rows(schema, json.loads(json.dumps(requests))))
    np.testing.assert_allclose(again, there, atol=1e-6)


def test_scores_as_maps_are_said_before_anything_is_computed(tmp_path: Path) -> None:
    path = tmp_path / "maps.onnx"
    path.write_bytes(to_onnx(LogisticRegression().fit(X, Y), X[:1]).SerializeToString())
    table = Table({name: X[:, index].astype(np.float64) for index, name in enumerate(NAMES)} | {"late": Y.astype(np.float64)}, 300)
    assert any(output.dtype.startswith("seq") for output in OnnxRuntime().load(path.read_bytes()).outputs)
    with pytest.raises(ModelError, match="zipmap"):
        described(Sandbox(60, 4096), path, table)
