"""The checks on how the tables were split: what may not be shared, and how far apart they must lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.errors import DataError, UsageError
from measured import values

NAN, INF = float("nan"), float("inf")


# -- temporal_split: embargo and split file -----------------------------------------------------------------------------------------


def test_rows_inside_the_embargo_break_it_and_do_not_overlap(check: Any, table: Any, project: Any) -> None:
    tables = {"train": table(when=[0, 100]), "validation": table(when=[105, 160]), "test": table(when=[170, 300])}
    found = check("temporal_split", project=project(embargo=60.0), **tables)
    facts = values(found)
    assert facts["embargo_violations"] == 2
    assert facts["overlap_rows"] == 0
    assert facts["embargo_seconds"] == 60.0
    assert found.findings == ("1 validation rows come within the embargo of 60 s", "1 test rows come within the embargo of 60 s")


def test_exactly_the_embargo_apart_keeps_it(check: Any, table: Any, project: Any) -> None:
    facts = values(check("temporal_split", project=project(embargo=60.0), train=table(when=[100]), test=table(when=[160, 161])))
    assert facts["embargo_violations"] == 0


def split(tmp_path: Path, content: Any) -> dict[str, Path]:
    path = tmp_path / "splits.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return {"splits": path}


def test_the_ends_of_a_split_file_must_be_in_order_and_kept(check: Any, table: Any, project: Any, tmp_path: Path) -> None:
    days = [np.datetime64("2026-01-01"), np.datetime64("2026-01-10")]
    tables = {"train": table(when=days), "test": table(when=[np.datetime64("2026-03-05")])}
    good = {"train_end": "2026-01-10 00:00:00", "val_end": "2026-02-01T00:00:00+00:00", "test_end": "2026-03-31"}
    facts = values(check("temporal_split", project=project(), files=split(tmp_path, good), **tables))
    assert (facts["in_order"], facts["rows_after_end"]) == (True, 0)
    late = values(check("temporal_split", project=project(), files=split(tmp_path, {**good, "train_end": "2026-01-09"}), **tables))
    assert (late["in_order"], late["rows_after_end"]) == (True, 1)
    twisted = {**good, "val_end": "2026-01-10"}
    assert values(check("temporal_split", project=project(), files=split(tmp_path, twisted), **tables))["in_order"] is False


def test_the_ends_may_stand_in_yaml_whose_dates_are_no_text(check: Any, table: Any, project: Any, tmp_path: Path) -> None:
    path = tmp_path / "splits.yaml"
    path.write_text("train_end: 2026-01-09\nval_end: 2026-02-01 00:00:00\ntest_end: 2026-03-31\n", encoding="utf-8")
    tables = {"train": table(when=[np.datetime64("2026-01-10")]), "test": table(when=[np.datetime64("2026-03-05")])}
    facts = values(check("temporal_split", project=project(), files={"splits": path}, **tables))
    assert (facts["in_order"], facts["rows_after_end"]) == (True, 1)


@pytest.mark.parametrize(
    "content",
    {"no JSON": "{", "no object": [1], "no end": {"train_end": 1, "val_end": 2}, "no time": {"train_end": 1, "val_end": 2, "test_end": "x"}}
    .values(),
)  # fmt: skip
def test_a_split_file_that_says_nothing_is_an_error(check: Any, table: Any, project: Any, tmp_path: Path, content: Any) -> None:
    with pytest.raises(DataError, match=r"splits\.json"):
        check("temporal_split", project=project(), files=split(tmp_path, content), train=table(when=[1]), test=table(when=[2]))


def test_without_a_split_file_the_last_rows_are_the_ends(check: Any, table: Any, project: Any) -> None:
    facts = values(check("temporal_split", project=project(), train=table(when=[1, 9]), test=table(when=[2, 3])))
    assert facts["in_order"] is False


# -- overlap of validation and training ---------------------------------------------------------------------------------------------


def test_validation_rows_that_were_trained_on_are_counted_apart(check: Any, table: Any, project: Any, bundle: Any) -> None:
    tables = {"train": table(x=[1, 2], y=[0, 1]), "validation": table(x=[2, 3], y=[1, 1]), "test": table(x=[4], y=[0])}
    found = check("overlap", project=project(), bundle=bundle(x="float"), **tables)
    assert (values(found)["shared_rows"], values(found)["validation_shared_rows"]) == (0, 1)
    assert found.findings == ("1 of 2 validation rows were seen in training",)


def test_numbers_too_large_for_float32_are_no_missing_values(check: Any, table: Any, project: Any, bundle: Any) -> None:
    tables = {"train": table(x=[1e300, None], y=[0, 1]), "test": table(x=[-1e300, 1e301], y=[0, 1])}
    assert values(check("overlap", project=project(), bundle=bundle(x="float?"), **tables))["shared_rows"] == 0


# -- group_overlap ------------------------------------------------------------------------------------------------------------------


def test_groups_in_more_than_one_table_are_counted_and_not_named(check: Any, table: Any, project: Any) -> None:
    tables = {"train": table(who=["a", "b"]), "validation": table(who=["b", "c"]), "test": table(who=["c", "d", "c", None])}
    found = check("group_overlap", project=project(group="who"), **tables)
    assert values(found) == {"shared_groups": 2, "shared_group_rows": 2, "groups": 4, "missing_groups": 1}
    assert found.findings == (
        "1 groups have rows in train and validation",
        "1 groups have rows in validation and test",
        "1 rows have no group",
    )


def test_groups_that_are_apart_share_nothing(check: Any, table: Any, project: Any) -> None:
    facts = values(check("group_overlap", project=project(group="who"), train=table(who=[1, 1, 2]), test=table(who=[3])))
    assert facts == {"shared_groups": 0, "shared_group_rows": 0, "groups": 3, "missing_groups": 0}


def test_groups_cannot_be_compared_without_a_column_of_one_type(check: Any, table: Any, project: Any) -> None:
    with pytest.raises(UsageError, match=r"data\.group"):
        check("group_overlap", project=project(), train=table(who=[1]), test=table(who=[2]))
    with pytest.raises(DataError, match="no column 'who'"):
        check("group_overlap", project=project(group="who"), train=table(who=[1]), test=table(x=[2]))
    with pytest.raises(DataError, match="different types"):
        check("group_overlap", project=project(group="who"), train=table(who=["1"]), test=table(who=[1]))


# -- window_overlap -----------------------------------------------------------------------------------------------------------------


def windows(check: Any, table: Any, project: Any, options: dict[str, Any], group: str | None = None, **tables: Any) -> dict[str, Any]:
    return values(check("window_overlap", options, project=project(group=group), **{name: table(**t) for name, t in tables.items()}))


def test_windows_that_end_less_than_their_length_apart_overlap(check: Any, table: Any, project: Any) -> None:
    facts = windows(check, table, project, {"seconds": 30.0}, train={"when": [0, 60]}, test={"when": [89, 90, 120]})
    assert facts == {"overlapping_windows": 1, "window_seconds": 30.0, "n": 3}


def test_a_window_in_a_hole_of_the_training_table_overlaps_with_what_follows_too(check: Any, table: Any, project: Any) -> None:
    facts = windows(check, table, project, {"seconds": 30.0}, train={"when": [0, 1000]}, test={"when": [500, 971, 970]})
    assert facts["overlapping_windows"] == 1


def test_a_length_in_rows_is_that_many_steps_of_the_training_table(check: Any, table: Any, project: Any) -> None:
    facts = windows(check, table, project, {"rows": 3}, train={"when": [0, 60, 120, 120, 1000]}, test={"when": [1120, 1200]})
    assert facts == {"overlapping_windows": 1, "window_seconds": 180.0, "n": 2}


def test_windows_of_other_groups_share_nothing(check: Any, table: Any, project: Any) -> None:
    tables = {"train": {"when": [0, 60], "who": ["a", "b"]}, "test": {"when": [61, 61], "who": ["a", "b"]}}
    assert windows(check, table, project, {"seconds": 30.0}, "who", **tables)["overlapping_windows"] == 1
    assert windows(check, table, project, {"seconds": 30.0}, **tables)["overlapping_windows"] == 2


def test_a_row_without_time_or_group_is_not_shown_to_be_apart(check: Any, table: Any, project: Any) -> None:
    late = {"when": [9000, None], "who": ["a", "a"]}
    assert windows(check, table, project, {"seconds": 1.0}, "who", train={"when": [0], "who": ["a"]}, test=late)["overlapping_windows"] == 1
    nobody = {"when": [0, 1], "who": ["a", None]}
    assert windows(check, table, project, {"seconds": 1.0}, "who", train=nobody, test=late)["overlapping_windows"] == 2


@pytest.mark.parametrize("options", [{}, {"seconds": 1.0, "rows": 1}])
def test_a_window_has_one_length(check: Any, table: Any, project: Any, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="length"):
        windows(check, table, project, options, train={"when": [0]}, test={"when": [1]})


def test_one_training_moment_gives_rows_no_length(check: Any, table: Any, project: Any) -> None:
    with pytest.raises(DataError, match="no length"):
        windows(check, table, project, {"rows": 2}, train={"when": [5, 5]}, test={"when": [6]})


# -- near_duplicates ----------------------------------------------------------------------------------------------------------------


def near(check: Any, table: Any, bundle: Any, train: Any, test: Any, **options: Any) -> dict[str, Any]:
    kinds = {name: "string?" if isinstance(column[0], str) else "float?" for name, column in train.items()}
    return values(check("near_duplicates", options, bundle=bundle(**kinds), train=table(**train), test=table(**test)))


def test_rows_moved_by_less_than_the_tolerance_are_found_and_others_are_not(check: Any, table: Any, bundle: Any) -> None:
    random = np.random.default_rng(7)
    train = {f"x{index}": list(random.normal(size=2000) * 10.0**index) for index in range(10)}
    moved = {name: [value + 1e-7 * np.std(column) for value in column[:500]] for name, column in train.items()}
    apart = {name: [value + 0.1 * np.std(column) for value in column[:500]] for name, column in train.items()}
    assert near(check, table, bundle, train, moved) == {"near_duplicates": 500, "near_duplicate_share": 1.0}
    assert near(check, table, bundle, train, apart)["near_duplicates"] == 0
    assert near(check, table, bundle, train, apart, tolerance=10.0)["near_duplicates"] > 250


def test_the_chance_to_miss_a_pair_is_what_the_docstring_says(check: Any, table: Any, bundle: Any) -> None:
    random = np.random.default_rng(11)
    train = {f"x{index}": list(random.uniform(size=20_000)) for index in range(20)}
    cell = 0.001 * np.sqrt(1 / 12)
    moved = {name: [value + 0.05 * cell for value in column] for name, column in train.items()}
    share, d = 0.05, 20
    missed = 1 - 3 * (1 - share) ** d + 3 * (1 - 2 * share) ** d - (1 - 3 * share) ** d
    found = near(check, table, bundle, train, moved)["near_duplicate_share"]
    assert found == pytest.approx(1 - missed, abs=0.02)


def test_texts_are_near_when_only_case_and_blanks_differ(check: Any, table: Any, bundle: Any) -> None:
    train = {"t": ["New York", "Oslo"], "x": [1.0, 2.0]}
    assert near(check, table, bundle, train, {"t": [" new york", "Bergen"], "x": [1.0, 2.0]})["near_duplicates"] == 1


def test_columns_that_never_change_or_are_infinite_are_compared_as_they_are(check: Any, table: Any, bundle: Any) -> None:
    train = {"x": [5.0, 5.0, 5.0], "z": [1.0, INF, None]}
    test = {"x": [5.0, 5.0, 5.0, 5.1], "z": [1.0, INF, None, 1.0]}
    assert near(check, table, bundle, train, test)["near_duplicates"] == 3


def test_a_tolerance_of_nothing_is_refused(check: Any, table: Any, bundle: Any) -> None:
    with pytest.raises(UsageError, match="tolerance"):
        near(check, table, bundle, {"x": [1.0]}, {"x": [1.0]}, tolerance=0.0)


# -- drift_between ------------------------------------------------------------------------------------------------------------------


def test_tables_of_one_world_do_not_drift_and_others_do(check: Any, table: Any, bundle: Any) -> None:
    random = np.random.default_rng(5)
    validation = table(x=list(random.normal(size=3000)), t=list(random.choice(["a", "b"], 3000)))
    same = table(x=list(random.normal(size=3000)), t=list(random.choice(["a", "b"], 3000)))
    moved = table(x=list(random.normal(1.0, size=3000)), t=list(random.choice(["a", "b"], 3000)))
    kinds = bundle(x="float", t="string")
    alike = values(check("drift_between", bundle=kinds, validation=validation, test=same))
    assert alike["max_psi"] < 0.02
    assert alike["p_value"] > 0.001
    other = check("drift_between", bundle=kinds, validation=validation, test=moved)
    assert values(other)["max_psi"] > 0.5
    assert values(other)["feature"] == "x"
    assert values(other)["p_value"] < 1e-6
    assert other.facts["max_psi"].low < other.facts["max_psi"].value < other.facts["max_psi"].high


def test_values_that_go_missing_and_times_drift_too(check: Any, table: Any, bundle: Any) -> None:
    days = [np.datetime64("2026-01-01") + np.timedelta64(n, "D") for n in range(200)]
    validation = table(x=list(range(200)), at=days)
    test = table(x=[None] * 200, at=[day + np.timedelta64(1000, "D") for day in days])
    for kinds in ({"x": "float?"}, {"at": "float?"}):
        assert values(check("drift_between", bundle=bundle(**kinds), validation=validation, test=test))["max_psi"] > 1


def test_columns_of_different_types_cannot_drift(check: Any, table: Any, bundle: Any) -> None:
    with pytest.raises(DataError, match="different types"):
        check("drift_between", bundle=bundle(x="float"), validation=table(x=[1.0]), test=table(x=["1"]))
