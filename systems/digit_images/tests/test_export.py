"""The exports say what the network says, and one that does not is refused."""

from __future__ import annotations

import json

import onnx
import pytest
import torch

import export
from network import ResNet18


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def exported(network, few, models):
    return export.export(network, few, models)


def test_both_files_say_what_the_network_says(exported, few, models):
    for name in ("onnx", "torchscript"):
        assert exported[name]["max_abs_diff"] < 1e-5
        assert exported[name]["alone_and_together"] < 1e-5
        assert (exported[name]["label_flips"], exported[name]["accuracy_delta"]) == (0, 0.0)
    assert exported["rows"] == len(few) + len(export.odd_images())
    assert json.loads((models / "export.json").read_text()) == exported


def test_the_onnx_file_is_whole_with_named_ends_and_any_number_of_rows(exported, models):
    model = onnx.load(models / export.ONNX)
    onnx.checker.check_model(model)
    assert [version.version for version in model.opset_import if not version.domain] == [13]
    (taken,), (given,) = model.graph.input, model.graph.output
    assert (taken.name, [size.dim_param or size.dim_value for size in taken.type.tensor_type.shape.dim]) == ("image", ["rows", 1, 8, 8])
    assert (given.name, [size.dim_param or size.dim_value for size in given.type.tensor_type.shape.dim]) == ("probabilities", ["rows", 10])


def test_an_export_of_another_network_is_refused(exported, few, models):
    torch.manual_seed(99)
    with pytest.raises(SystemExit, match="nothing is recorded"):
        export.prove(ResNet18(4).eval(), few, models)
