"""What every runtime keeps that is told what it takes: bytes, whole numbers of other widths and half precision arrive as they are.

Every model answers sigmoid(sum of a row / 100), and could not be asked with another type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from gonogo.base import catalogue
from gonogo.errors import ModelError
from gonogo.model.runtime import Loaded
from gonogo.model.schema import GraphInput
from runtime_models import marked, packed_zip, saved_model, torch_files

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own

SHAPE = (2, 3)
TYPES = ("uint8", "int32", "float16", "bool")
ROWS = np.array([[0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 0, 1]])


def _onnx(dtype: str) -> bytes:
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["wide", "axes"], ["sum"], keepdims=0),
        helper.make_node("Reshape", ["sum", "column"], ["column_of_sums"]),
        helper.make_node("Div", ["column_of_sums", "hundred"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probabilities"]),
    ]
    arrays = {"axes": np.array([1, 2]), "column": np.array([-1, 1]), "hundred": np.array(100, np.float32)}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), [None, *SHAPE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


_TORCH = f"""
import sys, torch
for name in {TYPES}:
    class Net(torch.nn.Module):
        dtype = getattr(torch, name)
        def forward(self, x: torch.Tensor):
            assert x.dtype == self.dtype
            return torch.sigmoid(x.float().sum(dim=(1, 2)) / 100).unsqueeze(1)
    net, example = Net().eval(), torch.zeros(3, 2, 3, dtype=getattr(torch, name))
    torch.jit.save(torch.jit.trace(net, example), f"{{sys.argv[1]}}/torchscript-{{name}}")
    rows = torch.export.Dim("rows")
    torch.export.save(torch.export.export(net, (example,), dynamic_shapes=({{0: rows}},)), f"{{sys.argv[1]}}/torch_export-{{name}}.pt2")
"""


def _saved_model(dtype: str) -> bytes:
    import tensorflow as tf

    class Net(tf.Module):  # type: ignore[misc, unused-ignore]
        @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE], dtype, name="x")])  # type: ignore[untyped-decorator, unused-ignore]
        def serve(self, x: Any) -> Any:
            return {"probabilities": tf.sigmoid(tf.reduce_sum(tf.cast(x, tf.float32), axis=[1, 2]) / 100)[:, None]}

    return saved_model(Net())


SCORING = """
import numpy as np


def predict(batch):
    x = batch["x"]
    assert x.dtype == "@", x.dtype
    return 1 / (1 + np.exp(-x.astype(float).sum(axis=(1, 2)) / 100))
"""

MADE: dict[str, Callable[[str], bytes]] = {
    "callable": lambda dtype: packed_zip({"scoring.py": SCORING.replace("@", dtype)}),
    "onnx": _onnx,
    "saved_model": _saved_model,
    "torch_export": lambda dtype: torch_files(_TORCH)[f"torch_export-{dtype}"],
    "torchscript": lambda dtype: torch_files(_TORCH)[f"torchscript-{dtype}"],
}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("runtime", [marked(name) for name in MADE])
def test_a_batch_arrives_in_the_type_that_the_model_takes(runtime: str, dtype: str) -> None:
    options: dict[str, Any] = {"inputs": [{"name": "x", "dtype": dtype, "shape": list(SHAPE)}]}
    options |= {"callable": "scoring:predict"} if runtime == "callable" else {}
    loaded: Loaded = catalogue.load("runtimes", runtime)().load(MADE[runtime](dtype), options)
    assert loaded.inputs == (GraphInput("x", dtype, 6, SHAPE),)
    [scores] = loaded.run({"x": ROWS.astype(dtype)}).values()
    np.testing.assert_allclose(scores.ravel(), 1 / (1 + np.exp(-ROWS.sum(axis=1) / 100)), atol=1e-3)
    with pytest.raises(ModelError):
        loaded.run({"x": ROWS.astype(np.float64)})
