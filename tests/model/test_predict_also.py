"""Outputs beside the scores: judged like the scores, and given as they are by a model behind a pipeline."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gonogo.errors import ModelError
from gonogo.model.pipeline import OUTPUT, Pipeline, PipelinedModel
from gonogo.model.predict import scored
from gonogo.model.runtimes.onnx import OnnxModel, OnnxRuntime
from gonogo.model.schema import Feature, GraphInput, Schema, Tensor

FEATURES = (Feature("window", "float", False, "window", 0, Tensor((3, 2))),)
X = np.array([[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]], np.float32) / 10


def model() -> OnnxModel:
    """probabilities = sigmoid of the sum; start = log of each step's sum; all = one number for the whole batch."""
    nodes = [
        helper.make_node("ReduceSum", ["window", "both"], ["sum"], keepdims=0),
        helper.make_node("Reshape", ["sum", "column"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probabilities"]),
        helper.make_node("ReduceSum", ["window", "channels"], ["steps"], keepdims=0),
        helper.make_node("Log", ["steps"], ["start"]),
        helper.make_node("ReduceSum", ["window"], ["all"], keepdims=0),
    ]
    arrays = {"both": np.array([1, 2]), "column": np.array([-1, 1]), "channels": np.array([2])}
    outputs = [("probabilities", [None, 1]), ("start", [None, 3]), ("all", [])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, [None, 3, 2])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    return OnnxRuntime().load(made.SerializeToString())


def schema(*also: str, output: str = "probabilities") -> Schema:
    return Schema("binary-classification", (GraphInput("window", "float32", 6, (3, 2)),), FEATURES, ("0", "1"), output, also=also)


def test_what_is_asked_for_beside_the_scores_comes_with_them() -> None:
    found = scored(schema("start"), model(), {"window": X})
    np.testing.assert_allclose(found.also["start"], np.log(X.reshape(2, 3, 2).sum(axis=2)), atol=1e-6)
    assert found.also["start"].dtype == np.float64
    assert scored(schema(), model(), {"window": X}).also == {}


def test_an_output_that_is_not_finite_is_an_error_as_a_score_would_be() -> None:
    with pytest.raises(ModelError, match="'start' has numbers that are not finite"):
        scored(schema("start"), model(), {"window": -X})


def test_an_output_without_a_row_for_each_row_is_an_error() -> None:
    with pytest.raises(ModelError, match="not numbers for each of 2 rows"):
        scored(schema("all"), model(), {"window": X})


def pipeline(**parts: Any) -> Pipeline:
    return Pipeline.parse(json.dumps({"format": "gonogo-pipeline/1", **parts}).encode())


def test_a_calibrator_after_the_model_leaves_what_is_beside_the_scores_alone() -> None:
    behind = PipelinedModel(
        pipeline(after=[{"step": "platt", "slope": [2.0], "intercept": [0.5]}], output="probabilities"), model(), ("start",)
    )
    assert [output.name for output in behind.outputs] == [OUTPUT, "start"]
    found, plain = scored(schema("start"), behind, {"window": X}), scored(schema("start"), model(), {"window": X})
    np.testing.assert_array_equal(found.also["start"], plain.also["start"])
    np.testing.assert_allclose(found.scores[:, 1], 1 / (1 + np.exp(-(2 * plain.scores[:, 1] + 0.5))), atol=1e-6)
    with pytest.raises(ModelError, match="no output all"):
        behind.run({"window": X}, (OUTPUT, "all"))


def test_steps_before_a_model_that_takes_tensors_are_refused_with_what_to_do_instead() -> None:
    steps = pipeline(
        features=[{"name": "a", "type": "float"}],
        before=[{"step": "standardize", "features": ["a"], "mean": [0.0], "scale": [1.0]}],
        inputs={"window": ["a"]},
    )
    with pytest.raises(ModelError, match="for features that are single values") as caught:
        PipelinedModel(steps, model())
    assert "into the model's graph" in caught.value.hint
