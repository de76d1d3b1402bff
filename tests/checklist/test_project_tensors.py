"""gonogo.yaml: models that take windows and images, and outputs beside the scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.checklist.project import load_project
from gonogo.errors import ProjectFileError
from gonogo.model.schema import DeclaredTensor

HEAD = """
system: spans
pack: starter
model:
  path: models/spans.pt
  task: multiclass-classification
"""
DATA = """
data:
  test: data/test.parquet
  target: kind
"""


def written(write: Callable[[str], Path], model: str, data: str = "") -> Path:
    return write(HEAD + model + DATA + data)


def test_a_tensor_is_read_with_its_defaults(write_project: Callable[[str], Path]) -> None:
    model = (
        "  inputs: [{name: window, dtype: float32, shape: [105, 2]}, {name: x, dtype: float32, width: 3}]\n"
        "  also: [start, end]\n"
        "  tensors:\n    window: {axis: 1, channels: [open, close]}\n    image: {shape: [1, 8, 8], summaries: [mean, missing]}\n"
    )
    found = load_project(written(write_project, model)).model
    assert found.tensors == {
        "window": DeclaredTensor((), 1, ("open", "close"), ("mean", "spread")),
        "image": DeclaredTensor((1, 8, 8), None, (), ("mean", "missing")),
    }
    assert found.options["also"] == ["start", "end"]
    assert found.options["inputs"][0] == {"name": "window", "dtype": "float32", "shape": [105, 2]}


def test_a_project_without_tensors_has_none(write_project: Callable[[str], Path]) -> None:
    assert load_project(write_project("")).model.tensors == {}


@pytest.mark.parametrize(
    ("model", "line", "said"),
    [
        ("  tensors:\n    window: {axes: 1}\n", 8, "unknown key 'axes'"),
        ("  tensors:\n    window: {axis: 1}\n", 8, "has no channels"),
        ("  tensors:\n    window: {channels: [open]}\n", 8, "has no axis"),
        ("  tensors:\n    window: {shape: [4, 2], axis: 1, channels: [open]}\n", 8, "cannot have the channels open on axis 1"),
        ("  tensors:\n    window: {shape: [4, 2], axis: 2, channels: [open, close]}\n", 8, "on axis 2"),
        ("  tensors:\n    window: {shape: [4, 0]}\n", 8, "must be at least 1"),
        ("  tensors:\n    window: {shape: []}\n", 8, "needs 1 entry"),
        ("  tensors:\n    window: {channels: [open, open], axis: 0}\n", 8, "stands twice"),
        ("  tensors:\n    window: {summaries: [median]}\n", 8, "cannot be 'median'"),
        ("  tensors: {kind: {shape: [4]}}\n", 7, "the target 'kind' cannot be a feature"),
        ("  inputs:\n    - {name: window, dtype: float32}\n", 8, "neither a width nor a shape"),
        ("  inputs:\n    - {name: window, dtype: float32, width: 8, shape: [4, 2]}\n", 8, "both a width and a shape"),
        ("  also: [start, start]\n", 7, "stands twice"),
    ],
)
def test_a_mistake_has_its_line(write_project: Callable[[str], Path], model: str, line: int, said: str) -> None:
    with pytest.raises(ProjectFileError) as caught:
        load_project(written(write_project, model))
    assert said in caught.value.message
    assert caught.value.line == line


def test_a_tensor_that_is_ignored_is_refused(write_project: Callable[[str], Path]) -> None:
    with pytest.raises(ProjectFileError, match="'window' is a feature and ignored at once"):
        load_project(written(write_project, "  tensors: {window: {}}\n", "  ignore: [window]\n"))
