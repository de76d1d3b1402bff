"""One real model for each runtime: trained or built with the source library, saved in its own format, with the library's own predictions.

Every model takes one matrix of three numbers, "x", and tells two classes apart; the SavedModel and the callable take a column of text,
"city", too. A library that is not installed skips its tests with a reason, and fails them in CI.
"""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base import catalogue
from gonogo.model.archives import pack
from gonogo.model.runtime import Loaded

#: Runtime → the module that it needs, and the extra that has it.
NEEDS = {
    "callable": "numpy",
    "lightgbm": "lightgbm",
    "onnx": "onnxruntime",
    "saved_model": "tensorflow",
    "skops": "skops",
    "torch_export": "torch",
    "torchscript": "torch",
    "xgboost": "xgboost",
}
ON_CALL = {"tensorflow": "tensorflow", "torch": "torch"}  #: not in the default development install
RUNTIMES = sorted(NEEDS)


def marked(name: str) -> Any:
    """The name of a runtime as a test's parameter, skipped where its library is missing, but not in CI."""
    module = NEEDS[name]
    missing = module in ON_CALL and importlib.util.find_spec(module) is None
    reason = f"{module} is not installed (gonogo[{ON_CALL.get(module)}]); in CI it must be"
    return pytest.param(name, marks=pytest.mark.skipif(missing and not os.environ.get("CI"), reason=reason))


@dataclass(frozen=True)
class Real:
    """A saved model; `predict` is the source library's own answer, scores of the last class. `data` is what a bundle holds."""

    runtime: str
    data: bytes
    predict: Callable[[Mapping[str, Any]], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    text: bool = False

    def load(self, **options: Any) -> Loaded:
        loaded: Loaded = catalogue.load("runtimes", self.runtime)().load(self.data, {**self.options, **options})
        return loaded

    def batch(self, x: Any, city: Any = None) -> dict[str, Any]:
        """Rows as the model takes them."""
        rows = np.asarray(x, dtype=self.dtype)
        if not self.text:
            return {"x": rows}
        cities = ["paris", "zürich", "東京", ""] if city is None else city
        return {"x": rows, "city": np.array([cities[i % len(cities)] for i in range(len(rows))], dtype=object)[:, None]}


@cache
def real(runtime: str) -> Real:
    """The model of a runtime, made once for each process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: Real = globals()[f"_{runtime}"]()
    return made


def training() -> tuple[Any, Any]:
    x = np.random.default_rng(0).normal(size=(300, 3))
    return x, (x @ [1.0, -2.0, 0.5] > 0).astype(int)


def _inputs(dtype: str = "float32", *, text: bool = False) -> list[dict[str, Any]]:
    city = [{"name": "city", "dtype": "string", "width": 1}] if text else []
    return [{"name": "x", "dtype": dtype, "width": 3}, *city]


def _onnx() -> Real:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    x, y = training()
    model = LogisticRegression().fit(x, y)
    data = to_onnx(model, x[:1].astype(np.float32), options={"zipmap": False}).SerializeToString()
    return Real("onnx", _renamed(data), lambda batch: model.predict_proba(batch["x"])[:, 1])


def _renamed(data: bytes) -> bytes:
    import onnx

    model = onnx.load_model_from_string(data)
    old = model.graph.input[0].name
    model.graph.input[0].name = "x"
    for node in model.graph.node:
        node.input[:] = ["x" if name == old else name for name in node.input]
    return bytes(model.SerializeToString())


def _skops() -> Real:
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = training()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    return Real("skops", skops.io.dumps(model), lambda batch: model.predict_proba(batch["x"])[:, 1], dtype="float64")


def _lightgbm() -> Real:
    import lightgbm

    x, y = training()
    model = lightgbm.LGBMClassifier(n_estimators=10, n_jobs=1, verbose=-1).fit(x, y)
    return Real("lightgbm", model.booster_.model_to_string().encode(), lambda batch: model.booster_.predict(batch["x"]), dtype="float64")


def _xgboost() -> Real:
    import xgboost

    x, y = training()
    model = xgboost.XGBClassifier(n_estimators=10, n_jobs=1).fit(x, y)
    data = bytes(model.get_booster().save_raw("ubj"))
    return Real("xgboost", data, lambda batch: model.get_booster().inplace_predict(batch["x"]), {"inputs": _inputs()})


_TORCH = """
import sys, torch
import numpy as np
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1), torch.nn.Sigmoid()).eval()
torch.jit.save(torch.jit.script(model), sys.argv[1] + "/m.pt")
torch.export.save(torch.export.export(model, (torch.zeros(4, 3),), dynamic_shapes=({0: torch.export.Dim("rows")},)), sys.argv[1] + "/m.pt2")
np.savez(sys.argv[1] + "/weights.npz", **{name.replace(".", "_"): value.numpy() for name, value in model.state_dict().items()})
"""


@cache
def _torch_files() -> dict[str, bytes]:
    """Written by a process of its own: exporting is slow, and leaves much behind."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-W", "ignore", "-c", _TORCH, folder], check=True, capture_output=True)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _torch(runtime: str, file: str) -> Real:
    import torch

    files = _torch_files()
    weights = {name: torch.from_numpy(value) for name, value in np.load(io.BytesIO(files["weights.npz"])).items()}

    def predict(batch: Mapping[str, Any]) -> Any:
        with torch.inference_mode():
            hidden = torch.nn.functional.linear(torch.from_numpy(batch["x"]), weights["0_weight"], weights["0_bias"]).tanh()
            return torch.nn.functional.linear(hidden, weights["2_weight"], weights["2_bias"]).sigmoid().numpy()[:, 0]

    return Real(runtime, files[file], predict, {"inputs": _inputs()})


def _torchscript() -> Real:
    return _torch("torchscript", "m.pt")


def _torch_export() -> Real:
    return _torch("torch_export", "m.pt2")


def _saved_model() -> Real:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cities.txt").write_text("paris,1\nzürich,2\n東京,3\n", encoding="utf-8")

        class Cities(tf.Module):  # type: ignore[misc, unused-ignore]
            def __init__(self) -> None:
                self.w = tf.Variable(np.array([[1.0], [-2.0], [0.5]], np.float32))
                self.file = tf.saved_model.Asset(str(folder / "cities.txt"))
                rows = tf.lookup.TextFileInitializer(self.file, tf.string, 0, tf.int64, 1, delimiter=",")
                self.table = tf.lookup.StaticHashTable(rows, 0)

            @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x"), tf.TensorSpec([None, 1], tf.string, name="city")])  # type: ignore[untyped-decorator, unused-ignore]
            def serve(self, x: Any, city: Any) -> Any:
                return {"probabilities": tf.sigmoid(x @ self.w + tf.cast(self.table.lookup(city), tf.float32))}

        model = Cities()
        data = saved_model(model)

    def predict(batch: Mapping[str, Any]) -> Any:
        return model.serve(tf.constant(batch["x"]), tf.constant(batch["city"]))["probabilities"].numpy()[:, 0]

    return Real("saved_model", data, predict, {"inputs": _inputs(text=True)}, text=True)


SCORING = """
import os, time

import numpy as np

WEIGHTS = np.loadtxt("weights.txt")
BONUS = {"paris": 1.0, "zürich": 2.0, "東京": 3.0}


def predict(batch):
    order = batch["city"][0, 0]
    if order == "hang":
        time.sleep(600)
    if order == "crash":
        os.abort()
    if order == "leave":
        os._exit(0)
    if order == "exit":
        raise SystemExit(1)
    if order == "short":
        return np.zeros(1)
    if order == "text":
        return ["a"] * len(batch["x"])
    bonus = np.array([BONUS.get(city, 0.0) for city in batch["city"][:, 0]])
    with np.errstate(all="ignore"):
        return 1 / (1 + np.exp(-(batch["x"].astype(np.float64) @ WEIGHTS + bonus)))
"""


def _callable() -> Real:
    files = {"scoring.py": SCORING, "weights.txt": "1 -2 0.5"}
    space: dict[str, Any] = {"__name__": "scoring"}
    exec(SCORING.replace('np.loadtxt("weights.txt")', "np.array([1, -2, 0.5])"), space)
    options = {"callable": "scoring:predict", "inputs": _inputs(text=True)}
    return Real("callable", packed_zip(files), space["predict"], options, text=True)


def packed_zip(files: Mapping[str, str]) -> bytes:
    """The archive of a callable with these files."""
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        pack(Path(folder), "zip", packed)
    return packed.getvalue()


def saved_model(module: Any) -> bytes:
    """A TensorFlow module as its SavedModel, packed; `serve` is the signature that is asked."""
    import tensorflow as tf

    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, f"{folder}/saved", signatures={"serving_default": module.serve})
        pack(Path(folder) / "saved", "tar", packed)
    return packed.getvalue()


@cache
def torch_files(program: str) -> dict[str, bytes]:
    """What a program leaves in the folder that it is given, by the stems of the names: PyTorch stays out of the tests' own process."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-W", "ignore", "-c", program, folder], check=True, capture_output=True)
        return {path.stem: path.read_bytes() for path in Path(folder).iterdir()}
