"""A small project whose model takes windows: 20 steps of 3 channels, three classes, and two outputs beside the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pyarrow
import pyarrow.parquet
from onnx import TensorProto, helper, numpy_helper

SHAPE = (20, 3)
CLASSES = ("fall", "flat", "rise")  #: as sorted; class i has a high mean of channel i
CHANNELS = ("open", "high", "low")
PROJECT = """\
system: windows
model:
  path: windows.onnx
  task: multiclass-classification
  also: [start, end]
  explainer: shapley
  tensors:
    window: {axis: 1, channels: [open, high, low], summaries: [mean, spread, missing]}
data:
  train: train.parquet
  test: test.parquet
  target: kind
  ignore: [day]
prediction_log: {}
"""


def window_model() -> bytes:
    """probabilities = softmax(8 * the mean over the steps), start = softmax of the steps' sums, end = the step with the highest sum."""
    nodes = [
        helper.make_node("ReduceMean", ["window"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Mul", ["mean", "eight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ReduceSum", ["window", "channels"], ["sums"], keepdims=0),
        helper.make_node("Softmax", ["sums"], ["start"], axis=1),
        helper.make_node("ArgMax", ["sums"], ["end"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "windows",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, [None, *SHAPE])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(CLASSES)]),
            helper.make_tensor_value_info("start", TensorProto.FLOAT, [None, SHAPE[0]]),
            helper.make_tensor_value_info("end", TensorProto.INT64, [None]),
        ],
        [numpy_helper.from_array(np.float32(8), "eight"), numpy_helper.from_array(np.array([2]), "channels")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def windows(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows, float32 [rows, 20, 3], and the index of the class of each."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, len(CLASSES), rows)
    return (generator.normal(size=(rows, *SHAPE)) + np.eye(3)[kind][:, None, :]).astype(np.float32), kind


def write_table(path: Path, values: np.ndarray, kind: np.ndarray) -> None:
    """A table with the windows as nested lists, as Parquet."""
    columns = {"window": values.tolist(), "kind": [CLASSES[place] for place in kind], "day": list(range(len(kind)))}
    nested = pyarrow.list_(pyarrow.list_(pyarrow.float32()))
    fields = pyarrow.schema([("window", nested), ("kind", pyarrow.string()), ("day", pyarrow.int64())])
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=fields), path)


def write_project(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "windows.onnx").write_bytes(window_model())
    write_table(folder / "train.parquet", *windows(700, 1))
    write_table(folder / "test.parquet", *windows(500, 2))
    (folder / "gonogo.yaml").write_text(PROJECT)
