"""The ONNX runtime and what is made of its outputs."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from gonogo.base import catalogue
from gonogo.errors import ModelError
from gonogo.model.encode import encode_rows
from gonogo.model.predict import labels, scores
from gonogo.model.runtime import Inspection, inspect
from gonogo.model.runtimes.onnx import OnnxRuntime
from gonogo.model.schema import GraphInput, Schema

X = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 2.0], [0.0, 3.0, 0.0]], dtype=np.float32)
P = 1 / (1 + np.exp(-np.array([0.0, 2.0, -6.0])))


def test_the_catalogue_knows_the_runtime() -> None:
    assert catalogue.load("runtimes", "onnx") is OnnxRuntime


def test_a_model_says_what_it_takes_and_gives(models: Any) -> None:
    loaded = OnnxRuntime().load(models.logistic(names=["a", "b", "c"]))
    said = inspect(loaded)
    assert said.inputs == (GraphInput("x", "float32", 3),)
    assert [(output.name, output.dtype, output.shape) for output in said.outputs] == [("probabilities", "float32", (None, 2))]
    assert said.metadata == {"feature_names": '["a", "b", "c"]'}
    assert Inspection.from_json(said.to_json()) == said


def test_the_bytes_of_a_model_are_not_kept_beside_the_model(models: Any) -> None:
    data = models.logistic()
    before = sys.getrefcount(data)
    loaded = OnnxRuntime().load(data)
    assert sys.getrefcount(data) == before
    assert loaded.run({"x": X})["probabilities"].shape == (3, 2)


@pytest.mark.parametrize("single", [False, True])
def test_scores_are_one_column_a_class(models: Any, single: bool) -> None:
    schema = models.schema("a", "b", "c")
    if single:
        schema = Schema(schema.task, schema.inputs, schema.features, schema.classes, "p")
    result = scores(schema, OnnxRuntime().load(models.logistic(single=single)), {"x": X})
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, np.stack([1 - P, P], axis=1), atol=1e-6)


def test_scores_of_a_mixed_row(models: Any) -> None:
    schema = models.mixed_schema()
    batch = encode_rows(schema, [{"amount": 0.0, "count": -2, "city": "paris"}, {"amount": 0.0, "count": 1, "city": "rome"}])
    result = scores(schema, OnnxRuntime().load(models.mixed()), batch)
    np.testing.assert_allclose(result[:, 1], [0.5, 1 / (1 + np.exp(-1.0))], atol=1e-6)


def test_three_classes_take_the_highest_score(models: Any) -> None:
    schema = models.schema("a", "b", "c", classes=("red", "green", "blue"))
    schema = Schema("multiclass-classification", schema.inputs, schema.features, schema.classes, "probabilities")
    result = scores(schema, OnnxRuntime().load(models.softmax()), {"x": X})
    np.testing.assert_allclose(result.sum(axis=1), 1.0, atol=1e-6)
    assert labels(schema, result) == ["red", "blue", "green"]


def test_a_reached_threshold_counts(models: Any) -> None:
    schema = models.schema("a")
    assert labels(schema, np.array([[0.5, 0.5], [0.51, 0.49]])) == ["1", "0"]


def test_a_score_that_is_not_finite_gets_no_label(models: Any) -> None:
    with pytest.raises(ValueError, match="not finite"):
        labels(models.schema("a"), np.array([[np.nan, np.nan]]))


def test_scores_that_are_not_finite_are_passed_on(models: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = scores(models.schema("a", "b", "c"), OnnxRuntime().load(models.logistic()), {"x": X * np.nan})
    assert np.isnan(result).all()


@pytest.mark.parametrize("cut", [3, 40, -2])
def test_truncated_bytes_are_a_model_error(models: Any, cut: int) -> None:
    with pytest.raises(ModelError):
        OnnxRuntime().load(models.logistic()[:cut])


def test_a_graph_that_onnx_runtime_refuses_is_a_model_error(models: Any) -> None:
    node = helper.make_node("NoSuchOperator", ["x"], ["y"])
    data = models.finish(
        [node],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
    )
    with pytest.raises(ModelError, match="cannot load"):
        OnnxRuntime().load(data)


def test_an_operator_that_has_no_form_for_float64_is_told_with_the_remedy() -> None:
    node = helper.make_node(
        "Imputer", ["x"], ["p"], domain="ai.onnx.ml", imputed_value_floats=[0.0, 0.0], replaced_value_float=float("nan")
    )
    x, p = (helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 2]) for name in "xp")
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 1)]
    model = helper.make_model(helper.make_graph([node], "g", [x], [p]), opset_imports=domains, ir_version=9)
    with pytest.raises(ModelError, match="Imputer") as found:
        OnnxRuntime().load(model.SerializeToString())
    assert "float32" in found.value.hint


@pytest.mark.parametrize("shape", [[], [None], [3], [2000, 3], [None, None, None]])
def test_an_input_that_is_no_matrix_or_takes_thousands_of_rows_at_once_is_refused(models: Any, shape: list[int | None]) -> None:
    data = models.finish(
        [helper.make_node("Identity", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    with pytest.raises(ModelError, match=r"a matrix of rows|one free dimension|fixed first dimensions"):
        OnnxRuntime().load(data)


def test_an_input_of_another_type_is_refused(models: Any) -> None:
    data = models.finish(
        [helper.make_node("Identity", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.UINT64, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.UINT64, [None, 1])],
    )
    with pytest.raises(ModelError, match=r"tensor\(uint64\)"):
        OnnxRuntime().load(data)


def test_a_batch_of_the_wrong_width_is_a_model_error(models: Any) -> None:
    with pytest.raises(ModelError, match="cannot compute"):
        OnnxRuntime().load(models.logistic()).run({"x": X[:, :2]})


def test_an_output_of_another_height_is_a_model_error(models: Any) -> None:
    data = models.finish(
        [helper.make_node("ReduceSum", ["x"], ["probabilities"], keepdims=1)],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, None])],
    )
    with pytest.raises(ModelError, match="3 rows and 2 classes"):
        scores(models.schema("a", "b", "c"), OnnxRuntime().load(data), {"x": X})


def test_scores_as_maps_are_a_model_error_with_the_remedy(models: Any) -> None:
    data = models.finish(
        [helper.make_node("ZipMap", ["x"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [
            helper.make_value_info(
                "probabilities",
                helper.make_sequence_type_proto(
                    helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
                ),
            )
        ],
    )
    loaded = OnnxRuntime().load(data)
    assert loaded.outputs[0].dtype.startswith("seq")
    with pytest.raises(ModelError, match="zipmap"):
        scores(models.schema("a", "b", "c"), loaded, {"x": X})


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"inputs": [{"name": "x", "dtype": "float32", "width": -1}], "outputs": [], "metadata": {}},
        {"inputs": 3, "outputs": [], "metadata": {}},
        [],
    ],
)
def test_a_malformed_description_is_a_model_error(data: Any) -> None:
    with pytest.raises(ModelError, match="malformed"):
        Inspection.from_json(data)
