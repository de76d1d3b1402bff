"""Which score column is which class: the model says it, or gonogo.yaml; an order that was taken wrongly is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import sample
from gonogo.checklist.project import load_project
from gonogo.errors import ModelError, ProjectFileError
from gonogo.evidence.inputs import Scores
from gonogo.evidence.memory import measure
from gonogo.release.bundle import Bundle

SHAPES = ("square", "disc", "cross")  #: as the columns of the model stand; sorted they would be cross, disc, square


@pytest.fixture
def shapes(tmp_path: Path) -> Callable[..., Bundle]:
    """Builds a bundle of a model whose highest score is at the feature that is highest; `says` goes into its metadata."""

    def build(declared: str = "", says: Sequence[str] | None = None) -> Bundle:
        names = [f"f{place}" for place in range(3)]
        graph = helper.make_graph(
            [helper.make_node("Softmax", ["x"], ["scores"], axis=1)],
            "shapes",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        if says is not None:
            helper.set_model_props(model, {"classes": json.dumps(says)})
        onnx.save(model, tmp_path / "model.onnx")
        generator = np.random.default_rng(11)
        for table in ("train", "test"):
            x = generator.normal(size=(90, 3))
            lines = [",".join([*(f"{value:.6f}" for value in row), SHAPES[int(row.argmax())]]) for row in x]
            (tmp_path / f"{table}.csv").write_text("\n".join([",".join([*names, "shape"]), *lines]) + "\n")
        (tmp_path / "gonogo.yaml").write_text(
            "system: shapes\npack: random-forest-api\n"
            f"model: {{path: model.onnx, task: multiclass-classification{declared}}}\n"
            "data: {train: train.csv, test: test.csv, target: shape}\npeople: {}\nstore: .gonogo\n"
        )
        return sample.build(load_project(tmp_path / "gonogo.yaml"), tmp_path / "bundles")

    return build


def test_the_project_file_says_the_order_that_the_model_does_not(shapes: Callable[..., Bundle]) -> None:
    assert shapes().schema.classes == ("cross", "disc", "square")
    assert shapes(", classes: [square, disc, cross]").schema.classes == SHAPES
    assert shapes(says=SHAPES).schema.classes == SHAPES


def test_two_orders_that_contradict_each_other_are_refused(shapes: Callable[..., Bundle]) -> None:
    with pytest.raises(ModelError, match=r"names its classes square, disc, cross, and gonogo\.yaml cross, disc, square"):
        shapes(", classes: [cross, disc, square]", says=SHAPES)


def test_a_label_that_no_column_stands_for_is_refused(shapes: Callable[..., Bundle]) -> None:
    with pytest.raises(ModelError, match="the model has no class cross, which the labels have"):
        shapes(", classes: [square, disc, circle]")
    with pytest.raises(ProjectFileError, match="classes"):
        shapes(", classes: [square, square, cross]")


def test_a_wrong_order_is_told_with_the_one_that_fits() -> None:
    generator = np.random.default_rng(7)
    y = generator.integers(0, 3, 300)
    raw = 0.4 * generator.random((300, 3)) + np.eye(3)[np.array([2, 0, 1])[y]]  # class 0 is the highest in column 2
    taken = Scores(y, raw / raw.sum(axis=1, keepdims=True), ("cross", "disc", "square"), "")
    (finding,) = measure("quality", scores_test=taken).findings
    assert "taken for cross, disc, square; the labels fit disc, square, cross far better" in finding
    assert "`model.classes: [disc, square, cross]`" in finding


def test_a_model_that_is_merely_bad_gets_no_such_advice() -> None:
    generator = np.random.default_rng(8)
    y = generator.integers(0, 3, 300)
    guessed = Scores(y, generator.dirichlet((1, 1, 1), 300), ("a", "b", "c"), "")
    assert measure("quality", scores_test=guessed).findings == ()


def test_two_classes_that_were_taken_the_wrong_way_round_are_told_with_what_mends_it(tmp_path: Path) -> None:
    y = np.arange(200) % 2
    score = np.where(y == 1, 0.1, 0.9)
    (finding,) = measure("quality", scores_test=Scores(y, np.stack([1 - score, score], axis=1), ("0", "1"), "")).findings
    assert finding.endswith("say so: `model.classes: [1, 0]` and `model.positive: 0`")
    project = sample.write_project(tmp_path / "p")
    project.file.write_text(project.file.read_text().replace("classification}", "classification, classes: [1, 0], positive: 0}"))
    assert sample.build(load_project(project.file), tmp_path / "bundles").schema.classes == ("1", "0")
