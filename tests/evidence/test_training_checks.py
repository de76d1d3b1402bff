"""Was it trained to its end; would a simpler model do; what does it make of odd numbers; why does it say what it says?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gonogo.base.table import Table
from gonogo.errors import DataError, ModelError, UsageError
from gonogo.evidence.checks.numeric_inputs import changed_batches
from gonogo.evidence.inputs import Scores
from gonogo.evidence.memory import measure
from gonogo.model.sandbox import Sandbox
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.model.source import ModelSource
from gonogo.reports.pictures import draw
from gonogo.stats.simple_models import logistic, majority, one_rule
from measured import values

SANDBOX = Sandbox(seconds=60, memory_mib=4096, accept_weaker=True)
LOG = "epoch 1\nepoch 2\nINFO no error here\nEarly stopping: patience of 2 reached\nTraining complete\n"


# -- training -----------------------------------------------------------------------------------------------------------------------


def files(folder: Path, history: Any, log: str | None = LOG, name: str = "history.json") -> dict[str, Path]:
    (folder / name).write_text(history if isinstance(history, str) else json.dumps(history))
    found = {"history": folder / name}
    if log is not None:
        (folder / "training.log").write_text(log)
        found["training_log"] = folder / "training.log"
    return found


EPOCHS = [
    {"epoch": 1, "train_loss": 0.8, "val_loss": 0.9},
    {"epoch": 2, "train_loss": 0.5, "val_loss": 0.55},
    {"train_loss": 0.3, "val_loss": 0.7},
]
SHAPES = {
    "list": (EPOCHS, "history.json"),
    "map of lists": ({"loss": [0.8, 0.5, 0.3], "val_loss": [0.9, 0.55, 0.7]}, "history.json"),
    "map of epochs": ({"epochs": EPOCHS, "stop_reason": "early_stopping"}, "history.json"),
    "history of lists": ({"history": {"loss": [0.8, 0.5, 0.3], "val_loss": [0.9, 0.55, 0.7]}}, "history.json"),
    "csv": ("epoch,train_loss,val_loss\n1,0.8,0.9\n2,0.5,0.55\n3,0.3,0.7\n", "history.csv"),
}


@pytest.mark.parametrize(("history", "name"), SHAPES.values(), ids=SHAPES)
def test_a_training_that_ran_to_its_end_is_seen_in_every_shape_of_history(tmp_path: Path, history: Any, name: str) -> None:
    found = measure("training", files=files(tmp_path, history, name=name))
    facts = values(found)
    assert facts.pop("overfit_gap") == pytest.approx(0.1)
    assert facts == {
        "finished": True, "marker_found": True, "epochs": 3, "stop_reason": "early_stopping", "non_finite_losses": 0, "errors_logged": 0,
        "best_epoch": 2, "train_loss": 0.5, "validation_loss": 0.55,
    }  # fmt: skip
    assert found.findings == ()


def test_a_training_that_broke_off_is_found(tmp_path: Path) -> None:
    history = json.dumps([*EPOCHS, {"train_loss": float("nan"), "val_loss": float("inf")}, {"train_loss": None, "val_loss": "x"}])
    log = "2026-11-01 [ERROR] out of memory\nTraceback (most recent call last):\n  File\nCRITICAL: stop\nno ERRORS\n"
    facts = values(measure("training", files=files(tmp_path, history, log)))
    assert (facts["finished"], facts["stop_reason"], facts["non_finite_losses"], facts["errors_logged"]) == (False, "unknown", 4, 3)
    assert facts["best_epoch"] == 2


def test_without_a_log_nothing_is_said_about_the_end(tmp_path: Path) -> None:
    facts = values(measure("training", files=files(tmp_path, {"epochs": EPOCHS, "stop_reason": "max_epochs"}, None)))
    assert facts["stop_reason"] == "epoch_limit"
    assert facts.keys().isdisjoint({"finished", "marker_found", "errors_logged"})


def test_losses_that_are_all_nan_have_no_best_epoch(tmp_path: Path) -> None:
    facts = values(measure("training", files=files(tmp_path, json.dumps([{"loss": float("nan"), "val_loss": 1.0}]))))
    assert facts["non_finite_losses"] == 1
    assert "best_epoch" not in facts


@pytest.mark.parametrize(
    "history", ["", "[]", "{}", "{", "[1]", '[{"loss": 1}]', '[{"val_loss": 1}]', '{"loss": [1, 2], "val_loss": [1]}', "null"]
)
def test_a_history_without_epochs_is_an_error(tmp_path: Path, history: str) -> None:
    with pytest.raises(DataError, match="history"):
        measure("training", files=files(tmp_path, history))


def test_no_history_no_log_no_marker_are_errors(tmp_path: Path) -> None:
    given = files(tmp_path, EPOCHS)
    with pytest.raises(UsageError, match="no file 'history'"):
        measure("training", files={})
    with pytest.raises(DataError, match="empty marker"):
        measure("training", {"marker": ""}, files=given)
    given["training_log"].unlink()
    with pytest.raises(DataError, match="'training_log' is not at"):
        measure("training", files=given)


# -- gap ----------------------------------------------------------------------------------------------------------------------------


def binary(y: Any, positive: Any) -> Scores:
    p = np.asarray(positive, dtype=np.float64)
    return Scores(np.asarray(y, dtype=np.int64), np.stack([1 - p, p], axis=1), ("0", "1"), "process")


def test_a_test_that_is_better_is_as_wide_a_gap_as_one_that_is_worse() -> None:
    y = np.arange(200) % 2
    good, poor = binary(y, y * 0.8 + 0.1), binary(y, np.random.default_rng(0).random(200))
    facts = measure("gap", scores_validation=poor, scores_test=good).facts
    assert float(facts["gap"].value) < 0
    assert facts["absolute_gap"].value == -float(facts["gap"].value)
    assert facts["absolute_gap"].low is not None
    assert 0 < facts["absolute_gap"].low < float(facts["absolute_gap"].value)
    same = measure("gap", scores_validation=poor, scores_test=poor).facts["absolute_accuracy_gap"]
    assert (same.value, same.low) == (0.0, 0.0)


# -- baseline comparison ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def curved() -> tuple[Table, Table]:
    """The class depends on whether x0 and x1 have the same sign, which no straight line sees; and a bit on the town."""

    def drawn(seed: int, rows: int) -> Table:
        generator = np.random.default_rng(seed)
        x = generator.normal(size=(rows, 2))
        town = np.array(["Paris", "Lyon", None], dtype=object)[generator.integers(0, 3, rows)]
        y = ((x[:, 0] * x[:, 1] > 0) ^ (generator.random(rows) < 0.1)).astype(np.float64)
        holes = x[:, 1].copy()
        holes[::50] = np.nan
        return Table({"x0": x[:, 0], "x1": holes, "town": town, "y": y}, rows)

    return drawn(0, 600), drawn(1, 400)


def test_a_model_that_sees_more_than_a_line_gains(curved: Any, bundle: Any, project: Any) -> None:
    train, test = curved
    made = bundle(x0="float", x1="float?", town="string?")
    clever = binary(test.columns["y"], np.where(test.columns["x0"] * np.nan_to_num(test.columns["x1"]) > 0, 0.9, 0.1))
    found = measure("baseline_comparison", project=project(), bundle=made, train=train, test=test, scores_test=clever)
    facts = values(found)
    assert facts["gain"] == pytest.approx(facts["model_roc_auc"] - facts["simple_roc_auc"])
    assert facts["model_roc_auc"] > 0.85
    assert facts["simple_roc_auc"] < 0.65
    assert (found.facts["gain"].low or 0) > 0.2
    assert (found.facts["accuracy_gain"].low or 0) > 0.2
    assert found.findings == ()
    assert "the model" in draw("comparison", found.pictures["comparison"]).words


def test_a_model_that_is_only_a_line_gains_nothing(bundle: Any, project: Any, table: Any) -> None:
    generator = np.random.default_rng(3)
    x, noise = generator.normal(size=400), generator.normal(size=400)
    given = table(x=list(x), y=[float(v) for v in x + noise > 0])
    scores = binary(given.columns["y"], 1 / (1 + np.exp(-x)))
    found = measure("baseline_comparison", project=project(), bundle=bundle(x="float"), train=given, test=given, scores_test=scores)
    assert abs(float(found.facts["gain"].value)) < 0.01
    assert values(found)["simple"] != "majority"


def test_three_classes_are_compared_by_the_mean_area(bundle: Any, project: Any) -> None:
    generator = np.random.default_rng(2)
    y = generator.integers(0, 3, 300)
    x = y + 0.4 * generator.normal(size=300)
    given = Table({"x": x, "y": y.astype(np.float64)}, 300)
    raw = generator.random((300, 3))
    scores = Scores(y, raw / raw.sum(axis=1, keepdims=True), ("0", "1", "2"), "")
    found = measure(
        "baseline_comparison",
        project=project(),
        bundle=bundle(classes=("0", "1", "2"), x="float"),
        train=given,
        test=given,
        scores_test=scores,
    )
    assert float(found.facts["gain"].value) < -0.3
    assert (found.facts["gain"].high or 0) < 0
    assert found.findings == (f"{values(found)['simple']} does as well or better",)


def test_a_comparison_without_rows_is_an_error(curved: Any, bundle: Any, project: Any) -> None:
    train, test = curved
    made = bundle(x0="float")
    with pytest.raises(DataError, match="score for every test row"):
        measure("baseline_comparison", project=project(), bundle=made, train=train, test=test, scores_test=binary([0, 1], [0.1, 0.9]))
    scores = binary(test.columns["y"], test.columns["y"])
    with pytest.raises(DataError, match="no column"):
        measure("baseline_comparison", project=project(target="z"), bundle=made, train=train, test=test, scores_test=scores)


def test_logistic_regression_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(1)
    x = generator.normal(size=(500, 3))
    y = (x @ [1.0, -2.0, 0.5] + generator.normal(size=500) > 0).astype(np.int64)
    ours = logistic(x, y, 2)(x)[:, 1]
    theirs = LogisticRegression(C=1 / (1e-3 * 500)).fit((x - x.mean(0)) / x.std(0), y).predict_proba((x - x.mean(0)) / x.std(0))[:, 1]
    assert np.abs(ours - theirs).max() < 1e-3


def test_simple_models_give_shares_that_add_up() -> None:
    x, y = np.arange(30.0)[:, None], np.repeat([0, 1, 2], 10)
    for fit in (majority, one_rule, logistic):
        scores = fit(x, y, 3)(x)
        assert np.allclose(scores.sum(axis=1), 1)
    assert (one_rule(x, y, 3)(x).argmax(axis=1) == y).mean() > 0.9
    separable = logistic(x, (y == 2).astype(np.int64), 2)(x)
    assert np.isfinite(separable).all()


# -- numeric inputs -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Small:
    schema: Schema
    root: Path
    model: ModelSource
    digest: str = "sha256:0"


def small(folder: Path, nodes: list[Any], constants: list[Any] | None = None, nullable: bool = False, width: int = 2) -> Small:
    """A bundle around a hand-made graph from X [n, width] to probabilities [n, 1]."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 1])],
        constants or [],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    features = tuple(Feature(f"x{i}", "float", nullable, "X", i) for i in range(width))
    inputs = (GraphInput("X", "float32", width),)
    return Small(Schema("binary-classification", inputs, features, ("0", "1"), "probabilities"), folder, ModelSource(folder / "model.onnx"))


def linear(folder: Path, weights: list[float], clip: bool = True, **more: Any) -> Small:
    matrix = numpy_helper.from_array(np.array(weights, np.float32)[:, None], "w")
    nodes = [
        *([helper.make_node("Clip", ["X", "low", "high"], ["c"])] if clip else [helper.make_node("Exp", ["X"], ["c"])]),
        helper.make_node("MatMul", ["c", "w"], ["m"]),
        helper.make_node("Sigmoid", ["m"], ["probabilities"]),
    ]
    limits = [numpy_helper.from_array(np.float32(value), name) for name, value in (("low", -5), ("high", 5))]
    return small(folder, nodes, [matrix, *limits], width=len(weights), **more)


ROWS = Table({"x0": np.array([1.0, 2.0, -1.0]), "x1": np.array([0.5, -0.5, 0.0])}, 3)


def test_a_model_that_clips_stays_a_model_on_extreme_values(tmp_path: Path) -> None:
    facts = values(measure("numeric_inputs", bundle=linear(tmp_path, [1.0, -1.0]), test=ROWS, sandbox=SANDBOX))
    assert (facts["rows"], facts["non_finite_scores"], facts["refused"]) == (4 * 3 * 2, 0, 0)
    assert facts["silent_scores"] >= 2 * 3 * 2  # infinities are clipped to a number and answered
    assert (facts["weights_finite"], facts["non_finite_weights"]) == (True, 0)


def test_what_half_precision_cannot_hold_is_tried_as_its_largest_number() -> None:
    schema = Schema("binary-classification", (GraphInput("x", "float16", 1),), (Feature("a", "float", False, "x", 0),), ("0", "1"), "p")
    tried = {kind: float(batch["x"][0, 0]) for kind, _, batch in changed_batches(schema, {"x": np.ones((1, 1), np.float16)})}
    assert (tried["very large"], tried["very small"], tried["infinite"]) == (65504.0, -65504.0, np.inf)


def test_a_model_that_overflows_is_found(tmp_path: Path) -> None:
    found = measure("numeric_inputs", bundle=linear(tmp_path, [1.0, -1.0], clip=False, nullable=True), test=ROWS, sandbox=SANDBOX)
    facts = values(found)
    assert facts["rows"] == 5 * 3 * 2  # missing values are among what it must take
    assert facts["non_finite_scores"] >= 3 * 2
    assert any(line.startswith("missing: ") for line in found.findings)


def test_a_model_of_thousands_of_features_is_asked_about_some_of_them(tmp_path: Path) -> None:
    made = linear(tmp_path, [0.0] * 1200)
    wide = Table({f"x{i}": np.arange(5.0) for i in range(1200)}, 5)
    facts = values(measure("numeric_inputs", bundle=made, test=wide, sandbox=SANDBOX))
    assert facts["rows"] == 4 * 400 * 4  # four kinds, every third feature, four rows
    assert facts["non_finite_scores"] == 0


@pytest.mark.parametrize("where", ["tensor", "attribute"])
def test_weights_that_are_nan_are_named(tmp_path: Path, where: str) -> None:
    if where == "tensor":
        made = linear(tmp_path, [1.0, float("nan")])
    else:
        node = helper.make_node(
            "LinearRegressor", ["X"], ["probabilities"], domain="ai.onnx.ml", coefficients=[1.0, float("inf")], intercepts=[0.0], targets=1
        )
        made = small(tmp_path, [node])
        model = onnx.load(made.model.path)
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
        onnx.save(model, made.model.path)
    found = measure("numeric_inputs", bundle=made, test=ROWS, sandbox=SANDBOX)
    assert (values(found)["weights_finite"], values(found)["non_finite_weights"]) == (False, 1)
    assert any("reload the weights from a backup" in line for line in found.findings)


def test_odd_numbers_for_no_rows_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows"):
        measure("numeric_inputs", bundle=linear(tmp_path, [1.0, 1.0]), test=ROWS.take(np.array([], dtype=np.int64)), sandbox=SANDBOX)


# -- explanation --------------------------------------------------------------------------------------------------------------------


def test_every_feature_and_answer_is_explained_and_the_values_add_up(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    test = Table({f"x{i}": generator.normal(size=50) for i in range(3)}, 50)
    given = {"bundle": linear(tmp_path, [2.0, -1.0, 0.0]), "test": test, "sandbox": SANDBOX}
    found = measure("explanation", {"rows": 5}, **given)
    facts = values(found)
    assert (facts["global_values"], facts["local_values"], facts["features"]) == (3, 5, 3)
    assert facts["additivity_gap"] < 1e-6
    bars = {item["name"]: item["value"] for item in found.pictures["global"]["items"]}
    assert bars["x0"] > bars["x1"] > bars["x2"] == 0.0
    assert draw("local", found.pictures["local"]).words.startswith("x0")
    assert measure("explanation", {"rows": 5}, **given) == found


def test_values_are_those_of_shapley(tmp_path: Path) -> None:
    """For a linear score the value of a feature is its weight times its distance from the background's mean."""
    nodes = [helper.make_node("MatMul", ["X", "w"], ["probabilities"])]
    weights = np.array([[0.02], [-0.01]], np.float32)
    made = small(tmp_path, nodes, [numpy_helper.from_array(weights, "w")])
    generator = np.random.default_rng(1)
    columns = generator.normal(size=(200, 2)).astype(np.float32)
    test = Table({"x0": columns[:, 0].astype(float), "x1": columns[:, 1].astype(float)}, 200)
    found = measure("explanation", {"rows": 1, "orders": 4000}, bundle=made, test=test, sandbox=SANDBOX)
    bars = {item["name"]: item["value"] for item in found.pictures["local"]["items"]}
    expected = weights[:, 0] * (columns[0] - columns.mean(axis=0))
    assert bars["x0"] == pytest.approx(expected[0], abs=2e-3)
    assert bars["x1"] == pytest.approx(expected[1], abs=2e-3)


def test_an_explanation_made_elsewhere_is_read(tmp_path: Path, bundle: Callable[..., Any]) -> None:
    path = tmp_path / "shap.json"
    path.write_text(
        json.dumps({"method": "SHAP", "global": {"a": 0.2, "c": 1}, "local": [{"a": 1, "b": 2}, {"a": 1}, {"a": True, "b": 1}]})
    )
    given = {"bundle": bundle(a="float", b="float"), "test": ROWS, "sandbox": SANDBOX, "files": {"explanation": path}}
    found = measure("explanation", {"file": "explanation"}, **given)
    assert values(found) == {"method": "SHAP", "global_values": 1, "local_values": 1, "features": 2}
    assert found.findings == ("'b' has no value", "'c' is no feature of the model")
    path.write_text("[]")
    with pytest.raises(DataError, match="no explanation"):
        measure("explanation", {"file": "explanation"}, **given)


def test_nothing_to_explain_is_an_error(tmp_path: Path) -> None:
    made = linear(tmp_path, [1.0, 1.0])
    for test, options in ((ROWS.take(np.array([0])), {}), (ROWS, {"orders": 0}), (ROWS, {"rows": 0})):
        with pytest.raises(DataError, match="nothing to explain"):
            measure("explanation", options, bundle=made, test=test, sandbox=SANDBOX)
    broken = linear(tmp_path, [1.0, float("nan")])
    with pytest.raises((DataError, ModelError), match="NaN"):
        measure("explanation", bundle=broken, test=ROWS, sandbox=SANDBOX)
