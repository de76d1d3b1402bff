"""Exports: what the ONNX file is, and, where PyTorch is installed, whether TorchScript and torch.export say the same."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gonogo.base.table import Table
from gonogo.errors import DataError, GonogoError, MissingExtraError, UsageError
from gonogo.evidence.inputs import Scores
from gonogo.evidence.memory import measure
from gonogo.model.sandbox import Sandbox
from measured import values

SANDBOX = Sandbox(seconds=120, memory_mib=8192, accept_weaker=True)
TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(
    not TORCH and not os.environ.get("CI"), reason="PyTorch is not installed (gonogo[torch]); in CI it must be"
)


# -- export_info --------------------------------------------------------------------------------------------------------------------


def exported(path: Path, *, weights: Any = np.float32, names: tuple[str, str] = ("features", "probabilities"), opset: int = 17) -> Path:
    """A linear layer of 50 × 40 numbers with a softmax."""
    matrix = np.random.default_rng(0).normal(size=(50, 40)).astype(weights)
    kind = TensorProto.FLOAT if weights is np.float32 else TensorProto.DOUBLE
    nodes = [helper.make_node("MatMul", [names[0], "w"], ["m"]), helper.make_node("Softmax", ["m"], [names[1]])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(names[0], kind, [None, 50])],
        [helper.make_tensor_value_info(names[1], kind, [None, 40])],
        [numpy_helper.from_array(matrix, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def test_a_good_export_has_names_an_opset_and_the_size_of_its_weights(tmp_path: Path) -> None:
    found = measure("export_info", model_file=exported(tmp_path / "m.onnx"), sandbox=SANDBOX)
    facts = values(found)
    assert (facts["opset"], facts["named_inputs"], facts["named_outputs"], facts["checker_ok"], facts["formats"]) == (
        17,
        True,
        True,
        True,
        1,
    )
    assert facts["expected_bytes"] == 50 * 40 * 4
    assert 1.0 < facts["size_ratio"] < 1.1
    assert found.findings == ()


def test_the_expected_size_follows_the_type_and_old_operators_are_seen(tmp_path: Path) -> None:
    facts = values(measure("export_info", model_file=exported(tmp_path / "m.onnx", weights=np.float64, opset=13), sandbox=SANDBOX))
    assert facts["expected_bytes"] == 50 * 40 * 8
    assert facts["opset"] == 13


@pytest.mark.parametrize("name", ["input.1", "12", "onnx::MatMul_0", "/fc/Gemm_output_0", "x_1"])
def test_names_that_exporters_make_up_are_no_names(tmp_path: Path, name: str) -> None:
    found = measure("export_info", model_file=exported(tmp_path / "m.onnx", names=(name, "probabilities")), sandbox=SANDBOX)
    assert (values(found)["named_inputs"], values(found)["named_outputs"]) == (False, True)
    assert found.findings == (f"the input {name!r} has no name that says something",)


def test_a_file_with_something_else_in_it_is_too_large(tmp_path: Path) -> None:
    model = onnx.load(exported(tmp_path / "m.onnx"))
    model.doc_string = "x" * 20_000
    onnx.save(model, tmp_path / "m.onnx")
    assert values(measure("export_info", model_file=tmp_path / "m.onnx", sandbox=SANDBOX))["size_ratio"] > 3


def test_a_file_that_does_not_load_is_no_export(tmp_path: Path) -> None:
    path = exported(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[:-30])
    found = measure("export_info", model_file=path, sandbox=SANDBOX)
    assert (values(found)["checker_ok"], values(found)["formats"]) == (False, 0)
    assert "Export it again." in found.findings[0]


def test_other_exports_count_only_when_they_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "s.pt").write_bytes(b"nothing")
    with zipfile.ZipFile(tmp_path / "e.pt2", "w") as archive:
        archive.writestr("e/archive_format", "pt2")
    files = {"torchscript": tmp_path / "s.pt", "torch_export": tmp_path / "e.pt2"}
    found = measure("export_info", model_file=exported(tmp_path / "m.onnx"), sandbox=SANDBOX, files=files)
    assert values(found)["formats"] == 2
    assert found.findings[0].startswith("torchscript: ")


# -- export_parity ------------------------------------------------------------------------------------------------------------------

MAKE = """
import sys, torch
folder = sys.argv[1]
torch.manual_seed(0)
body = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
whole = torch.nn.Sequential(body, torch.nn.Softmax(dim=1)).eval()
torch.jit.script(whole).save(f"{folder}/whole.pt")
torch.jit.script(body).save(f"{folder}/logits.pt")
torch.export.save(torch.export.export(whole, (torch.zeros(4, 3),), dynamic_shapes=({0: torch.export.Dim("rows")},)), f"{folder}/whole.pt2")
torch.save({"model_state_dict": body.state_dict(), "epoch": 3, "val_acc": 0.9}, f"{folder}/best.pt")
rows = torch.tensor([[i / 10, 1 - i / 20, (i % 7) / 3] for i in range(60)])
print(whole(rows)[:, 1].tolist())
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Table, Scores]:
    """A real network as TorchScript, with and without softmax, as torch.export, and as a checkpoint; rows, and its scores of them."""
    folder = tmp_path_factory.mktemp("torch")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", MAKE, str(folder)], capture_output=True, text=True, check=True)
    positive = np.array(json.loads(done.stdout.splitlines()[-1]))
    i = np.arange(60.0)
    test = Table({"x0": i / 10, "x1": 1 - i / 20, "x2": (i % 7) / 3}, 60)
    y = (positive > np.median(positive)).astype(np.int64)
    return folder, test, Scores(y, np.stack([1 - positive, positive], axis=1), ("0", "1"), "")


@pytest.fixture
def network(bundle: Any) -> Any:
    from gonogo.model.schema import Feature, GraphInput, Schema

    features = tuple(Feature(f"x{i}", "float", False, "X", i) for i in range(3))
    return bundle(schema=Schema("binary-classification", (GraphInput("X", "float32", 3),), features, ("0", "1"), "probabilities"))


@needs_torch
@pytest.mark.parametrize(
    ("file", "output"),
    [("whole.pt", "probabilities"), ("logits.pt", "logits"), ("whole.pt2", "probabilities")],
    ids=["script", "logits", "export"],
)
def test_an_export_that_says_the_same_has_parity(programs: Any, network: Any, file: str, output: str) -> None:
    folder, test, scores = programs
    found = measure(
        "export_parity",
        {"output": output},
        files={"torchscript": folder / file},
        bundle=network,
        test=test,
        scores_test=scores,
        sandbox=SANDBOX,
    )
    facts = values(found)
    assert (facts["rows"], facts["columns"], facts["label_flips"], facts["accuracy_delta"]) == (60, 2, 0, 0.0)
    assert facts["max_abs_diff"] < 1e-5
    assert "process" in found.isolation


@needs_torch
def test_an_export_that_says_something_else_is_found(programs: Any, network: Any) -> None:
    folder, test, scores = programs
    other = Scores(scores.y, scores.scores[:, ::-1], scores.classes, "")
    found = measure(
        "export_parity", files={"torchscript": folder / "whole.pt"}, bundle=network, test=test, scores_test=other, sandbox=SANDBOX
    )
    assert values(found)["label_flips_outside_margin"] > 0
    assert values(found)["p99_abs_diff"] > 0.01


@needs_torch
def test_real_checkpoints_and_scripts_are_read_without_torch(programs: Any) -> None:
    folder, _, _ = programs
    found = values(measure("checkpoint", {"keys": ["epoch", "val_acc"]}, files={"checkpoint_best": folder / "best.pt"}, sandbox=SANDBOX))
    assert (found["readable"], found["keys_missing"], found["non_finite_tensors"], found["parameters"]) == (
        True,
        0,
        0,
        3 * 8 + 8 + 16 + 16 + 2,
    )
    files = {"checkpoint_best": folder / "logits.pt", "other": folder / "best.pt"}
    assert values(measure("strict_load", {"against": "other"}, files=files, sandbox=SANDBOX))["missing_keys"] == 0


@needs_torch
@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04garbage"])
def test_a_program_that_does_not_load_is_an_error(programs: Any, network: Any, tmp_path: Path, content: bytes) -> None:
    _, test, scores = programs
    (tmp_path / "s.pt").write_bytes(content)
    with pytest.raises(GonogoError):
        measure("export_parity", files={"torchscript": tmp_path / "s.pt"}, bundle=network, test=test, scores_test=scores, sandbox=SANDBOX)


@pytest.mark.skipif(TORCH, reason="PyTorch is installed")
def test_without_pytorch_it_is_said_what_to_install(tmp_path: Path, network: Any, table: Any) -> None:
    (tmp_path / "s.pt").write_bytes(b"x")
    scores = Scores(np.array([0]), np.array([[0.5, 0.5]]), ("0", "1"), "")
    given = {"bundle": network, "test": table(x0=[1.0], x1=[1.0], x2=[1.0]), "scores_test": scores, "sandbox": SANDBOX}
    with pytest.raises(MissingExtraError, match="gonogo\\[torch\\]"):
        measure("export_parity", files={"torchscript": tmp_path / "s.pt"}, **given)


def test_options_and_files_that_make_no_sense_are_errors(tmp_path: Path, network: Any, bundle: Any, table: Any) -> None:
    scores = Scores(np.array([0]), np.array([[0.5, 0.5]]), ("0", "1"), "")
    given = {"bundle": network, "test": table(x0=[1.0], x1=[1.0], x2=[1.0]), "scores_test": scores, "sandbox": SANDBOX}
    with pytest.raises(UsageError, match="no file 'torch_export'"):
        measure("export_parity", {"file": "torch_export"}, files={}, **given)
    with pytest.raises(DataError, match="no kind of output"):
        measure("export_parity", {"output": "text"}, files={}, **given)
    (tmp_path / "s.pt").write_bytes(b"x")
    worded = {**given, "bundle": bundle(t="string"), "test": table(t=["a"])}
    with pytest.raises(DataError, match="takes text"):
        measure("export_parity", files={"torchscript": tmp_path / "s.pt"}, **worded)
