"""A small real project that trains: a linear model on bootstrapped rows of two years, in ONNX, with a pack that wants a certificate.

Its training is quick and honest: the seed chooses the rows, what is learnt comes from the table alone.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from gonogo.base.clock import FakeClock
from gonogo.evidence.commands import run_command
from gonogo.operations.workspace import Workspace

ROWS = {"train": 600, "validation": 100, "test": 300}
TRAIN = '''
"""Least squares on bootstrapped rows, as one ONNX graph."""
import csv
import os
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import gonogo

SEED = int(os.environ.get("GONOGO_SEED", 17))


def read(name):
    with open(f"data/{name}.csv") as file:
        rows = list(csv.DictReader(file))
    x = np.array([[float(row["heat"]), float(row["wind"])] for row in rows])
    return x, np.array([int(row["fire"]) for row in rows])


x, y = read("train")
drawn = np.random.default_rng(SEED).integers(0, len(x), len(x))
design = np.column_stack([x[drawn], np.ones(len(x))])
weights = np.linalg.lstsq(design, 2.0 * y[drawn] - 1, rcond=None)[0]
w = numpy_helper.from_array(np.array([[-w, w] for w in weights[:2]], dtype=np.float32), "w")
b = numpy_helper.from_array(np.array([-weights[2], weights[2]], dtype=np.float32), "b")
nodes = [
    helper.make_node("MatMul", ["x", "w"], ["m"]),
    helper.make_node("Add", ["m", "b"], ["z"]),
    helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
]
inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])]
outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])]
graph = helper.make_graph(nodes, "g", inputs, outputs, [w, b])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
Path("models").mkdir(exist_ok=True)
Path("models/model.onnx").write_bytes(model.SerializeToString())
tx, ty = read("test")
accuracy = float(((np.column_stack([tx, np.ones(len(tx))]) @ weights > 0) == ty).mean())
gonogo.record_run(
    "models/run.json", params={"features": 2}, metrics={"accuracy": accuracy},
    data={"train": "data/train.csv", "model": "models/model.onnx"}, seed=SEED, features=["heat", "wind"],
)
print("trained", SEED)
'''
PROJECT = """
system: fires
pack: ./pack
model: {path: models/model.onnx, task: binary-classification, features: [heat, wind]}
data: {train: data/train.csv, validation: data/validation.csv, test: data/test.csv, target: fire, time: day, embargo: 1 d}
run_record: models/run.json
isolation: accept-weaker
code: {paths: [train.py], train: PYTHON train.py}
certify: {seeds: [1, 2, 3], folds: 2, permutations: 20}
"""
PACK = """
name: fires-pack
title: Fires
roles: {owner: the forest}
"""
GATE = """
id: fires-gate
title: Fires
version: 1.0.0
date: "2026-01-01"
status: ready
sections:
  - title: Certification
    items:
      - id: certified
        statement: Three retrains in a row were green.
        check: certification
        options:
          green: [cv_mean >= 0.85, cv_std <= 0.1, bootstrap_low >= 0.8, permutation_p < 0.05, test_accuracy >= 0.85, p95_ms <= 5000 ms]
          stable: [test_accuracy]
        require: [voided == 0, model_green == true, consecutive_green >= 3, metrics_missing == 0, spread <= 5 pp]
      - id: information
        statement: Nothing that was thrown away carried the answer.
        check: information_drop
        require: information_drop < 5%
      - id: synthetic
        statement: Few rows are made up.
        kind: conditional
        check: synthetic
        require: synthetic_ratio <= 1.5
"""
ANSWER = "items: {synthetic: {applies: false, reason: every row was seen}}\n"


@dataclass
class Fires:
    """The project; `clock` stands still until it is advanced."""

    folder: Path
    clock: FakeClock

    def workspace(self) -> Workspace:
        return Workspace(Workspace.open(self.folder).project, self.clock)

    def edit(self, old: str, new: str, file: str = "train.py") -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    def train(self) -> None:
        done = run_command([sys.executable, "train.py"], folder=self.folder, seconds=120)
        assert done.exit_code == 0, done.errors


def write_fires(folder: Path) -> Fires:
    """The project, trained once with its own seed."""
    for name in ("data", "models", "pack"):
        (folder / name).mkdir(parents=True)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for offset, (name, rows) in enumerate(ROWS.items()):
        rng = np.random.default_rng(offset)
        x = rng.normal(size=(rows, 2))
        fire = (x @ [1.0, -0.7] + 0.35 * rng.normal(size=rows) > 0).astype(int)
        first = start + timedelta(days=sum(list(ROWS.values())[:offset]) + 5 * offset)
        days = [(first + timedelta(days=row)).strftime("%Y-%m-%dT00:00:00") for row in range(rows)]
        lines = [f"{a:.5f},{b:.5f},{day},{label}" for (a, b), day, label in zip(x, days, fire, strict=True)]
        (folder / f"data/{name}.csv").write_text("\n".join(["heat,wind,day,fire", *lines]) + "\n")
    project = PROJECT.replace("PYTHON", sys.executable) + ANSWER
    texts: Mapping[str, str] = {"train.py": TRAIN, "gonogo.yaml": project, "pack/pack.yaml": PACK, "pack/gate.yaml": GATE}
    for name, text in texts.items():
        (folder / name).write_text(text)
    fires = Fires(folder, FakeClock(datetime.now(UTC)))
    fires.train()
    return fires


def copied(fires: Fires, into: Path) -> Fires:
    """The same project elsewhere, to be spoiled."""
    shutil.copytree(fires.folder, into)
    return Fires(into, FakeClock(fires.clock.now()))
