"""What every runtime that takes tensors keeps: the graph gets the declared shape, row-major, and what is beside the scores comes out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gonogo.base import catalogue
from gonogo.errors import ModelError
from gonogo.model.predict import Scored, scored
from gonogo.model.runtime import Inspection, Loaded, inspect
from gonogo.model.sandbox import Sandbox
from gonogo.model.schema import Feature, GraphInput, Schema, Tensor
from runtime_models import marked, packed_zip, saved_model, torch_files

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own

SHAPE = (4, 2)
WEIGHTS = np.array([[0.5, -1.0], [2.0, 0.25], [-0.5, 1.5], [1.0, -2.0]], np.float32)  #: every place has another one
INPUTS = [{"name": "window", "dtype": "float32", "shape": list(SHAPE)}]
OPTIONS: dict[str, Any] = {"inputs": INPUTS, "also": ["start", "end"]}
X = np.random.default_rng(5).normal(size=(32, 8)).astype(np.float32)


def right(flat: Any) -> tuple[Any, Any, Any]:
    """Scores of the last class, sums of the steps, and the step with the highest one."""
    windows = flat.reshape(-1, *SHAPE).astype(np.float64)
    return 1 / (1 + np.exp(-(windows * WEIGHTS).sum(axis=(1, 2)))), windows.sum(axis=2), windows.sum(axis=2).argmax(axis=1)


def _onnx() -> bytes:
    nodes = [
        helper.make_node("Mul", ["window", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "both"], ["sum"], keepdims=0),
        helper.make_node("Reshape", ["sum", "column"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probabilities"]),
        helper.make_node("ReduceSum", ["window", "channels"], ["start"], keepdims=0),
        helper.make_node("ArgMax", ["start"], ["end"], axis=1, keepdims=0),
    ]
    arrays = {"weights": WEIGHTS, "both": np.array([1, 2]), "column": np.array([-1, 1]), "channels": np.array([2])}
    outputs = [("probabilities", TensorProto.FLOAT, [None, 1]), ("start", TensorProto.FLOAT, [None, 4]), ("end", TensorProto.INT64, [None])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, [None, *SHAPE])],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


_TORCH = f"""
import sys, torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weights", torch.tensor({WEIGHTS.tolist()}))
    def forward(self, window: torch.Tensor):
        sums = window.sum(dim=2)
        return torch.sigmoid((window * self.weights).sum(dim=(1, 2))).unsqueeze(1), sums, sums.argmax(dim=1)
net = Net().eval()
torch.jit.save(torch.jit.trace(net, torch.zeros(3, 4, 2)), sys.argv[1] + "/torchscript")
rows = torch.export.Dim("rows")
torch.export.save(torch.export.export(net, (torch.zeros(3, 4, 2),), dynamic_shapes=({{0: rows}},)), sys.argv[1] + "/torch_export.pt2")
"""


def _saved_model() -> bytes:
    import tensorflow as tf

    class Net(tf.Module):  # type: ignore[misc, unused-ignore]
        @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE], tf.float32, name="window")])  # type: ignore[untyped-decorator, unused-ignore]
        def serve(self, window: Any) -> Any:
            sums = tf.reduce_sum(window, axis=2)
            score = tf.sigmoid(tf.reduce_sum(window * WEIGHTS, axis=[1, 2]))[:, None]
            return {"probabilities": score, "start": sums, "end": tf.argmax(sums, axis=1)}

    return saved_model(Net())


SCORING = f"""
import numpy as np

WEIGHTS = np.array({WEIGHTS.tolist()})


def predict(batch):
    window = batch["window"]
    assert window.shape[1:] == (4, 2), window.shape
    sums = window.sum(axis=2)
    return {{"probabilities": 1 / (1 + np.exp(-(window * WEIGHTS).sum(axis=(1, 2)))), "start": sums, "end": sums.argmax(axis=1)}}
"""

MADE: dict[str, Callable[[], bytes]] = {
    "callable": lambda: packed_zip({"scoring.py": SCORING}),
    "onnx": _onnx,
    "saved_model": _saved_model,
    "torch_export": lambda: torch_files(_TORCH)["torch_export"],
    "torchscript": lambda: torch_files(_TORCH)["torchscript"],
}


def load(runtime: str, **changed: Any) -> Loaded:
    options = {**OPTIONS, **({"callable": "scoring:predict"} if runtime == "callable" else {}), **changed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded: Loaded = catalogue.load("runtimes", runtime)().load(MADE[runtime](), options)
    return loaded


@pytest.fixture(scope="module", params=[marked(name) for name in MADE])
def loaded(request: Any) -> Loaded:
    return load(request.param)


def computed(loaded: Loaded, flat: Any) -> Scored:
    features = (Feature("window", "float", False, "window", 0, Tensor(SHAPE)),)
    schema = Schema("binary-classification", loaded.inputs, features, ("0", "1"), "probabilities", also=("start", "end"))
    return scored(schema, loaded, {"window": flat})


def test_it_says_the_shape_that_it_takes(loaded: Loaded) -> None:
    assert loaded.inputs == (GraphInput("window", "float32", 8, SHAPE),)
    assert loaded.outputs[0].name == "probabilities"
    assert {output.name for output in loaded.outputs} == {"probabilities", "start", "end"}
    assert Inspection.from_json(inspect(loaded).to_json()) == inspect(loaded)


@pytest.mark.parametrize("rows", [1, 5, 32])
def test_flat_rows_reach_the_graph_in_their_shape_and_all_outputs_come_back(loaded: Loaded, rows: int) -> None:
    found, (scores, start, end) = computed(loaded, X[:rows]), right(X[:rows])
    np.testing.assert_allclose(found.scores[:, 1], scores, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.also["start"], start, rtol=0, atol=1e-5)
    assert (found.also["end"].dtype, found.also["end"].tolist()) == (np.int64, end.tolist())


def test_a_view_that_nobody_may_write_to_is_a_batch_like_any_other(loaded: Loaded) -> None:
    view = X[::2]
    view.flags.writeable = False
    assert computed(loaded, view).scores[:, 1] == pytest.approx(right(X)[0][::2], rel=0, abs=1e-6)


def test_only_the_scores_are_computed_when_only_they_are_asked_for(loaded: Loaded) -> None:
    assert set(loaded.run({"window": X[:2]}, ("probabilities",))) == {"probabilities"}


@pytest.mark.parametrize(
    "wrong", [X[:, :6], X.reshape(-1, 4, 2), X.astype(np.float64), np.concatenate([X, X], axis=1)], ids=lambda x: str(x.shape)
)
def test_rows_of_another_width_shape_or_type_are_refused(loaded: Loaded, wrong: Any) -> None:
    with pytest.raises(ModelError):
        loaded.run({"window": wrong})


@pytest.mark.parametrize("runtime", [marked(name) for name in ("callable", "saved_model", "torchscript")])
def test_an_output_that_it_does_not_give_is_an_error(runtime: str) -> None:
    with pytest.raises(ModelError, match=r"nothing|output"):
        load(runtime, also=["start", "end", "nothing"]).run({"window": X})


@pytest.mark.parametrize("runtime", [marked("saved_model")])
def test_a_signature_with_another_shape_than_is_declared_is_refused(runtime: str) -> None:
    with pytest.raises(ModelError, match="not what is declared"):
        load(runtime, inputs=[{"name": "window", "dtype": "float32", "shape": [2, 4]}])


@pytest.mark.parametrize("runtime", ["lightgbm", "xgboost"])
def test_a_library_of_one_matrix_takes_no_tensors(runtime: str) -> None:
    from runtime_models import real

    with pytest.raises(ModelError, match="by `width`, not by `shape`"):
        real(runtime).load(inputs=[{"name": "x", "dtype": "float64", "shape": [3]}])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"inputs": [{"name": "window", "dtype": "float32", "shape": [4, 0]}]}, "shape"),
        ({"inputs": [{"name": "window", "dtype": "float32", "shape": []}]}, "shape"),
        ({"inputs": [{"name": "window", "dtype": "float32", "shape": [4, 2], "width": 9}]}, "9 columns"),
        ({"inputs": [{"name": "window", "dtype": "string", "shape": [4, 2]}]}, "a tensor holds numbers"),
        ({"also": ["probabilities"]}, "no two"),
        ({"also": ["start", "start"]}, "no two"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load("onnx", **changed)


def test_an_onnx_graph_may_leave_one_size_open() -> None:
    from gonogo.model.runtimes.onnx import OnnxRuntime

    model = onnx.load_model_from_string(_onnx())
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "steps"
    found = OnnxRuntime().load(model.SerializeToString())
    assert found.inputs == (GraphInput("window", "float32", 0, (0, 2)),)
    np.testing.assert_allclose(found.run({"window": X})["probabilities"][:, 0], right(X)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("runtime", [marked("torchscript")])
def test_the_file_beside_an_export_is_run_on_tensors_too(runtime: str, tmp_path: Path) -> None:
    """What export parity compares with: the framework's own file, in a child, gets the shapes of the schema."""
    (tmp_path / "model.pt").write_bytes(MADE[runtime]())
    found, isolation = Sandbox(120, 4096).torch_output(tmp_path / "model.pt", (GraphInput("window", "float32", 8, SHAPE),), {"window": X})
    np.testing.assert_allclose(found[:, 0], right(X)[0], rtol=0, atol=1e-6)
    assert isolation
