"""Checks on saved weights: counted, compared and looked at for NaN, without the framework that wrote them.

The PyTorch files are put together by hand, as torch.save writes them (`torch_file.py`); `test_export_checks.py` reads real ones where
PyTorch is installed.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gonogo.errors import DataError, GonogoError, ModelError, UsageError
from gonogo.evidence.memory import measure
from gonogo.model.sandbox import Sandbox
from gonogo.model.weights import Weights, read_weights
from measured import values
from torch_file import TorchFile, fraction, mapping, number, numbers

SANDBOX = Sandbox(seconds=60, memory_mib=4096, accept_weaker=True)


def checkpoint(path: Path, weight: np.ndarray[Any, Any] | None = None, **more: bytes) -> Path:
    """Two layers and a batch normalisation, an optimizer's state, an epoch: 4·3 + 4 + 4 + 2·4 = 28 parameters."""
    file = TorchFile()
    first = np.arange(12, dtype=np.float32).reshape(4, 3) if weight is None else weight
    state = mapping(
        fc1__weight=file.tensor(first), fc1__bias=file.tensor(np.zeros(4, np.float32)), bn__weight=file.tensor(np.ones(4, np.float32)),
        bn__running_mean=file.tensor(np.zeros(4, np.float32)), bn__num_batches_tracked=file.tensor(np.array(7, np.int64)),
        fc2__weight=file.tensor(np.ones((2, 4), np.float32)),
    )  # fmt: skip
    optimizer = mapping(state=mapping(exp_avg=file.tensor(np.ones((4, 3), np.float32))))
    content = mapping(model_state_dict=state, optimizer=optimizer, epoch=number(12), val_acc=fraction(0.83), **more)
    return file.write(path, content)


def safetensors(path: Path, **tensors: np.ndarray[Any, Any]) -> Path:
    header: dict[str, Any] = {}
    data = b""
    for name, array in tensors.items():
        kind = {"float32": "F32", "float16": "F16", "uint16": "BF16"}[str(array.dtype)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    said = json.dumps(header).encode()
    path.write_bytes(len(said).to_bytes(8, "little") + said + data)
    return path


def onnx_model(path: Path, weight: np.ndarray[Any, Any]) -> Path:
    nodes = [helper.make_node("MatMul", ["features", "w"], ["m"]), helper.make_node("Sigmoid", ["m"], ["probabilities"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, weight.shape[0]])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, weight.shape[1]])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


# -- checkpoint ---------------------------------------------------------------------------------------------------------------------


def test_a_whole_checkpoint_is_read_in_the_sandbox_without_its_framework(tmp_path: Path) -> None:
    files = {"checkpoint_best": checkpoint(tmp_path / "best.pt")}
    found = measure("checkpoint", {"keys": ["model_state_dict", "epoch", "val_acc"]}, files=files, sandbox=SANDBOX)
    assert values(found) == {
        "exists": True, "readable": True, "keys_missing": 0, "format": "torch", "tensors": 7, "non_finite_tensors": 0, "parameters": 28,
    }  # fmt: skip
    assert found.findings == ()
    assert "process" in found.isolation


def test_missing_entries_and_nan_weights_are_found_and_named(tmp_path: Path) -> None:
    weight = np.ones((4, 3), np.float32)
    weight[1, 2], weight[0, 0] = np.nan, np.inf
    files = {"checkpoint_last": checkpoint(tmp_path / "last.pt", weight)}
    found = measure("checkpoint", {"file": "checkpoint_last", "keys": ["epoch", "scheduler"]}, files=files, sandbox=SANDBOX)
    assert values(found)["keys_missing"] == 1
    assert values(found)["non_finite_tensors"] == 1
    assert found.findings == (
        "checkpoint_last: the entry 'scheduler' is missing",
        "checkpoint_last: fc1.weight holds 2 values that are NaN or infinite",
    )


def test_a_checkpoint_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    found = measure("checkpoint", {"keys": ["epoch"]}, files={"checkpoint_best": tmp_path / "best.pt"}, sandbox=SANDBOX)
    assert values(found) == {"exists": False, "readable": False, "keys_missing": 1}


def broken(path: Path, kind: str) -> Path:
    whole = checkpoint(path).read_bytes()
    mark = path.parent / "mark"
    call = f"cposix\nsystem\n(X{chr(len(f'touch {mark}'))}\0\0\0touch {mark}tR".encode("latin1")
    match kind:
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "plain pickle":
            path.write_bytes(pickle.dumps({"model_state_dict": {}}))
        case "hostile":
            checkpoint(path, extra=call)
        case "unknown class":
            checkpoint(path, extra=b"cmodels.net\nNet\n)R")
        case "values missing":
            TorchFile().write(path, mapping(w=TorchFile().tensor(np.ones(3, np.float32))))
        case "too few values":
            file = TorchFile()
            file.write(path, mapping(w=file.tensor(np.ones(3, np.float32), size=4)))
        case "beyond its values":
            file = TorchFile()
            content = file.tensor(np.ones(3, np.float32)).replace(numbers((3,)), numbers((300,)))
            file.write(path, mapping(w=content))
        case "no tensors":
            TorchFile().write(path, mapping(epoch=number(1)))
        case "deep":
            TorchFile().write(path, b"]" * 2000 + b"a" * 1999)
    return path


BROKEN = ("cut", "plain pickle", "hostile", "unknown class", "values missing", "too few values", "beyond its values", "no tensors", "deep")


@pytest.mark.parametrize("kind", BROKEN)
def test_a_checkpoint_that_is_not_what_it_should_be_is_not_readable(tmp_path: Path, kind: str) -> None:
    files = {"checkpoint_best": broken(tmp_path / "best.pt", kind)}
    found = values(measure("checkpoint", {"keys": ["epoch"]}, files=files, sandbox=SANDBOX))
    assert found["exists"] is True
    assert found["readable"] is False
    assert not (tmp_path / "mark").exists()


def test_a_checkpoint_that_is_not_declared_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file 'checkpoint_best'"):
        measure("checkpoint", files={}, sandbox=SANDBOX)


# -- safetensors and ONNX -----------------------------------------------------------------------------------------------------------


def test_safetensors_are_counted_and_looked_at(tmp_path: Path) -> None:
    half = np.array([1.0, np.inf], np.float16)
    brain = np.array([0x7FC0, 0x3F80], np.uint16)  # NaN and 1 in bfloat16
    found = read_weights(safetensors(tmp_path / "m", a=np.ones((2, 3), np.float32), b=half, c=brain))
    assert [(t.name, t.dtype, t.shape, t.non_finite) for t in found.tensors] == [
        ("a", "float32", (2, 3), 0), ("b", "float16", (2,), 1), ("c", "bfloat16", (2,), 1),
    ]  # fmt: skip
    assert found.parameters == 10
    assert Weights.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize("spoil", [lambda h: {**h, "data_offsets": [0, 3]}, lambda h: {**h, "shape": [99]}, lambda h: {**h, "shape": [-1]}])
def test_safetensors_that_contradict_themselves_are_refused(tmp_path: Path, spoil: Any) -> None:
    header = json.dumps({"w": spoil({"dtype": "F32", "shape": [2], "data_offsets": [0, 8]})}).encode()
    (tmp_path / "m").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(ModelError):
        read_weights(tmp_path / "m")


@pytest.mark.parametrize("raw", [True, False])
def test_the_tensors_of_an_onnx_file_are_read_from_its_bytes(tmp_path: Path, raw: bool) -> None:
    path = onnx_model(tmp_path / "m", np.array([[1.0, np.nan]], np.float32))
    if not raw:
        model = onnx.load(path)
        model.graph.initializer[0].CopyFrom(helper.make_tensor("w", TensorProto.FLOAT, [1, 2], [1.0, float("nan")]))
        onnx.save(model, path)
    (found,) = read_weights(path).tensors
    assert (found.name, found.dtype, found.shape, found.non_finite) == ("w", "float32", (1, 2), 1)


@pytest.mark.parametrize("garbage", [{}, [], {"format": "x", "keys": [], "tensors": [[1]]}, {"format": "x", "keys": 3, "tensors": []}])
def test_a_child_that_lies_about_weights_is_not_believed(garbage: Any) -> None:
    with pytest.raises(ModelError, match="malformed"):
        Weights.from_json(garbage)


# -- architecture -------------------------------------------------------------------------------------------------------------------


def declared(folder: Path, **metadata: Any) -> dict[str, Path]:
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return {"metadata": folder / "metadata.json", "checkpoint_best": checkpoint(folder / "best.pt")}


@pytest.mark.parametrize("metadata", [{"architecture": {"parameters": 28}}, {"architecture": {"total_params": 28}}, {"total_params": 28}])
def test_the_declared_number_of_parameters_is_counted_again(tmp_path: Path, metadata: Any) -> None:
    files = declared(tmp_path, **metadata)
    found = measure("architecture", {"file": "checkpoint_best"}, model_file=tmp_path, files=files, sandbox=SANDBOX)
    assert values(found) == {
        "parameters": 28, "declared_parameters": 28, "parameters_ratio": 1.0, "matches": True, "layers": 2, "device": "cpu",
        "recurrent_layers": 0, "bidirectional": False,
    }  # fmt: skip


def test_the_layers_of_a_recurrent_network_are_counted_by_its_names(tmp_path: Path) -> None:
    """Input 11, hidden 128, two layers in both directions, two classes: what is often called 100,000 parameters (conflict K01)."""
    names = [
        f"bilstm.{kind}_l{layer}{side}"
        for layer in (0, 1)
        for side in ("", "_reverse")
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    widths = {"weight_ih_l0": 11, "weight_ih_l1": 256, "weight_hh_l0": 128, "weight_hh_l1": 128}
    shapes = {name: (512, widths[key]) if (key := name.split(".")[1].removesuffix("_reverse")) in widths else (512,) for name in names}
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    tensors |= {"classifier.weight": np.zeros((2, 256), np.float32), "classifier.bias": np.zeros(2, np.float32)}
    files = {**declared(tmp_path, architecture={"parameters": 100_000}), "encoder": safetensors(tmp_path / "e", **tensors)}
    found = values(measure("architecture", {"file": "encoder"}, model_file=tmp_path, files=files, sandbox=SANDBOX))
    assert (found["parameters"], found["recurrent_layers"], found["bidirectional"], found["matches"]) == (540_162, 2, True, False)


def test_a_number_that_was_typed_and_not_counted_is_found(tmp_path: Path) -> None:
    files = declared(tmp_path, architecture={"parameters": 100_000})
    found = measure("architecture", {"file": "checkpoint_best"}, model_file=tmp_path, files=files, sandbox=SANDBOX)
    assert values(found)["matches"] is False
    assert values(found)["parameters_ratio"] == pytest.approx(28 / 100_000)
    assert found.findings == ("28 parameters were counted, 100,000 are declared",)


def test_the_declared_model_is_counted_by_default(tmp_path: Path) -> None:
    files = declared(tmp_path, architecture={"parameters": 6})
    model = onnx_model(tmp_path / "m.onnx", np.ones((3, 2), np.float32))
    assert values(measure("architecture", model_file=model, files=files, sandbox=SANDBOX))["matches"] is True


@pytest.mark.parametrize("count", [None, 0, -1, "28", True, 28.0])
def test_a_number_of_parameters_that_is_none_is_an_error(tmp_path: Path, count: Any) -> None:
    files = declared(tmp_path, architecture={"parameters": count}, name="x")
    with pytest.raises(DataError, match="number of parameters"):
        measure("architecture", {"file": "checkpoint_best"}, model_file=tmp_path, files=files, sandbox=SANDBOX)


def test_a_model_without_weights_has_no_architecture_to_count(tmp_path: Path) -> None:
    files = {**declared(tmp_path, architecture={"parameters": 1}), "checkpoint_best": broken(tmp_path / "x.pt", "no tensors")}
    with pytest.raises(GonogoError, match="no weights"):
        measure("architecture", {"file": "checkpoint_best"}, model_file=tmp_path, files=files, sandbox=SANDBOX)


# -- strict load --------------------------------------------------------------------------------------------------------------------

SHAPES = {
    "fc1.weight": [4, 3], "fc1.bias": [4], "bn.weight": [4], "bn.running_mean": [4], "bn.num_batches_tracked": [], "fc2.weight": [2, 4],
}  # fmt: skip


def test_weights_that_fit_load_strictly(tmp_path: Path) -> None:
    files = declared(tmp_path, architecture={"tensors": SHAPES})
    found = values(measure("strict_load", files=files, sandbox=SANDBOX))
    assert found == {"expected": 6, "missing_keys": 0, "unexpected_keys": 0, "shape_mismatches": 0}


def test_what_does_not_fit_is_counted_and_named(tmp_path: Path) -> None:
    others = {**SHAPES, "fc3.weight": [1, 1], "fc2.weight": [4, 2]}
    del others["bn.weight"]
    found = measure("strict_load", files=declared(tmp_path, architecture={"tensors": others}), sandbox=SANDBOX)
    assert values(found) == {"expected": 6, "missing_keys": 1, "unexpected_keys": 1, "shape_mismatches": 1}
    assert found.findings == ("missing: fc3.weight", "unexpected: bn.weight", "fc2.weight has the shape [2, 4], not [4, 2]")


def test_the_last_checkpoint_is_compared_with_the_best(tmp_path: Path) -> None:
    files = {
        "checkpoint_best": checkpoint(tmp_path / "a.pt"),
        "checkpoint_last": checkpoint(tmp_path / "b.pt", np.ones((5, 3), np.float32)),
    }
    found = values(measure("strict_load", {"file": "checkpoint_last", "against": "checkpoint_best"}, files=files, sandbox=SANDBOX))
    assert (found["expected"], found["shape_mismatches"]) == (6, 1)


@pytest.mark.parametrize("architecture", [None, {}, {"tensors": {}}, {"tensors": {"w": "4x3"}}, {"tensors": {"w": [-1]}}])
def test_an_architecture_that_names_no_tensors_is_an_error(tmp_path: Path, architecture: Any) -> None:
    with pytest.raises(DataError):
        measure("strict_load", files=declared(tmp_path, architecture=architecture, name="x"), sandbox=SANDBOX)
