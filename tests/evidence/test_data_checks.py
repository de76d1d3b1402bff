"""The checks on tables: each finds what is wrong, and says nothing about what it cannot know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base.catalogue import load
from gonogo.base.table import Table
from gonogo.errors import DataError, GonogoError, UsageError
from gonogo.evidence.check import asked_inputs
from gonogo.model.encode import table_column
from measured import values

NAN, INF = float("nan"), float("inf")


def days(*numbers: int | None) -> list[np.datetime64]:
    return [np.datetime64("NaT", "D") if n is None else np.datetime64("2026-01-01") + np.timedelta64(n, "D") for n in numbers]


# -- data_contract ------------------------------------------------------------------------------------------------------------------


def test_a_table_that_fits_has_nothing_missing_and_no_type_errors(check: Any, table: Any, bundle: Any, project: Any) -> None:
    given = table(x=[1, 2, 3], t=["a", "b", "a"], y=[0, 1, 0])
    found = check("data_contract", project=project(), train=given, test=given, bundle=bundle(x="float", t="string"))
    assert values(found) == {
        "rows": 6, "rows_train": 3, "rows_test": 3, "features": 2, "columns_missing": 0, "columns_absent": 0, "columns_constant": 0,
        "missing_share_max": 0.0, "type_errors": 0, "domain_violations": 0,
    }  # fmt: skip
    assert found.findings == ()


def test_missing_columns_are_counted_in_both_tables_and_named(check: Any, table: Any, bundle: Any, project: Any) -> None:
    found = check("data_contract", project=project(), train=table(x=[1, 2]), test=table(z=[1]), bundle=bundle(x="float"))
    assert values(found)["columns_missing"] == 3
    assert "test: the column 'x' is missing" in found.findings
    assert "train: the column 'y' is missing" in found.findings


@pytest.mark.parametrize(
    ("kind", "column"),
    {"float": ["1", "2"], "int": [1.5, 2], "bool": [0, 2], "string": [1, 2], "float?": [1, INF], "float-null": [1, None]}.items(),
)
def test_a_column_of_the_wrong_type_is_a_type_error(
    check: Any, table: Any, bundle: Any, project: Any, kind: str, column: list[Any]
) -> None:
    good = {"float": [1, 2], "int": [1, 2], "bool": [0, 1], "string": ["a", "b"], "float?": [1, 2], "float-null": [1, 2]}[kind]
    kind = kind.removesuffix("-null")
    found = check("data_contract", project=project(), train=table(x=good, y=[0, 1]), test=table(x=column, y=[0, 1]), bundle=bundle(x=kind))
    assert values(found)["type_errors"] == 1
    assert "test: column 'x'" in found.findings[0]


@pytest.mark.parametrize("column", [[7, 7, 7], [None, None, None], [7, None, 7]])
def test_a_feature_that_never_changes_is_constant(check: Any, table: Any, bundle: Any, project: Any, column: list[Any]) -> None:
    given = table(x=column, y=[0, 1, 0])
    found = check("data_contract", project=project(), train=given, test=given, bundle=bundle(x="float?"))
    assert values(found)["columns_constant"] == 1
    assert values(found)["missing_share_max"] == pytest.approx(sum(v is None for v in column) / 3)


@pytest.mark.parametrize("seed", range(12))
def test_type_errors_are_what_the_models_encoder_refuses(check: Any, table: Any, bundle: Any, project: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    numbers = [0.0, 1.0, -1.0, 0.5, 2.0**24 + 1, 2.0**54, 1e39, -1e39, 1e300, INF, -INF]
    words = ["a", "1", "1.5", "", "nan"]
    kinds = ["float", "float?", "int", "int?", "bool", "bool?", "string", "string?"]
    columns, features = {}, {}
    for index in range(40):
        pool = words if random.random() < 0.3 else list(random.permutation(numbers)[: random.integers(1, 4)])
        values_ = [pool[at] if random.random() < 0.8 else None for at in random.integers(0, len(pool), 6)]
        columns[f"c{index}"], features[f"c{index}"] = values_, str(random.choice(kinds))
    given, model = table(**columns, y=[0, 1] * 3), bundle(**features)
    refused = set()
    for feature, graph_input in zip(model.schema.features, model.schema.inputs, strict=True):
        try:
            table_column(feature, graph_input.dtype, given.column(feature.name))
        except ValueError as error:
            refused.add(f"test: column {feature.name!r} {error}")
    found = check("data_contract", project=project(), train=given, test=given, bundle=model)
    said = {finding for finding in found.findings if finding.startswith("test: column")}
    assert {finding.split("such as")[0] for finding in said} == {finding.split("such as")[0] for finding in refused}
    assert values(found)["type_errors"] == 2 * len(refused)


def test_rows_columns_and_domains_are_held_against_what_was_promised(check: Any, table: Any, bundle: Any, project: Any) -> None:
    train, test = table(x=[1, 2, 3], t=["a", "b", "c"], y=[0, 1, 0]), table(x=[4, None], t=["a", "d"], y=[0, 7])
    options = {"expected_rows": 6, "columns": ["x", "when"], "domains": ["y in {0, 1}", "x in [1, 3]", "t in {a, b, c}"]}
    found = check("data_contract", options, project=project(), train=train, test=test, bundle=bundle(x="float?", t="string"))
    facts = values(found)
    assert facts["rows"] == 5
    assert facts["rows_expected_difference"] == 1
    assert facts["columns_absent"] == 2
    assert facts["domain_violations"] == 1 + 2 + 1
    assert "test: 2 rows break 'x in [1, 3]'" in found.findings
    assert "the tables have 5 rows, not 6" in found.findings
    assert "train: the column 'when' is missing" in found.findings


def test_a_promise_that_is_kept_leaves_nothing_to_say(check: Any, table: Any, bundle: Any, project: Any) -> None:
    given = table(x=[1, 2], y=[0, 1])
    options = {"expected_rows": 6, "columns": ["x"], "domains": ["y in {0, 1}", "x in [1, 2]"]}
    found = check("data_contract", options, project=project(), train=given, validation=given, test=given, bundle=bundle(x="float"))
    facts = values(found)
    assert (facts["rows"], facts["rows_expected_difference"], facts["columns_absent"], facts["domain_violations"]) == (6, 0, 0, 0)
    assert found.findings == ()


@pytest.mark.parametrize("domain", ["nowhere in {1}", "t in [0, 1]"])
def test_a_domain_of_an_absent_column_or_another_type_is_broken_by_every_row(
    check: Any, table: Any, bundle: Any, project: Any, domain: str
) -> None:
    given = table(x=[1, 2], t=["0", "1"], y=[0, 1])
    found = check("data_contract", {"domains": [domain]}, project=project(), train=given, test=given, bundle=bundle(x="float"))
    assert values(found)["domain_violations"] == 4


@pytest.mark.parametrize("domain", ["y", "y in {}", "y in [0]", "y in [1, 0]", "y in [a, b]", "y in {yes, no}", "y in [0, inf]", "y > 1"])
def test_words_that_say_no_domain_are_refused(check: Any, table: Any, bundle: Any, project: Any, domain: str) -> None:
    given = table(x=[1], y=[0])
    with pytest.raises(UsageError, match="y"):
        check("data_contract", {"domains": [domain]}, project=project(), train=given, test=given, bundle=bundle(x="float"))


def test_the_validation_table_is_under_contract_too(check: Any, table: Any, bundle: Any, project: Any) -> None:
    good = table(x=[1, 2], y=[0, 1])
    found = check("data_contract", project=project(), train=good, validation=table(x=["a"]), test=good, bundle=bundle(x="float"))
    assert values(found)["type_errors"] == 1
    assert values(found)["columns_missing"] == 1
    assert all(finding.startswith("validation: ") for finding in found.findings)


# -- data_quality -------------------------------------------------------------------------------------------------------------------


def test_clean_data_is_watched_by_rules_and_has_no_findings(check: Any, table: Any, bundle: Any, project: Any) -> None:
    given = table(x=[1, 2, 3], t=["a", "b", "a"], y=[0, 1, 0])
    found = check("data_quality", project=project(), bundle=bundle(x="float", t="string"), train=given, test=given)
    facts = values(found)
    assert facts["rules_per_column"] == 2
    assert facts["worst_missing"] == facts["non_finite"] == facts["out_of_range_share"] == facts["duplicate_rows"] == 0
    assert found.findings == ()


def test_what_training_never_saw_repeats_and_infinities_are_counted(check: Any, table: Any, bundle: Any, project: Any) -> None:
    train = table(x=[1, 1, 2, INF], t=["a", "a", "b", None], y=[0, 0, 1, 1])
    test = table(x=[1, 9, 2, 2], t=["a", "a", "q", "a"], y=[0, 1, 0, 1])
    facts = values(check("data_quality", project=project(), bundle=bundle(x="float?", t="string?"), train=train, test=test))
    assert facts["duplicate_rows"] == 1
    assert facts["duplicate_share"] == 0.25
    assert facts["non_finite"] == 1
    assert facts["out_of_range_share"] == 0.25
    assert facts["worst_missing"] == 0.25
    assert facts["worst_column"] == "t"


def test_a_column_without_any_training_value_is_watched_by_fewer_rules(check: Any, table: Any, bundle: Any, project: Any) -> None:
    train, test = table(x=[None, None], y=[0, 1]), table(x=[1, None], y=[0, 1])
    facts = values(check("data_quality", project=project(), bundle=bundle(x="float?"), train=train, test=test))
    assert facts["rules_per_column"] == 2
    assert facts["worst_missing"] == 1.0
    assert facts["out_of_range_share"] == 1.0


def test_text_in_one_table_and_numbers_in_the_other_is_an_error(check: Any, table: Any, bundle: Any, project: Any) -> None:
    with pytest.raises(DataError, match="'x' holds"):
        check(
            "data_quality", project=project(), bundle=bundle(x="float"), train=table(x=[1, 2], y=[0, 1]), test=table(x=["a"], y=[0])
        )  # fmt: skip


# -- temporal_split -----------------------------------------------------------------------------------------------------------------


def test_a_later_test_table_has_a_positive_gap_and_no_overlap(check: Any, table: Any, project: Any) -> None:
    facts = values(check("temporal_split", project=project(), train=table(when=days(0, 1)), test=table(when=days(3, 2))))
    assert facts == {
        "gap_seconds": 86400.0, "overlap_rows": 0, "missing_times": 0, "n": 2, "in_order": True, "embargo_seconds": 0,
        "embargo_violations": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("train", "test", "overlap"),
    {
        "earlier": ([5], [1], 1), "same moment": ([5], [5, 6], 1), "one early row": ([5], [6, 7, 4], 1), "no time": ([5], [6, None], 1),
        "training rows without a time": ([5, None], [6, 7], 2),
    }.values(),
)  # fmt: skip
def test_rows_that_are_not_shown_to_be_later_overlap(check: Any, table: Any, project: Any, train: Any, test: Any, overlap: int) -> None:
    found = check("temporal_split", project=project(), train=table(when=days(*train)), test=table(when=days(*test)))
    assert values(found)["overlap_rows"] == overlap
    assert found.findings


def test_validation_rows_must_be_later_too(check: Any, table: Any, project: Any) -> None:
    tables = {"train": table(when=days(5)), "validation": table(when=days(4, 6)), "test": table(when=days(9))}
    assert values(check("temporal_split", project=project(), **tables))["overlap_rows"] == 1


def test_test_rows_must_be_later_than_validation_rows(check: Any, table: Any, project: Any) -> None:
    tables = {"train": table(when=days(1)), "validation": table(when=days(4, 6)), "test": table(when=days(5, 7))}
    found = check("temporal_split", project=project(), **tables)
    assert values(found)["overlap_rows"] == 1
    assert values(found)["gap_seconds"] == 4 * 86400.0
    assert "1 test rows" in found.findings[0]


def test_numbers_count_as_seconds(check: Any, table: Any, project: Any) -> None:
    assert values(check("temporal_split", project=project(), train=table(when=[1, 2]), test=table(when=[12])))["gap_seconds"] == 10.0


@pytest.mark.parametrize("times", [["monday"], [None], [INF], days(None)])
def test_times_that_are_text_empty_or_infinite_are_an_error(check: Any, table: Any, project: Any, times: Any) -> None:
    given = Table({"when": np.array(times, dtype=object)}, 1) if times == ["monday"] else table(when=times)
    with pytest.raises(DataError):
        check("temporal_split", project=project(), train=given, test=table(when=days(3)))


def test_a_project_without_a_time_column_is_an_error(check: Any, table: Any, project: Any) -> None:
    with pytest.raises(UsageError, match=r"data\.time"):
        check("temporal_split", project=project(time=None), train=table(when=[1]), test=table(when=[2]))


# -- overlap ------------------------------------------------------------------------------------------------------------------------


def overlap(check: Any, table: Any, bundle: Any, project: Any, train: Any, test: Any, **more: Any) -> dict[str, Any]:
    kinds = bundle(x="float?", t="string?")
    return values(check("overlap", project=project(), bundle=kinds, train=table(**train), test=table(**test), **more))


def test_rows_in_both_tables_are_counted_whatever_else_the_tables_hold(check: Any, table: Any, bundle: Any, project: Any) -> None:
    train = {"id": [1, 2, 3], "x": [0.1, -0.0, None], "t": ["a", "b", None], "y": [0, 1, 0]}
    test = {"y": [0, 1, 0, 1], "t": ["a", "b", None, "a"], "x": [0.1, 0.0, None, 0.1], "id": [7, 8, 9, 10]}
    found = overlap(check, table, bundle, project, train, test)
    assert found == {"shared_rows": 3, "shared_share": 0.75, "repeated_rows": 0, "repeated_share": 0.0}


def test_test_rows_that_only_repeat_others_are_counted_as_such(check: Any, table: Any, bundle: Any, project: Any) -> None:
    test = {"x": [1, 2, 1, 1, None], "t": ["a", "a", "a", "b", None], "y": [0, 0, 0, 0, 1]}
    pasted = {name: values * 10 for name, values in test.items()}
    train = {"x": [9], "t": ["z"], "y": [0]}
    assert overlap(check, table, bundle, project, train, test)["repeated_share"] == 0.2
    assert overlap(check, table, bundle, project, train, pasted)["repeated_rows"] == 46


def test_rows_that_went_through_text_are_still_found(check: Any, table: Any, bundle: Any, project: Any) -> None:
    exact = {"x": [1 / 3], "t": ["a"], "y": [1]}
    printed = {"x": [0.33333334], "t": ["a"], "y": [1]}
    assert overlap(check, table, bundle, project, exact, printed)["shared_rows"] == 1


def test_rows_that_differ_in_one_value_are_not_shared(check: Any, table: Any, bundle: Any, project: Any) -> None:
    train = {"x": [1, 1, 1], "t": ["a", "a", ""], "y": [0, 0, 0]}
    test = {"x": [2, 1, 1, 1], "t": ["a", "b", None, "a"], "y": [0, 0, 0, 1]}
    assert overlap(check, table, bundle, project, train, test)["shared_rows"] == 0


def test_rows_seen_in_validation_are_shared_too(check: Any, table: Any, bundle: Any, project: Any) -> None:
    row = {"x": [5], "t": ["a"], "y": [1]}
    assert overlap(check, table, bundle, project, {"x": [1], "t": ["a"], "y": [0]}, row, validation=table(**row))["shared_rows"] == 1


def test_a_column_of_another_type_cannot_hide_shared_rows(check: Any, table: Any, bundle: Any, project: Any) -> None:
    with pytest.raises(DataError, match="different types"):
        overlap(check, table, bundle, project, {"x": [1], "t": ["7"], "y": [0]}, {"x": [1], "t": [7], "y": [0]})


def test_equal_keys_mean_equal_rows_on_many_rows(check: Any, table: Any, bundle: Any, project: Any) -> None:
    grid = np.arange(40_000, dtype=float)
    train = {"x": list(grid % 200), "t": ["a"] * len(grid), "y": list(grid // 200)}
    test = {"x": list(grid % 200 + 0.5), "t": ["a"] * len(grid), "y": list(grid // 200)}
    assert overlap(check, table, bundle, project, train, test)["shared_rows"] == 0


# -- labels -------------------------------------------------------------------------------------------------------------------------


def test_labels_count_classes_the_rarest_and_the_missing(check: Any, table: Any, bundle: Any, project: Any) -> None:
    train, test = table(y=[0, 0, 0, 1]), table(y=[0, 1, None, 7])
    found = check("labels", project=project(), bundle=bundle(x="float"), train=train, test=test)
    assert values(found) == {
        "classes": 2, "minority_share": 0.25, "minority_rows": 1, "balance_ratio": 1 / 3, "missing_labels": 1, "unknown_labels": 1,
    }  # fmt: skip
    assert found.findings == ("test: 1 rows have no label", "test: 1 rows have the unknown label '7'")


@pytest.mark.parametrize("test", [[0, 0], [None, None]])
def test_a_class_without_rows_has_a_share_of_nothing(check: Any, table: Any, bundle: Any, project: Any, test: list[Any]) -> None:
    found = check("labels", project=project(), bundle=bundle(x="float"), train=table(y=[0, 1]), test=table(y=test))
    assert values(found)["minority_share"] == 0
    assert values(found)["classes"] < 2


def test_labels_in_words_work_as_well(check: Any, table: Any, bundle: Any, project: Any) -> None:
    given = table(y=["no", "yes", "yes"])
    found = check("labels", project=project(), bundle=bundle(classes=("no", "yes"), x="float"), train=given, test=given)
    assert values(found)["minority_share"] == pytest.approx(1 / 3)


def test_the_balance_is_that_of_the_table_where_it_is_worst(check: Any, table: Any, bundle: Any, project: Any) -> None:
    tables = {"train": table(y=[0, 1]), "validation": table(y=[0, 1, 0, 0, 0]), "test": table(y=[0, 0, 1])}
    found = check("labels", project=project(), bundle=bundle(x="float"), **tables)
    assert values(found)["balance_ratio"] == 0.25
    assert values(found)["minority_share"] == 0.2
    assert {"name": "validation: 1", "value": 0.2} in found.pictures["classes"]["items"]


def test_a_target_of_countless_values_is_unknown_labels_and_not_a_memory_problem(check: Any, table: Any, bundle: Any, project: Any) -> None:
    given = table(y=[*range(2, 30_002), 0, 0, 1, 1])
    found = check("labels", project=project(), bundle=bundle(x="float"), train=given, test=given)
    assert values(found)["unknown_labels"] == 60_000
    assert len(found.findings) < 50


# -- leakage ------------------------------------------------------------------------------------------------------------------------


def leak(check: Any, table: Any, bundle: Any, project: Any, kinds: dict[str, str], **columns: list[Any]) -> dict[str, Any]:
    return values(check("leakage", project=project(), bundle=bundle(**kinds), train=table(**columns)))


def test_a_copy_of_the_target_is_found_in_either_direction(check: Any, table: Any, bundle: Any, project: Any) -> None:
    y = [0, 1] * 50
    noise = list(np.random.default_rng(3).normal(size=100))
    facts = leak(check, table, bundle, project, {"noise": "float", "x": "float"}, noise=noise, x=[-v for v in y], y=y)
    assert facts == {"max_single_auc": 1.0, "feature": "x"}


def test_a_value_that_is_only_missing_for_one_class_is_found(check: Any, table: Any, bundle: Any, project: Any) -> None:
    y = [0, 1] * 50
    assert leak(check, table, bundle, project, {"x": "float?"}, x=[None if v else 3 for v in y], y=y)["max_single_auc"] == 1.0


def test_a_text_that_names_the_answer_is_found_and_an_identifier_is_not(check: Any, table: Any, bundle: Any, project: Any) -> None:
    y = list(np.random.default_rng(5).integers(0, 2, 400))
    named = leak(check, table, bundle, project, {"t": "string"}, t=["paid" if v else "late" for v in y], y=y)
    assert named["max_single_auc"] == 1.0
    identifier = leak(check, table, bundle, project, {"t": "string"}, t=[f"id-{n}" for n in range(400)], y=y)
    assert identifier["max_single_auc"] == pytest.approx(0.5)


@pytest.mark.parametrize("y", [[1, 1, 1], [None, 1, 0], [0, 1, 5]])
def test_leakage_without_usable_labels_is_an_error(check: Any, table: Any, bundle: Any, project: Any, y: list[Any]) -> None:
    with pytest.raises(GonogoError):
        leak(check, table, bundle, project, {"x": "float"}, x=[1, 2, 3], y=y)


def test_a_large_table_is_sampled_with_all_rows_of_a_rare_class(check: Any, table: Any, bundle: Any, project: Any) -> None:
    random = np.random.default_rng(9)
    y = np.zeros(50_000)
    y[random.choice(50_000, 40, replace=False)] = 1
    train = table(x=list(y + random.normal(size=50_000) / 2), z=list(random.normal(size=50_000)), y=list(y))
    found = check("leakage", {"max_rows": 2000}, project=project(), bundle=bundle(x="float", z="float"), train=train)
    fact = found.facts["max_single_auc"]
    assert 900 < fact.n < 1200
    assert fact.low < fact.value < fact.high <= 1.0
    assert fact.value == pytest.approx(0.921, abs=0.05)  # two standard deviations apart
    assert found.findings == (f"'x' alone has a ROC-AUC of {fact.value:.4f}",)


def test_features_that_tell_nothing_are_at_one_half(check: Any, table: Any, bundle: Any, project: Any) -> None:
    found = check("leakage", project=project(), bundle=bundle(x="float?"), train=table(x=[None, None, 3, 3], y=[0, 1, 0, 1]))
    assert values(found) == {"max_single_auc": 0.5, "feature": "x"}
    assert found.findings == ()


# -- every one of them --------------------------------------------------------------------------------------------------------------

EVERY = ["data_contract", "data_quality", "labels", "leakage", "overlap", "near_duplicates", "temporal_split", "group_overlap"]


@pytest.mark.parametrize("name", EVERY)
def test_a_table_that_is_not_there_broken_or_empty_is_an_error(check: Any, bundle: Any, project: Any, name: str, tmp_path: Path) -> None:
    whole, broken, empty = tmp_path / "whole.csv", tmp_path / "broken.parquet", tmp_path / "empty.csv"
    whole.write_text("x,y,when\n1,0,2026-01-01\n2,1,2026-01-02\n", encoding="utf-8")
    broken.write_bytes(b"PAR1 and then nothing")
    empty.write_text("x,y,when\n", encoding="utf-8")
    own = {asked.name for asked in asked_inputs(load("checks", name))}
    for train in (tmp_path / "none.csv", broken, empty):
        given = {"project": project(group="x"), "bundle": bundle(x="float"), "train_file": train, "test_file": whole}
        with pytest.raises(DataError, match=train.name):
            check(name, **{key: value for key, value in given.items() if key in own})


@pytest.mark.parametrize("name", ["data_quality", "labels", "leakage", "overlap", "near_duplicates", "temporal_split", "group_overlap"])
def test_a_column_that_a_table_lacks_is_an_error(check: Any, table: Any, bundle: Any, project: Any, name: str) -> None:
    own = {asked.name for asked in asked_inputs(load("checks", name))}
    given = {"project": project(group="x"), "bundle": bundle(x="float"), "train": table(other=[1, 2]), "test": table(other=[3])}
    with pytest.raises(DataError, match="no column"):
        check(name, **{key: value for key, value in given.items() if key in own or f"{key}_file" in own})
