"""The checks on the model, on real ONNX models in the real sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from gonogo.base.table import Table
from gonogo.base.tree import file_digest, read_tree
from gonogo.errors import DataError, GonogoError
from gonogo.evidence.inputs import Scores
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.model.sandbox import Sandbox
from gonogo.model.schema import Feature, GraphInput, Schema

NAN = float("nan")
SANDBOX = Sandbox(seconds=60, memory_mib=4096, accept_weaker=True)


def values(measurement: Measurement) -> dict[str, Any]:
    return {name: fact.value for name, fact in measurement.facts.items()}


@dataclass(frozen=True)
class Made:
    bundle: Any
    test: Table


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Table]:
    """A logistic regression that uses x0 much, x1 little and x2 not at all, as a bundle folder; and a test table."""
    generator = np.random.default_rng(11)
    x = generator.normal(size=(600, 3)).astype(np.float32)
    y = (2 * x[:, 0] + 0.5 * x[:, 1] + generator.normal(size=600) > 0).astype(np.int64)
    model = LogisticRegression().fit(x[:300], y[:300])
    model.coef_[0, 2] = 0.0
    root = tmp_path_factory.mktemp("bundle")
    (root / "model").mkdir()
    (root / "model" / "model.onnx").write_bytes(to_onnx(model, x[:1], options={"zipmap": False}).SerializeToString())
    columns = {f"x{i}": x[300:, i].astype(np.float64) for i in range(3)}
    return root, Table({**columns, "y": y[300:].astype(np.float64)}, 300)


def wide_schema(
    names: tuple[str, ...], classes: tuple[str, ...] = ("0", "1"), input_name: str = "X", output: str = "probabilities"
) -> Schema:
    return Schema(
        task="binary-classification",
        inputs=(GraphInput(input_name, "float32", len(names)),),
        features=tuple(Feature(name, "float", False, input_name, position) for position, name in enumerate(names)),
        classes=classes,
        score_output=output,
    )


@pytest.fixture
def made(forest: tuple[Path, Table], bundle: Callable[..., Any]) -> Made:
    root, test = forest
    names = ("x0", "x1", "x2")
    model = root / "model" / "model.onnx"
    return Made(bundle(schema=wide_schema(names), root=root, model_path=model, digest=read_tree(root).root_digest), test)


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


def scores_of(y: list[int], positive: list[float], **more: Any) -> Scores:
    p = np.array(positive, dtype=np.float64)
    return Scores(np.array(y, dtype=np.int64), np.stack([1 - p, p], axis=1), ("0", "1"), "process", **more)


# -- determinism --------------------------------------------------------------------------------------------------------------------


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


# -- importance ---------------------------------------------------------------------------------------------------------------------


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


# -- quality and gap ----------------------------------------------------------------------------------------------------------------


def test_quality_agrees_with_scikit_learn() -> None:
    from sklearn import metrics

    generator = np.random.default_rng(7)
    y = generator.integers(0, 2, 500)
    p = np.clip(0.3 * y + 0.7 * generator.random(500), 0, 1)
    found = measure("quality", scores_test=scores_of(list(y), list(p), threshold=0.6))
    facts, said = values(found), (p >= 0.6).astype(int)
    assert facts["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, p))
    assert facts["accuracy"] == pytest.approx(metrics.accuracy_score(y, said))
    assert facts["precision"] == pytest.approx(metrics.precision_score(y, said))
    assert facts["recall"] == pytest.approx(metrics.recall_score(y, said))
    assert facts["f1"] == pytest.approx(metrics.f1_score(y, said))
    assert facts["log_loss"] == pytest.approx(metrics.log_loss(y, np.clip(p, 1e-15, 1 - 1e-15)))
    assert facts["brier"] == pytest.approx(metrics.brier_score_loss(y, p))
    assert found.pictures["confusion_matrix"]["counts"] == metrics.confusion_matrix(y, said).tolist()
    for name in ("roc_auc", "accuracy", "precision", "recall", "f1"):
        fact = found.facts[name]
        assert fact.low is not None
        assert fact.high is not None
        assert 0 <= fact.low < fact.value < fact.high <= 1
        assert fact.level == 0.95


def test_more_rows_and_less_confidence_make_intervals_narrower() -> None:
    def width(rows: int, level: float) -> float:
        generator = np.random.default_rng(1)
        y = generator.integers(0, 2, rows)
        found = measure("quality", {"level": level}, scores_test=scores_of(list(y), list(0.4 * y + 0.6 * generator.random(rows))))
        fact = found.facts["roc_auc"]
        assert fact.low is not None
        assert fact.high is not None
        return fact.high - fact.low

    assert width(2000, 0.95) < width(200, 0.95)
    assert width(200, 0.8) < width(200, 0.99)


def test_three_classes_are_measured_as_means_over_the_classes() -> None:
    generator = np.random.default_rng(2)
    y = generator.integers(0, 3, 300)
    raw = generator.random((300, 3)) + 0.8 * np.eye(3)[y]
    scores = Scores(y, raw / raw.sum(axis=1, keepdims=True), ("a", "b", "c"), "")
    facts = measure("quality", scores_test=scores).facts
    assert facts["roc_auc"].low is not None
    assert facts["roc_auc"].low < facts["roc_auc"].value
    assert facts["f1"].low is not None
    assert set(facts) >= {"precision", "recall", "ece", "brier"}


@pytest.mark.parametrize(
    ("y", "positive"),
    {
        "empty": ([], []), "one class": ([1, 1, 1], [0.1, 0.2, 0.9]), "nan": ([0, 1, 1], [0.1, NAN, 0.9]),
        "all nan": ([0, 1], [NAN, NAN]), "infinite": ([0, 1], [float("inf"), 0.5]), "no probabilities": ([0, 1], [3.0, -2.0]),
    }.values(),
)  # fmt: skip
def test_quality_of_what_cannot_be_measured_is_an_error(y: list[int], positive: list[float]) -> None:
    with pytest.raises(DataError):
        measure("quality", scores_test=scores_of(y, positive))


def test_a_model_that_never_says_yes_has_no_precision() -> None:
    facts = measure("quality", scores_test=scores_of([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])).facts
    assert facts["precision"].to_json()["value"] == "nan"
    assert facts["precision"].low is None
    assert facts["recall"].value == 0


def test_the_gap_is_validation_minus_test_with_an_interval() -> None:
    generator = np.random.default_rng(4)
    y = generator.integers(0, 2, 400)
    good, poor = scores_of(list(y), list(0.6 * y + 0.4 * generator.random(400))), scores_of(list(y), list(generator.random(400)))
    facts = measure("gap", scores_validation=good, scores_test=poor).facts
    assert facts["gap"].value == pytest.approx(float(facts["validation_roc_auc"].value) - float(facts["test_roc_auc"].value))
    assert facts["gap"].low is not None
    assert 0 < facts["gap"].low < float(facts["gap"].value)
    same = measure("gap", scores_validation=good, scores_test=good).facts["gap"]
    assert same.low is not None
    assert same.high is not None
    assert same.low < 0 == same.value < same.high


# -- outputs ------------------------------------------------------------------------------------------------------------------------


def test_good_outputs_have_nothing_wrong() -> None:
    facts = values(measure("outputs", scores_test=scores_of([0, 1, 1], [0.0, 0.5, 1.0])))
    assert facts == {"n": 3, "columns": 2, "nan": 0, "out_of_range": 0, "not_normalised": 0, "distinct": 3, "constant": False}


def test_bad_outputs_are_counted() -> None:
    raw = np.array([[0.5, 0.5], [NAN, 0.5], [-1.0, 2.0], [0.9, 0.9], [0.5, 0.5], [0.1, float("inf")]])
    scores = Scores(np.zeros(6, dtype=np.int64), raw, ("0", "1"), "")
    facts = values(measure("outputs", scores_test=scores))
    assert facts == {"n": 6, "columns": 2, "nan": 2, "out_of_range": 1, "not_normalised": 1, "distinct": 3, "constant": False}


@pytest.mark.parametrize("positive", [[0.5] * 4, [NAN] * 4])
def test_outputs_that_do_not_tell_rows_apart_are_constant(positive: list[float]) -> None:
    assert values(measure("outputs", scores_test=scores_of([0, 1, 0, 1], positive)))["constant"] is True


# -- parity -------------------------------------------------------------------------------------------------------------------------


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


# -- format, integrity, metadata, environment ---------------------------------------------------------------------------------------


def test_an_onnx_model_is_told_by_its_content(made: Made, tmp_path: Path) -> None:
    renamed = tmp_path / "forest.pkl"
    renamed.write_bytes(made.bundle.model.path.read_bytes())
    facts = values(measure("model_format", model_file=renamed, bundle=made.bundle))
    assert (facts["format"], facts["bundled_format"], facts["pickle_files"], facts["files_scanned"]) == ("onnx", "onnx", 0, 1)


def test_a_pickle_under_another_name_is_found_in_the_bundle(made: Made, tmp_path: Path, bundle: Callable[..., Any]) -> None:
    import pickle

    (tmp_path / "model.onnx").write_bytes(made.bundle.model.path.read_bytes())
    (tmp_path / ".notes.txt").write_bytes(pickle.dumps({"x": [1, 2]}))
    (tmp_path / "empty").write_bytes(b"")
    other = bundle(schema=made.bundle.schema, root=tmp_path, model_path=tmp_path / "model.onnx")
    found = measure("model_format", model_file=tmp_path / ".notes.txt", bundle=other)
    assert values(found)["format"] == "pickle"
    assert values(found)["pickle_files"] == 1
    assert ".notes.txt is a pickle" in found.findings[0]


def test_integrity_holds_for_the_same_bytes_and_breaks_with_one(made: Made, tmp_path: Path, bundle: Callable[..., Any]) -> None:
    same = tmp_path / "same.onnx"
    same.write_bytes(made.bundle.model.path.read_bytes())
    facts = values(measure("integrity", model_file=same, bundle=made.bundle))
    assert facts["sha256_match"] is True
    assert facts["tree_ok"] is True
    same.write_bytes(same.read_bytes() + b"\0")
    wrong = bundle(schema=made.bundle.schema, root=made.bundle.root, model_path=made.bundle.model.path, digest="sha256:1")
    found = measure("integrity", model_file=same, bundle=wrong)
    assert values(found)["sha256_match"] is False
    assert values(found)["tree_ok"] is False
    assert len(found.findings) == 2


def run_record(made: Made, train: Path, **changed: Any) -> dict[str, Any]:
    record = {
        "features": ["x0", "x1", "x2"], "version": "abc1234", "python": "3.11.7", "hardware": "x86_64", "finished": "2026-01-02T03:04:05Z",
        "seed": 17, "packages": {"scikit-learn": "1.9"},
        "data": {"train": {"digest": file_digest(train)}, "model": {"digest": file_digest(made.bundle.model.path)}},
    }  # fmt: skip
    return {**record, **changed}


def test_a_whole_run_record_matches_model_and_files(made: Made, tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("x0,y\n1,0\n")
    config = tmp_path / "config.yaml"
    config.write_text("trees: 40\n")
    record = run_record(made, train)
    record["data"]["config"] = {"digest": file_digest(config)}
    facts = values(measure("metadata", run_record=record, bundle=made.bundle, train_file=train, files={"config": config}))
    assert {name for name, value in facts.items() if value is False} == set()
    assert (facts["code_commit"], facts["hardware"], facts["finished"]) == ("abc1234", "x86_64", "2026-01-02T03:04:05Z")
    assert facts["age_days"] > 0
    assert facts["seed"] == 17
    assert facts["packages"] == 1


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"features": ["x1", "x0", "x2"]}, "features_match"), ({"features": None}, "has_feature_names"), ({"version": ""}, "has_version"),
        ({"seed": None}, "has_seed"), ({"seed": True}, "has_seed"), ({"data": {}}, "has_training_data"),
        ({"data": {"train": {"digest": "sha256:0"}}}, "training_data_digest_match"), ({"data": {"train": None}}, "model_digest_match"),
        ({"packages": {}}, "has_environment"), ({"python": ""}, "has_environment"), ({"hardware": ""}, "has_hardware"), ({}, "has_config"),
    ],
)  # fmt: skip
def test_what_a_run_record_lacks_or_gets_wrong_is_false(made: Made, tmp_path: Path, changed: dict[str, Any], wrong: str) -> None:
    train = tmp_path / "train.csv"
    train.write_text("x0,y\n1,0\n")
    facts = values(measure("metadata", run_record=run_record(made, train, **changed), bundle=made.bundle, train_file=train))
    assert facts[wrong] is False


def test_a_configuration_that_was_changed_after_the_run_does_not_match(made: Made, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("x0,y\n1,0\n")
    (tmp_path / "config.yaml").write_text("trees: 40\n")
    record = run_record(made, tmp_path / "train.csv")
    record["data"]["config"] = {"digest": file_digest(tmp_path / "config.yaml")}
    (tmp_path / "config.yaml").write_text("trees: 41\n")
    given = {"run_record": record, "bundle": made.bundle, "train_file": tmp_path / "train.csv"}
    assert values(measure("metadata", **given, files={"config": tmp_path / "config.yaml"}))["config_digest_match"] is False
    assert values(measure("metadata", **given, files={"config": tmp_path / "gone.yaml"}))["config_digest_match"] is False
    assert "config_digest_match" not in values(measure("metadata", **given))


def test_a_checkpoint_of_another_run_and_one_that_is_gone_are_changed_and_one_that_nobody_recorded_is_not(
    made: Made, tmp_path: Path
) -> None:
    (tmp_path / "train.csv").write_text("x0,y\n1,0\n")
    files = {name: tmp_path / f"{name}.pt" for name in ("best", "last", "other")}
    for name, path in files.items():
        path.write_text(name)
    record = run_record(made, tmp_path / "train.csv")
    record["data"] |= {name: {"digest": file_digest(files[name])} for name in ("best", "last")}
    given = {"run_record": record, "bundle": made.bundle, "train_file": tmp_path / "train.csv", "files": files}
    assert values(measure("metadata", **given))["files_changed"] == 0
    files["best"].write_text("of another run")
    files["last"].unlink()
    found = measure("metadata", **given)
    assert values(found)["files_changed"] == 2
    assert "the file best is not the one that the run was recorded with" in found.findings


@pytest.mark.parametrize("finished", ["yesterday", "2026-01-02T03:04:05", "2999-01-01T00:00:00Z"])
def test_a_run_at_no_time_or_in_the_future_is_an_error(made: Made, tmp_path: Path, finished: str) -> None:
    (tmp_path / "train.csv").write_text("x0,y\n1,0\n")
    record = run_record(made, tmp_path / "train.csv", finished=finished)
    with pytest.raises(DataError, match=r"time|future"):
        measure("metadata", run_record=record, bundle=made.bundle, train_file=tmp_path / "train.csv")


@pytest.mark.parametrize("record", [[], {}, {"data": []}, "run"])
def test_a_malformed_run_record_is_an_error(made: Made, tmp_path: Path, record: Any) -> None:
    with pytest.raises(DataError, match="malformed"):
        measure("metadata", run_record=record, bundle=made.bundle, train_file=tmp_path)


def test_pinned_and_loose_packages_are_told_apart(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# made by hand\n--index-url https://example.invalid/simple\nnumpy==2.4.6\n"
        "scikit-learn==1.9.1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "click==8.1.0 ; python_version >= '3.11'  # why\nuvicorn[standard]==0.30.1\n"
        "requests>=2\nurllib3==2.*\nflask\n-e .\n-r other.txt\nx @ https://example.invalid/x.whl\npandas==2.0,<3\n"
    )
    found = measure("environment", environment=lock)
    assert values(found) == {"packages": 11, "pinned": 4, "unpinned": 7, "hashed": 1}
    assert "not pinned: flask" in found.findings


@pytest.mark.parametrize("content", [b"", b"# nothing\n\n", b"--no-index\n", b"\xff\xfe"])
def test_a_lock_that_names_nothing_is_an_error(tmp_path: Path, content: bytes) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_bytes(content)
    with pytest.raises(DataError):
        measure("environment", environment=lock)
