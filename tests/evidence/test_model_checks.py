"""The checks on how a model computes, on real ONNX models in the real sandbox: determinism, importance, parity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gonogo.base.table import Table
from gonogo.errors import DataError, GonogoError
from gonogo.evidence.inputs import Scores
from gonogo.evidence.memory import measure
from gonogo.model.sandbox import Sandbox
from measured import values

from .conftest import Made, scores_of, wide_schema

SANDBOX = Sandbox(seconds=60, memory_mib=4096, accept_weaker=True)


def graph(tmp_path: Path, nodes: list[Any], bundle: Callable[..., Any], inputs: int = 1, beside: int | None = None) -> Any:
    """A bundle around a hand-made graph from X [n, inputs] to probabilities [n, 1], and `beside` of a type [n, 1] where there is one."""
    also = [] if beside is None else [helper.make_tensor_value_info("beside", beside, [None, 1])]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, inputs])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 1]), *also],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    schema = replace(wide_schema(tuple(f"x{i}" for i in range(inputs))), also=("beside",) if also else ())
    return bundle(schema=schema, root=tmp_path, model_path=path)


# -- determinism ----------------------------------------------------------------------------------------------------------------------


def test_a_model_that_computes_row_by_row_is_deterministic(made: Made) -> None:
    found = measure("determinism", {"rows": 64}, bundle=made.bundle, test=made.test, sandbox=SANDBOX)
    assert values(found)["differing_rows"] == 0
    assert values(found)["n"] == 64
    assert "process" in found.isolation


def test_a_model_that_draws_random_numbers_is_found(tmp_path: Path, bundle: Callable[..., Any], table: Any) -> None:
    nodes = [
        helper.make_node("RandomUniformLike", ["X"], ["noise"]),
        helper.make_node("Mul", ["X", "noise"], ["product"]),
        helper.make_node("Sigmoid", ["product"], ["probabilities"]),
    ]
    found = measure("determinism", bundle=graph(tmp_path, nodes, bundle), test=table(x0=[1, 2, 3, 4]), sandbox=SANDBOX)
    assert values(found)["differing_rows"] > 0
    assert "differ in a second run" in found.findings[0]


def test_a_model_whose_answer_depends_on_the_other_rows_is_found(tmp_path: Path, bundle: Callable[..., Any], table: Any) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["X"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["X", "mean"], ["centred"]),
        helper.make_node("Sigmoid", ["centred"], ["probabilities"]),
    ]
    found = measure("determinism", bundle=graph(tmp_path, nodes, bundle), test=table(x0=[1, 2, 3, 5]), sandbox=SANDBOX)
    assert values(found)["differing_rows"] > 0
    assert any("scored alone" in finding for finding in found.findings)


def test_a_model_that_takes_one_row_at_once_is_sound_and_said_to_be_slow(tmp_path: Path, bundle: Callable[..., Any], table: Any) -> None:
    made = graph(tmp_path, [helper.make_node("Sigmoid", ["X"], ["probabilities"])], bundle)
    made = replace(made, schema=replace(made.schema, rows_at_once=1))
    found = measure("determinism", bundle=made, test=table(x0=[1, 2]), sandbox=SANDBOX)
    assert values(found)["differing_rows"] == 0
    assert any("exactly 1 row(s) at once" in finding and "torch.onnx.export" in finding for finding in found.findings)


def test_a_score_that_is_nan_equals_nothing(tmp_path: Path, bundle: Callable[..., Any], table: Any) -> None:
    nodes = [helper.make_node("Sqrt", ["X"], ["probabilities"])]
    found = measure("determinism", bundle=graph(tmp_path, nodes, bundle), test=table(x0=[-1, 0.25]), sandbox=SANDBOX)
    assert values(found)["differing_rows"] == 1
    assert values(found)["max_abs_diff"] == float("inf")


@pytest.mark.parametrize(
    ("nodes", "kind", "how"),
    [
        ([helper.make_node("RandomNormalLike", ["X"], ["beside"])], TensorProto.FLOAT, "in a second run"),
        (
            [helper.make_node("ReduceMean", ["X"], ["mean"], axes=[0], keepdims=1), helper.make_node("Sub", ["X", "mean"], ["beside"])],
            TensorProto.FLOAT,
            "scored alone",
        ),
        (
            [
                helper.make_node("ReduceMax", ["X"], ["most"], axes=[0], keepdims=1),
                helper.make_node("Equal", ["X", "most"], ["is"]),
                helper.make_node("Cast", ["is"], ["beside"], to=TensorProto.INT64),
            ],
            TensorProto.INT64,
            "scored alone",
        ),
        ([helper.make_node("Log", ["X"], ["beside"])], TensorProto.FLOAT, "in a second run"),
        ([helper.make_node("Add", ["X", "X"], ["beside"])], TensorProto.FLOAT, ""),
    ],
    ids=["random", "mixed with other rows", "a whole number of the batch", "not a number", "sound"],
)
def test_what_is_answered_beside_the_scores_is_compared_too(
    tmp_path: Path, bundle: Callable[..., Any], table: Any, nodes: list[Any], kind: int, how: str
) -> None:
    made = graph(tmp_path, [helper.make_node("Sigmoid", ["X"], ["probabilities"]), *nodes], bundle, beside=kind)
    found = measure("determinism", bundle=made, test=table(x0=[-1, 2, 3000, 5]), sandbox=SANDBOX)
    assert (values(found)["differing_rows"] > 0) == bool(how)
    assert not how or any(how in finding for finding in found.findings)


# -- importance -----------------------------------------------------------------------------------------------------------------------


def test_features_are_ranked_by_what_they_carry(made: Made, project: Any) -> None:
    found = measure("importance", project=project(), bundle=made.bundle, test=made.test, sandbox=SANDBOX)
    facts = values(found)
    assert facts["top_feature"] == "x0"
    assert facts["top_drop"] > 0.2
    assert facts["features_ranked"] == 3
    assert facts["unused_features"] == 1
    assert [bar["name"] for bar in found.pictures["importance"]["items"]] == ["x0", "x1", "x2"]
    assert found.findings[0] == "no score depends on 'x2'"
    assert facts["idle_features"] >= 1
    assert facts["idle_share"] == facts["idle_features"] / 3


def test_a_feature_that_brings_less_than_it_must_is_idle(made: Made, project: Any) -> None:
    inputs = {"project": project(), "bundle": made.bundle, "test": made.test, "sandbox": SANDBOX}
    assert values(measure("importance", {"idle": 1.0}, **inputs))["idle_features"] == 3


def test_importance_is_the_same_twice(made: Made, project: Any) -> None:
    inputs = {"project": project(), "bundle": made.bundle, "test": made.test, "sandbox": SANDBOX}
    assert measure("importance", {"rows": 50}, **inputs) == measure("importance", {"rows": 50}, **inputs)


def test_importance_on_one_class_is_an_error(made: Made, project: Any) -> None:
    one = Table({**made.test.columns, "y": np.zeros(made.test.rows)}, made.test.rows)
    with pytest.raises((GonogoError, ValueError), match="one class"):
        measure("importance", project=project(), bundle=made.bundle, test=one, sandbox=SANDBOX)


def test_the_order_of_features_is_the_same_on_rows_of_the_same_kind(made: Made, project: Any) -> None:
    inputs = {"project": project(), "bundle": made.bundle, "test": made.test, "sandbox": SANDBOX}
    logged = Table({**made.test.columns, "y": made.test.columns["y"].astype(int).astype(str).astype(object)}, made.test.rows)
    facts = values(measure("importance_stability", {"least": 10}, logged=logged, **inputs))
    assert (facts["rank_correlation"], facts["top_overlap"], facts["top"]) == (pytest.approx(1.0), 3, 3)
    assert facts["first_now"] == facts["first_before"] == "x0"


def test_a_feature_that_tells_nothing_any_more_loses_its_place(made: Made, project: Any) -> None:
    inputs = {"project": project(), "bundle": made.bundle, "test": made.test, "sandbox": SANDBOX}
    other = np.random.default_rng(1).permutation(made.test.columns["x0"])  # what it was is mixed up; the labels are those of before
    logged = Table({**made.test.columns, "x0": other}, made.test.rows)
    found = measure("importance_stability", {"least": 10, "idle": 0.02}, logged=logged, **inputs)
    assert values(found).get("rank_correlation", 0.0) < 0.8
    assert any("x0" in said for said in found.findings)


def test_too_few_labelled_rows_have_no_order(made: Made, project: Any) -> None:
    inputs = {"project": project(), "bundle": made.bundle, "test": made.test, "sandbox": SANDBOX}
    with pytest.raises(GonogoError, match="are needed"):
        measure("importance_stability", {"least": 10**6}, logged=made.test, **inputs)


# -- parity ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path: Path, bundle: Callable[..., Any], table: Any) -> dict[str, Any]:
    """A bundle that computes row by row, and two rows to try it with."""
    nodes = [helper.make_node("Sigmoid", ["X"], ["probabilities"])]
    return {"bundle": graph(tmp_path, nodes, bundle), "test": table(x0=[1.0, 2.0]), "sandbox": SANDBOX}


def test_parity_compares_row_by_row_wherever_the_rows_stand(table: Any, plain: Any) -> None:
    ours = scores_of([0, 1, 1, 0], [0.1, 0.9, 0.6, 0.5])
    facts = values(measure("parity", reference=table(row=[2, 0, 1], score=[0.6, 0.1, 0.9]), scores_test=ours, **plain))
    assert facts["covered_share"] == 0.75
    assert facts["rows"] == 3
    assert {name for name, value in facts.items() if value == 0} >= {
        "max_abs_diff", "p99_abs_diff", "p50_abs_diff", "mean_abs_diff", "label_flips", "label_flips_outside_margin", "accuracy_delta",
        "metric_delta", "batch_differences",
    }  # fmt: skip
    assert facts["batch_rows"] == 2 + 2 * 4 + 2 * 3  # as they are, extreme, and no numbers


def test_a_flipped_label_counts_as_wrong_only_outside_the_margin(table: Any, plain: Any) -> None:
    ours = scores_of([0, 1], [0.49999, 0.4])
    facts = values(measure("parity", reference=table(row=[0, 1], score=[0.50001, 0.6]), scores_test=ours, **plain))
    assert (facts["label_flips"], facts["label_flips_outside_margin"]) == (2, 1)
    assert facts["max_abs_diff"] == pytest.approx(0.2)
    assert facts["p50_abs_diff"] == pytest.approx(0.00002)
    assert facts["accuracy_delta"] == 0.0  # the first became right, the second wrong
    assert facts["metric_delta"] == 1.0


def test_parity_of_three_classes_reads_a_column_for_each(table: Any, plain: Any) -> None:
    ours = Scores(np.array([0, 2]), np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]), ("a", "b", "c"), "")
    reference = table(row=[0, 1], score_a=[0.5, 0.6], score_b=[0.3, 0.2], score_c=[0.2, 0.2])
    facts = values(measure("parity", reference=reference, scores_test=ours, **plain))
    assert facts["label_flips_outside_margin"] == 1
    assert facts["accuracy_delta"] == 0.5
    assert "metric_delta" not in facts  # no row of class b


def test_a_model_that_looks_at_the_other_rows_has_batch_differences(tmp_path: Path, bundle: Any, table: Any) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["X"], ["max"], axes=[0], keepdims=1),
        helper.make_node("Equal", ["X", "max"], ["top"]),
        helper.make_node("Cast", ["top"], ["probabilities"], to=TensorProto.FLOAT),
    ]
    given = {"bundle": graph(tmp_path, nodes, bundle), "test": table(x0=[1.0, 2.0]), "sandbox": SANDBOX}
    found = measure("parity", reference=table(row=[0, 1], score=[0.1, 0.9]), scores_test=scores_of([0, 1], [0.1, 0.9]), **given)
    assert values(found)["batch_differences"] > 0
    assert "alone than beside others" in found.findings[1]


@pytest.mark.parametrize(
    "columns",
    [
        {"row": [0, 5], "score": [0.1, 0.2]}, {"row": [0, 0], "score": [0.1, 0.2]}, {"row": [0.5], "score": [0.1]},
        {"row": [-1], "score": [0.1]},
        {"row": [None], "score": [0.1]}, {"row": [0], "score": [None]}, {"score": [0.1]}, {"row": ["a"], "score": [0.1]}, {"row": [0]},
        {"row": [0], "score": ["high"]},
    ],
)  # fmt: skip
def test_a_reference_for_other_rows_or_without_scores_is_an_error(table: Any, columns: dict[str, Any], plain: Any) -> None:
    with pytest.raises(DataError):
        measure("parity", reference=table(**columns), scores_test=scores_of([0, 1], [0.1, 0.9]), **plain)
