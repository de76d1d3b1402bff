"""Seeds that are set, and training that is run again: a real training script, a real sandbox."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base.table import Table
from gonogo.errors import ChildError, DataError, UsageError
from gonogo.evidence.inputs import Scores, SourceTree
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.model.encode import encode_table
from gonogo.model.sandbox import Sandbox
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.model.source import ModelSource
from measured import values

SANDBOX = Sandbox(60, 4096, accept_weaker=sys.platform != "linux")
TRAIN = """
import sys
import numpy as np
from onnx import TensorProto, helper, numpy_helper

rows = np.loadtxt("train.csv", delimiter=",", skiprows=1)
weights = np.linalg.lstsq(rows[:, :2], 2 * rows[:, 2] - 1, rcond=None)[0].astype(np.float32)
weights += SHIFT
constants = {"w": weights.reshape(2, 1), "one": np.array([[1]], np.float32)}
nodes = [
    helper.make_node("MatMul", ["X", "w"], ["z"]), helper.make_node("Sigmoid", ["z"], ["p"]),
    helper.make_node("Sub", ["one", "p"], ["q"]), helper.make_node("Concat", ["q", "p"], ["probabilities"], axis=1),
]
graph = helper.make_graph(
    nodes, "small", [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])],
    [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
    [numpy_helper.from_array(value, name) for name, value in constants.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
open(sys.argv[1], "wb").write(model.SerializeToString(deterministic=True))
"""
SCHEMA = Schema(
    "binary-classification",
    (GraphInput("X", "float32", 2),),
    tuple(Feature(f"x{i}", "float", False, "X", i) for i in range(2)),
    ("0", "1"),
    "probabilities",
)


# -- reproduction ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder whose model has been trained once."""
    root = tmp_path_factory.mktemp("project")
    generator = np.random.default_rng(3)
    x = generator.normal(size=(200, 2))
    y = (x[:, 0] - 0.5 * x[:, 1] + 0.3 * generator.normal(size=200) > 0).astype(int)
    (root / "train.csv").write_text("x0,x1,y\n" + "".join(f"{a:.5f},{b:.5f},{c}\n" for (a, b), c in zip(x, y, strict=True)))
    (root / "train.py").write_text(TRAIN.replace("SHIFT", "0"))
    subprocess.run([sys.executable, "train.py", "model.onnx"], cwd=root, check=True, timeout=60)
    return root


@pytest.fixture(scope="module")
def scored(trained: Path) -> tuple[Table, Scores]:
    """A test table, and what the trained model says about it."""
    x = np.random.default_rng(4).normal(size=(100, 2))
    test = Table({"x0": x[:, 0], "x1": x[:, 1]}, 100)
    scores, isolation = SANDBOX.scores(SCHEMA, ModelSource(trained / "model.onnx"), encode_table(SCHEMA, test))
    return test, Scores((x[:, 0] > 0).astype(np.int64), scores, ("0", "1"), isolation)


@pytest.fixture
def again(
    trained: Path, scored: tuple[Table, Scores], tmp_path: Path, project: Callable[..., Any], bundle: Callable[..., Any]
) -> Callable[..., Measurement]:
    """Train again with another script and another command."""

    def measured(script: str, *command: str, model: Path | None = None) -> Measurement:
        for name in ("train.csv", "model.onnx"):
            (tmp_path / name).write_bytes((trained / name).read_bytes())
        (tmp_path / "train.py").write_text(script)
        return measure(
            "reproduction",
            project=project(tmp_path, train=command or None),
            source=SourceTree.read(tmp_path, [Path("train.py")]),
            train_file=tmp_path / "train.csv",
            model_file=model or tmp_path / "model.onnx",
            bundle=bundle(schema=SCHEMA, root=trained, model_path=trained / "model.onnx"),
            test=scored[0],
            scores_test=scored[1],
            sandbox=SANDBOX,
        )

    return measured


RUN = ("python", "train.py", "model.onnx")


def test_the_same_training_makes_the_same_model(again: Callable[..., Measurement]) -> None:
    found = again(TRAIN.replace("SHIFT", "0"), *RUN)
    facts = values(found)
    assert facts.pop("seconds") > 0
    assert facts == {"rows": 100, "max_abs_diff": 0.0, "p99_abs_diff": 0.0, "label_flips": 0, "metric_delta": 0.0, "bytes_equal": True}
    assert found.isolation.startswith("process, rlimits")


def test_a_training_that_comes_out_otherwise_is_measured(again: Callable[..., Measurement]) -> None:
    facts = values(again(TRAIN.replace("SHIFT", "np.float32(0.7)"), *RUN))
    assert facts["bytes_equal"] is False
    assert facts["max_abs_diff"] >= facts["p99_abs_diff"] > 0.01
    assert facts["label_flips"] > 0
    assert facts["metric_delta"] > 0


@pytest.mark.parametrize(
    ("script", "command", "why"),
    [
        ("raise SystemExit('no data')", RUN, "ended with 1: no data"),
        ("", RUN, "wrote no model.onnx"),  # the model that was there before does not count
        (TRAIN.replace("SHIFT", "0"), ("python", "train.py", "other.onnx"), "wrote no model.onnx"),
        ("import socket; socket.create_connection(('192.0.2.1', 80), 5)", RUN, "ended with 1"),
        ("", ("no-such-program",), "ended with 127"),
    ],
)  # fmt: skip
def test_a_training_that_makes_no_model_is_an_error(again: Callable[..., Measurement], script: str, command: Any, why: str) -> None:
    with pytest.raises(ChildError, match=why):
        again(script, *command)


def test_without_a_command_or_with_a_model_elsewhere_nothing_can_be_repeated(again: Callable[..., Measurement], trained: Path) -> None:
    with pytest.raises(UsageError, match="declares no training"):
        again("")
    with pytest.raises(UsageError, match="outside the project"):
        again("", *RUN, model=trained / "model.onnx")


# -- seed -----------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def seeds(tmp_path: Path) -> Callable[..., Measurement]:
    def measured(code: str, seed: Any = 17, options: dict[str, str] | None = None, **more: Any) -> Measurement:
        (tmp_path / "train.py").write_text(code)
        (tmp_path / "test_train.py").write_text("import random\nrandom.seed(1)\n")
        source = SourceTree.read(tmp_path, [Path("train.py"), Path("test_train.py")])
        return measure("seed", options, run_record={"seed": seed}, source=source, **more)

    return measured


@pytest.mark.parametrize(
    ("code", "held", "loose"),
    [
        ("import random\nrandom.seed(17)\nnp.random.seed(17)\ntorch.manual_seed(17)\n", 3, 0),
        ("rng = np.random.default_rng(17)\nrng = np.random.default_rng()\n", 1, 1),
        ("RandomForestClassifier(random_state=SEED)\ntrain_test_split(x, random_state=None)\n", 1, 1),
        ("random.seed()\nrandom.Random()\nnp.random.RandomState(seed=3)\n", 1, 2),
        ("gonogo.record_run('run.json', seed=17)\nfit(x)\n", 0, 0),
    ],
)
def test_places_that_set_a_seed_are_told_from_those_that_do_not(
    seeds: Callable[..., Measurement], code: str, held: int, loose: int
) -> None:
    found = seeds(code)
    assert (values(found)["seeds_set"], values(found)["unseeded"]) == (held, loose)
    assert len(found.findings) == loose


@pytest.mark.parametrize("seed", [None, True, "17", 1.5])
def test_a_run_without_a_whole_number_has_no_seed(seeds: Callable[..., Measurement], seed: Any) -> None:
    facts = values(seeds("", seed))
    assert facts["has_seed"] is False
    assert "seed" not in facts


@pytest.mark.parametrize(("written", "same"), [("training: {seed: 17}\n", True), ("seed: 18\n", False), ("epochs: 3\n", False)])
def test_configuration_and_report_must_name_the_same_seed(
    seeds: Callable[..., Measurement], tmp_path: Path, written: str, same: bool
) -> None:
    (tmp_path / "config.yaml").write_text(written)
    (tmp_path / "report.md").write_text("## Reproducibility\n\nSeed 17, fixed.\n" if same else "## Reproducibility\n\nSeed 170.\n")
    given = {"files": {"config": tmp_path / "config.yaml"}, "documents": {"report": tmp_path / "report.md"}}
    facts = values(seeds("", options={"config": "config", "document": "report"}, **given))
    assert (facts["config_match"], facts["document_match"]) == (same, same)


def test_what_cannot_be_read_is_an_error(seeds: Callable[..., Measurement]) -> None:
    with pytest.raises(DataError, match=r"train\.py cannot be read as Python"):
        seeds("def (")
    with pytest.raises(UsageError, match="declares no file"):
        seeds("", options={"config": "config"})
