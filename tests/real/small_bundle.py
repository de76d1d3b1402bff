"""Real bundles around tiny ONNX graphs whose faults are asked for by the request.

The graph computes p = sqrt(x) · ones[k]: a negative x gives NaN, x above 1 no probability, and k outside [-10, 9] makes ONNX Runtime
refuse the whole batch. A `broken` release gives NaN for every positive x, which its golden request does not show.
"""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gonogo.base.canonical import canonical_bytes
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.release.contents import BASELINE, ENVIRONMENT, GOLDEN, MANIFEST, SCHEMA, manifest, model_paths
from gonogo.stats.bins import fit_numeric


def small_model(*, broken: bool = False) -> bytes:
    nodes = [
        helper.make_node("Mul", ["x", "sign"], ["signed"]),
        helper.make_node("Sqrt", ["signed"], ["root"]),
        helper.make_node("Gather", ["ones", "k"], ["one"]),
        helper.make_node("Mul", ["root", "one"], ["probability"]),
    ]
    weights = [
        numpy_helper.from_array(np.ones(10, dtype=np.float32), "ones"),
        numpy_helper.from_array(np.array([-1.0 if broken else 1.0], dtype=np.float32), "sign"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("k", TensorProto.INT64, [None, 1]),
        ],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def small_schema(**changes) -> Schema:
    return Schema(
        task="binary-classification",
        inputs=(GraphInput("x", "float32", 1), GraphInput("k", "int64", 1)),
        features=(Feature("x", "float", True, "x", 0), Feature("k", changes.get("k", "int"), False, "k", 0)),
        classes=("no", "yes"),
        score_output="probability",
    )


def golden_zero(schema: Schema) -> dict:
    """One request whose score even a broken release gives."""
    row = {"x": 0.0, "k": False if schema.features[1].type == "bool" else 0}
    return {"format": "gonogo-golden/1", "tolerance": 1e-5, "requests": [{"name": "zero", "rows": [row], "scores": [[1.0, 0.0]]}]}


def put_bundle(folder: Path, *, broken: bool = False, schema: Schema | None = None, golden: dict | None = None) -> Path:
    """A whole bundle at `folder`."""
    model = small_model(broken=broken)
    values = np.linspace(0, 1, 101)
    bins = fit_numeric(values)
    counted = {"bins": bins.to_json(), "counts": bins.count(values).tolist(), "missing": 0}
    baseline = {"format": "gonogo-baseline/1", "features": {"x": counted, "k": counted}, "score": counted}
    about = {"path": model_paths("onnx")[0], "format": "onnx", "sha256": hashlib.sha256(model).hexdigest(), "options": {}}
    documents = {
        MANIFEST: manifest("small", about),
        SCHEMA: (schema or small_schema()).to_json(),
        BASELINE: baseline,
        GOLDEN: golden or golden_zero(schema or small_schema()),
    }
    (folder / "model").mkdir(parents=True)
    (folder / about["path"]).write_bytes(model)
    (folder / ENVIRONMENT).write_text("python 3\n")
    for name, document in documents.items():
        (folder / name).write_bytes(canonical_bytes(document))
    return folder
