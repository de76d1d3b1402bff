"""Small ONNX models, built by hand, each with a known answer. Everything is in `Models`, which a test asks for as `models`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gonogo.model.schema import Feature, GraphInput, Schema


class Models:
    """Builders of ONNX bytes and of the schemas that go with them."""

    def logistic(self, weights: Sequence[float] = (1.0, -2.0, 0.5), *, names: object = None, single: bool = False) -> bytes:
        """p = 1 / (1 + exp(-w·x)) over one float32 input "x"; the output is [1-p, p], or p alone when `single`."""
        width = len(weights)
        nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Sigmoid", ["z"], ["p"])]
        if not single:
            nodes += [helper.make_node("Sub", ["one", "p"], ["q"]), helper.make_node("Concat", ["q", "p"], ["probabilities"], axis=1)]
        tensors = [
            numpy_helper.from_array(np.array(weights, dtype=np.float32).reshape(width, 1), "w"),
            numpy_helper.from_array(np.array([[1.0]], dtype=np.float32), "one"),
        ]
        output = helper.make_tensor_value_info("p" if single else "probabilities", TensorProto.FLOAT, [None, 1 if single else 2])
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])]
        return self.finish(nodes, inputs, [output], tensors, names=names)

    def softmax(self, classes: int = 3) -> bytes:
        """The softmax of its own inputs: as many features as classes."""
        return self.finish(
            [helper.make_node("Softmax", ["x"], ["probabilities"], axis=1)],
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, classes])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, classes])],
        )

    def mixed(self) -> bytes:
        """Three inputs of one column: amount (float32), count (int64), city (string). p rises when city is "paris"."""
        nodes = [
            helper.make_node(
                "LabelEncoder",
                ["city"],
                ["known"],
                domain="ai.onnx.ml",
                keys_strings=["paris", ""],
                values_floats=[2.0, -9.0],
                default_float=0.0,
            ),
            helper.make_node("Cast", ["count"], ["number"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["amount", "number"], ["part"]),
            helper.make_node("Add", ["part", "known"], ["z"]),
            helper.make_node("Sigmoid", ["z"], ["probability"]),
        ]
        inputs = [
            helper.make_tensor_value_info("amount", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("count", TensorProto.INT64, [None, 1]),
            helper.make_tensor_value_info("city", TensorProto.STRING, [None, 1]),
        ]
        return self.finish(nodes, inputs, [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])])

    def endless(self) -> bytes:
        """A loop of 2**62 rounds, then the logistic of one feature: it loads at once and never answers."""
        body = helper.make_graph(
            [helper.make_node("Identity", ["go"], ["going"]), helper.make_node("Add", ["before", "before"], ["after"])],
            "body",
            [
                helper.make_tensor_value_info("round", TensorProto.INT64, []),
                helper.make_tensor_value_info("go", TensorProto.BOOL, []),
                helper.make_tensor_value_info("before", TensorProto.FLOAT, [None, 1]),
            ],
            [
                helper.make_tensor_value_info("going", TensorProto.BOOL, []),
                helper.make_tensor_value_info("after", TensorProto.FLOAT, [None, 1]),
            ],
        )
        tensors = [numpy_helper.from_array(np.array(2**62, dtype=np.int64), "rounds"), numpy_helper.from_array(np.array(True), "yes")]
        nodes = [helper.make_node("Loop", ["rounds", "yes", "x"], ["z"], body=body), helper.make_node("Sigmoid", ["z"], ["p"])]
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])]
        return self.finish(nodes, inputs, [helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 1])], tensors)

    def greedy(self, gibibytes: int = 64) -> bytes:
        """A model that wants much more memory than anybody has to give, once it is asked to compute."""
        tensors = [numpy_helper.from_array(np.array([gibibytes << 28, 1], dtype=np.int64), "shape")]
        nodes = [
            helper.make_node("Slice", ["x", "from", "to"], ["one"]),
            helper.make_node("Expand", ["one", "shape"], ["large"]),
            helper.make_node("ReduceMax", ["large"], ["most"], keepdims=1),
            helper.make_node("Add", ["x", "most"], ["p"]),
        ]
        tensors += [numpy_helper.from_array(np.array([at], dtype=np.int64), name) for name, at in (("from", 0), ("to", 1))]
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])]
        return self.finish(nodes, inputs, [helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 1])], tensors)

    def finish(
        self,
        nodes: list[onnx.NodeProto],
        inputs: list[onnx.ValueInfoProto],
        outputs: list[onnx.ValueInfoProto],
        tensors: Sequence[onnx.TensorProto] = (),
        *,
        names: object = None,
    ) -> bytes:
        graph = helper.make_graph(nodes, "g", inputs, outputs, list(tensors))
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        if names is not None:
            helper.set_model_props(model, {"feature_names": names if isinstance(names, str) else json.dumps(names)})
        return model.SerializeToString()

    def external(self, folder: Path) -> Path:
        """A model that keeps its weights in another file."""
        path = folder / "external.onnx"
        model = onnx.load_model_from_string(self.logistic())
        onnx.save_model(model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
        return path

    def schema(self, *names: str, nullable: Sequence[str] = (), dtype: str = "float32", classes: Sequence[str] = ("0", "1")) -> Schema:
        """One input "x" with the given float features, as `logistic` takes them."""
        features = tuple(Feature(name, "float", name in nullable, "x", at) for at, name in enumerate(names))
        return Schema("binary-classification", (GraphInput("x", dtype, len(names)),), features, tuple(classes), "probabilities")

    def mixed_schema(self, *, nullable_city: bool = False) -> Schema:
        inputs = (GraphInput("amount", "float32", 1), GraphInput("count", "int64", 1), GraphInput("city", "string", 1))
        features = (
            Feature("amount", "float", True, "amount", 0),
            Feature("count", "int", False, "count", 0),
            Feature("city", "string", nullable_city, "city", 0),
        )
        return Schema("binary-classification", inputs, features, ("no", "yes"), "probability")


@pytest.fixture(scope="session")
def models() -> Models:
    return Models()
