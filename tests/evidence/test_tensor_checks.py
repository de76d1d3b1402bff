"""The checks on windows: of 20 steps by 3 channels, three classes, in Parquet files, with a real model in the real sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from sklearn.metrics import roc_auc_score

from gonogo.base.table import Table, TableFiles, read_table
from gonogo.errors import DataError
from gonogo.evidence.inputs import MonitorView, Scores
from gonogo.evidence.memory import measure
from gonogo.model.encode import encode_table
from gonogo.model.sandbox import Sandbox
from gonogo.model.schema import Feature, GraphInput, Schema, Tensor
from gonogo.release.baseline import make_baseline
from measured import values
from window_project import CHANNELS, CLASSES, SHAPE, window_model, windows, write_table

SANDBOX = Sandbox(seconds=60, memory_mib=4096, accept_weaker=True)
NAN, INF = float("nan"), float("inf")


def window_schema(*, nullable: bool = False, channels: bool = True) -> Schema:
    tensor = Tensor(SHAPE, 1, CHANNELS, ("mean", "spread", "missing")) if channels else Tensor(SHAPE)
    return Schema(
        task="multiclass-classification",
        inputs=(GraphInput("window", "float32", 60, SHAPE),),
        features=(Feature("window", "float", nullable, "window", 0, tensor),),
        classes=CLASSES,
        score_output="probabilities",
    )


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """`files(test=(windows, kinds))`: paths of tables, by default 300 and 200 windows of one kind of world."""

    def make(**given: tuple[Any, Any]) -> dict[str, Any]:
        chosen = {"train": windows(300, 1), "test": windows(200, 2), **given}
        for name, (rows, kinds) in chosen.items():
            write_table(tmp_path / f"{name}.parquet", rows, kinds)
        return {f"{name}_file": tmp_path / f"{name}.parquet" for name in chosen}

    return make


@pytest.fixture
def made(tmp_path: Path, bundle: Callable[..., Any], project: Callable[..., Any]) -> dict[str, Any]:
    path = tmp_path / "model.onnx"
    path.write_bytes(window_model())
    return {"bundle": bundle(schema=window_schema(), root=tmp_path, model_path=path), "project": project(target="kind")}


# -- data_contract and data_quality --------------------------------------------------------------------------------------------------


def test_windows_that_fit_have_no_errors_and_every_channel_is_watched(files: Any, made: Any) -> None:
    found = values(measure("data_contract", **made, **files()))
    assert (found["shape_errors"], found["type_errors"], found["columns_constant"], found["missing_share_max"]) == (0, 0, 0, 0.0)
    quality = measure("data_quality", **made, **files())
    assert values(quality)["rules_per_column"] == 3
    assert [one["name"] for one in quality.pictures["missing"]["items"]] == ["window.open", "window.high", "window.low"]


def lists(path: Path, column: list[Any], kinds: Any) -> Path:
    rows = {"window": column, "kind": [CLASSES[place] for place in kinds]}
    pyarrow.parquet.write_table(pyarrow.table(rows), path)
    return path


def test_a_window_of_another_shape_is_counted_row_by_row(files: Any, made: Any, tmp_path: Path) -> None:
    rows, kinds = windows(50, 3)
    column = [*rows.tolist()[:47], rows[47, :19].tolist(), None, [*rows[49].tolist(), [0.0, 0.0, 0.0]]]
    found = measure("data_contract", **made, **{**files(), "test_file": lists(tmp_path / "ragged.parquet", column, kinds)})
    assert (values(found)["shape_errors"], values(found)["type_errors"]) == (3, 1)
    assert "test: column 'window' has 3 row(s) that hold no tensors of the shape [20, 3]" in found.findings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.transpose(0, 2, 1), "holds [3, 20], not tensors of the shape [20, 3]"),
        (lambda rows: np.where(np.arange(20)[None, :, None] == 5, NAN, rows), "has 600 missing element(s)"),
        (lambda rows: np.where(rows > 3, INF, rows), "holds an infinity"),
        (lambda rows: rows[:, 0, 0], "holds single values, not tensors of the shape [20, 3]"),
    ],
    ids=["turned", "missing", "infinite", "single"],
)
def test_windows_that_the_model_does_not_take_are_type_errors(files: Any, made: Any, tmp_path: Path, change: Any, said: str) -> None:
    rows, kinds = windows(200, 2)
    path = lists(tmp_path / "odd.parquet", change(rows).tolist(), kinds)
    found = measure("data_contract", **made, **{**files(), "test_file": path})
    assert values(found)["type_errors"] == 1
    assert any(said in finding for finding in found.findings), found.findings


def test_flat_lists_are_windows_too(files: Any, made: Any, tmp_path: Path) -> None:
    rows, kinds = windows(200, 2)
    flat = lists(tmp_path / "flat.parquet", rows.reshape(200, -1).tolist(), kinds)
    assert values(measure("data_contract", **made, **{**files(), "test_file": flat}))["type_errors"] == 0
    assert values(measure("overlap", **made, **{**files(train=(rows, kinds)), "test_file": flat}))["shared_rows"] == 200


def test_a_channel_that_never_changes_is_constant_and_what_training_never_saw_is_out_of_range(files: Any, made: Any) -> None:
    rows, kinds = windows(300, 1)
    rows[:, :, 2] = 7.0
    found = measure("data_contract", **made, **files(train=(rows, kinds)))
    assert values(found)["columns_constant"] == 1
    assert "train: column 'window.low' never changes" in found.findings
    quality = measure("data_quality", **made, **files(train=(rows, kinds)))
    assert values(quality)["out_of_range_share"] == 1.0
    assert "'window.low': 100.0% of the test values were never seen in training" in quality.findings


def test_missing_and_infinite_elements_are_told_by_channel(files: Any, made: Any) -> None:
    rows, kinds = windows(200, 2)
    rows[:, :5, 1], rows[0, 0, 0] = NAN, INF
    found = measure("data_quality", **made, **files(test=(rows, kinds)))
    assert (values(found)["worst_column"], values(found)["worst_missing"], values(found)["non_finite"]) == ("window.high", 0.25, 1)


# -- rows that are the same, or nearly ---------------------------------------------------------------------------------------------


def test_a_window_of_the_training_in_the_test_is_shared_and_one_that_was_nudged_is_near(files: Any, made: Any) -> None:
    rows, kinds = windows(200, 2)
    seen, told = windows(300, 1)
    rows[:10], kinds[:10] = seen[:10], told[:10]
    nudged = seen[10:30] + np.random.default_rng(0).normal(size=(20, *SHAPE)).astype(np.float32) * 1e-6
    rows[10:30], kinds[10:30] = nudged, told[10:30]
    tables = files(test=(rows, kinds))
    assert values(measure("overlap", **made, **tables))["shared_rows"] == 10
    near = values(measure("near_duplicates", bundle=made["bundle"], **tables))
    assert 29 <= near["near_duplicates"] <= 30  # a pair may fall between the cells of all grids
    assert values(measure("near_duplicates", bundle=made["bundle"], **files()))["near_duplicates"] == 0


def test_columns_that_are_added_stand_beside_their_rows_whatever_the_size(tmp_path: Path) -> None:
    rows = 300_000
    pyarrow.parquet.write_table(pyarrow.table({"x": np.arange(rows, dtype=np.float64)}), tmp_path / "x.parquet", row_group_size=10_000)
    with TableFiles(x=tmp_path / "x.parquet") as tables:
        twice = (2 * part.column("x")[:, None] for part in tables.parts("x", ["x"], 70_000))
        tables.extend("x", ["twice"], twice)
        tables.extend("x", ["again"], (part.column("twice")[:, None] for part in tables.parts("x", ["twice"], 90_000)))
        assert tables.ask("SELECT count(*) FILTER (twice = 2 * x AND again = twice) FROM x") == [(rows,)]
        assert tables.ask("SELECT sum(twice) FROM x WHERE x < 100") == [(9900.0,)]
        assert tables.sample("x", ["x", "again"], 1000).rows < 1500


# -- what is drifting, and what tells the label ------------------------------------------------------------------------------------


def test_a_channel_that_moved_is_named_by_its_summary(files: Any, made: Any) -> None:
    rows, kinds = windows(300, 4)
    rows[:, :, 1] += 0.5

    def drift(test: Any) -> dict[str, Any]:
        paths = files(validation=windows(300, 3), test=test)
        del paths["train_file"]
        return values(measure("drift_between", bundle=made["bundle"], **paths))

    found = drift((rows, kinds))
    assert (found["feature"], found["max_psi"] > 0.25, found["p_value"] < 1e-6) == ("window.high.mean", True, True)
    assert drift(windows(300, 4))["p_value"] > 0.01


def test_one_element_that_tells_the_label_is_found_among_all(files: Any, made: Any) -> None:
    rows, kinds = windows(300, 1)
    honest = values(measure("leakage", train_file=files(train=(rows, kinds))["train_file"], **made))
    assert honest["feature"] in {f"window.{channel}.mean" for channel in CHANNELS}
    expected = max(roc_auc_score(kinds == place, rows[:, :, place].mean(axis=1)) for place in range(3))
    assert honest["max_single_auc"] == pytest.approx(expected, abs=1e-9)
    kinds = np.random.default_rng(5).permutation(kinds)  # now nothing tells the label, but for one number of sixty
    rows[:, 19, 2] = kinds
    leaked = values(measure("leakage", train_file=files(train=(rows, kinds))["train_file"], **made))
    assert (leaked["feature"], leaked["max_single_auc"]) == ("window[19].low", 1.0)


def test_what_the_model_left_out_counts_and_a_window_it_keeps_does_not(files: Any, made: Any) -> None:
    paths = files()
    train = read_table(paths["train_file"])
    noise = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    named = Table({**train.columns, "image": noise}, 300)
    found = measure("information_drop", {"exclude": ["day"]}, train=named, **made)
    assert values(found)["features_kept"] == 9
    assert values(found)["features_all"] == 11
    assert 0 <= values(found)["information_drop"] < 0.2


def test_a_simple_model_of_summaries_and_elements_does_as_well_as_the_one_that_averages(files: Any, made: Any) -> None:
    paths = files()
    train, test = (read_table(paths[f"{name}_file"]) for name in ("train", "test"))
    schema = made["bundle"].schema
    scores, isolation = SANDBOX.scores(schema, made["bundle"].model, encode_table(schema, test))
    y = np.array([CLASSES.index(kind) for kind in test.column("kind")])
    found = values(measure("baseline_comparison", train=train, test=test, scores_test=Scores(y, scores, CLASSES, isolation), **made))
    assert found["simple"] == "logistic regression"
    assert found["gain"] == pytest.approx(0, abs=0.05)


# -- what the model relies on --------------------------------------------------------------------------------------------------------


def test_channels_are_shuffled_explained_and_broken_one_at_a_time(files: Any, made: Any) -> None:
    test = read_table(files()["test_file"])
    names = ["window.open", "window.high", "window.low"]
    ranked = measure("importance", {"rows": 200}, test=test, sandbox=SANDBOX, **made)
    assert sorted(one["name"] for one in ranked.pictures["importance"]["items"]) == sorted(names)
    assert values(ranked)["features_ranked"] == 3
    assert values(ranked)["top_share"] < 0.6  # the three matter alike
    explained = values(measure("explanation", {"rows": 3, "orders": 10}, bundle=made["bundle"], test=test, sandbox=SANDBOX))
    assert (explained["features"], explained["global_values"], explained["local_values"]) == (3, 3, 3)
    assert explained["additivity_gap"] < 1e-6
    broken = values(measure("numeric_inputs", {"rows": 2}, bundle=made["bundle"], test=test, sandbox=SANDBOX))
    assert broken["rows"] == 4 * 3 * 2  # kinds of extreme values, channels, rows


def test_a_list_of_features_names_the_window_or_its_channels(made: Any, tmp_path: Path) -> None:
    for names in (["window"], ["window.open", "window.high", "window.low"], ["open", "high", "low"]):
        (tmp_path / "list.csv").write_text("\n".join(["name", *names]) + "\n")
        found = values(measure("feature_list", bundle=made["bundle"], files={"feature_list": tmp_path / "list.csv"}))
        assert (found["names_match"], found["order_match"]) == (True, True), names
    (tmp_path / "list.csv").write_text("name\nhigh\nopen\n")
    found = measure("feature_list", bundle=made["bundle"], files={"feature_list": tmp_path / "list.csv"})
    assert "'low' is a feature of the model and not listed" in found.findings


def test_windows_that_training_computed_otherwise_differ(files: Any, made: Any, tmp_path: Path) -> None:
    test = read_table(files()["test_file"])
    rows, _ = windows(200, 2)
    rows[7, 3, 1] += 0.5
    said = {"row": list(range(200)), "window": rows.tolist()}
    pyarrow.parquet.write_table(pyarrow.table(said), tmp_path / "training.parquet")
    found = values(measure("feature_parity", bundle=made["bundle"], test=test, files={"training_features": tmp_path / "training.parquet"}))
    assert (found["rows"], found["rows_differing"], found["max_abs_diff"]) == (200, 1, pytest.approx(0.5, abs=1e-6))


def test_slices_of_a_window_are_refused_and_those_of_other_columns_are_not(files: Any, made: Any) -> None:
    test = read_table(files()["test_file"])
    scores = Scores(np.arange(200) % 3, np.tile([0.5, 0.3, 0.2], (200, 1)), CLASSES, "process")
    for options in ({"columns": ["window"]}, {}):
        with pytest.raises(DataError, match="slices are of single values"):
            measure("slices", options, bundle=made["bundle"], test=test, scores_test=scores)
    found = measure("slices", {"columns": ["day"], "min_rows": 20}, bundle=made["bundle"], test=test, scores_test=scores)
    assert values(found)["slices"] == 4


# -- the baseline and the rules ------------------------------------------------------------------------------------------------------


def test_every_summary_has_its_baseline_and_rules_name_summaries_and_classes(files: Any, made: Any, bundle: Any) -> None:
    _, kinds = windows(300, 1)
    table = read_table(files()["train_file"])
    schema = window_schema()
    document = make_baseline(schema, table, np.eye(3)[kinds] * 0.7 + 0.1, kinds)
    assert document["format"] == "gonogo-baseline/3"
    named = [f"window.{channel}.{summary}" for channel in CHANNELS for summary in ("mean", "spread", "missing")]
    assert list(document["features"]) == named
    assert {entry["tensor"] for entry in document["features"].values()} == {"window"}
    rules = [_rule("feature", "window.open.mean"), _rule("class", "rise")]
    found = values(measure("monitoring", monitor=MonitorView(["file"], rules), bundle=bundle(schema=schema, baseline=document)))
    assert (found["features"], found["baseline_features"]) == (9, 9)
    for label, name in (("feature", "window"), ("class", "sideways")):
        with pytest.raises(DataError, match=f"names the {label} '{name}'"):
            measure(
                "monitoring", monitor=MonitorView(["file"], [_rule(label, name)]), bundle=bundle(schema=schema, baseline=document)
            )  # fmt: skip


def _rule(label: str, value: str) -> Any:
    from gonogo.monitor.alarms.rule import Rule

    return Rule(f"of-{value}", "psi" if label == "feature" else "recall_drop", above=0.2, clear=0.1, labels={label: value})
