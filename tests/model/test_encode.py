"""Encoding: clean rows become arrays, everything else is named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.model.encode import RowEncoder, RowErrors, encode_rows, encode_table
from gonogo.model.schema import Feature, GraphInput, Schema


def problems(schema: Schema, *rows: Any) -> list[tuple[int, str, str]]:
    with pytest.raises(RowErrors) as caught:
        encode_rows(schema, rows)
    return [(error["row"], error["feature"], error["problem"]) for error in caught.value.errors]


def test_clean_rows_become_one_array_per_input(models: Any) -> None:
    batch = encode_rows(models.schema("a", "b"), [{"b": 2, "a": 1.5}, {"a": -1e-3, "b": 0}])
    assert batch.keys() == {"x"}
    assert batch["x"].dtype == np.float32
    np.testing.assert_array_equal(batch["x"], np.array([[1.5, 2], [-1e-3, 0]], dtype=np.float32))


def test_a_mixed_row_goes_to_its_inputs_with_their_types(models: Any) -> None:
    batch = encode_rows(models.mixed_schema(), [{"amount": None, "count": 3, "city": "Zürich"}])
    assert math.isnan(batch["amount"][0, 0])
    assert batch["count"].dtype == np.int64
    assert batch["count"].tolist() == [[3]]
    assert batch["city"].tolist() == [["Zürich"]]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "null"), ("1.0", "type"), (True, "type"), ([1.0], "type"), ({"a": 1}, "type"), (float("nan"), "not finite"),
        (float("inf"), "not finite"), (float("-inf"), "not finite"), (1e39, "range"), (10**400, "range"), (b"1", "type"),
    ],
)  # fmt: skip
def test_a_bad_number_is_named(models: Any, value: Any, problem: str) -> None:
    assert problems(models.schema("a", "b"), {"a": 1.0, "b": value}) == [(0, "b", problem)]


@pytest.mark.parametrize(
    ("value", "problem"), [(2.5, "type"), (True, "type"), ("3", "type"), (None, "null"), (2**63, "range"), (1e300, "range")]
)
def test_a_bad_whole_number_is_named(models: Any, value: Any, problem: str) -> None:
    assert problems(models.mixed_schema(), {"amount": 1.0, "count": value, "city": "x"}) == [(0, "count", problem)]


def test_a_whole_number_may_come_with_a_point(models: Any) -> None:
    batch = encode_rows(models.mixed_schema(), [{"amount": 1.0, "count": 3.0, "city": "x"}])
    assert batch["count"].tolist() == [[3]]


@pytest.mark.parametrize(("value", "problem"), [(1, "type"), (None, "null"), (False, "type"), ("\ud800", "text")])
def test_bad_text_is_named(models: Any, value: Any, problem: str) -> None:
    assert problems(models.mixed_schema(), {"amount": 1.0, "count": 1, "city": value}) == [(0, "city", problem)]


def test_null_text_is_empty_where_it_is_allowed(models: Any) -> None:
    batch = encode_rows(models.mixed_schema(nullable_city=True), [{"amount": 1.0, "count": 1, "city": None}])
    assert batch["city"].tolist() == [[""]]


def test_every_bad_feature_of_every_row_is_named(models: Any) -> None:
    schema = models.schema("a", "b", "c", nullable=("c",))
    rows = [{"a": 1, "b": 2, "c": None}, {"b": "x", "zz": 1, "c": 1}, 7, {"a": None, "b": 1, "c": None, "y": 0, "x": 0}]
    assert problems(schema, *rows) == [
        (1, "a", "missing"), (1, "b", "type"), (1, "zz", "unknown"), (2, "", "type"),
        (3, "a", "null"), (3, "y", "unknown"), (3, "x", "unknown"),
    ]  # fmt: skip


def test_null_is_refused_beside_a_feature_that_allows_it(models: Any) -> None:
    schema = models.schema("a", "b", nullable=("b",))
    assert problems(schema, {"a": None, "b": 1.0}) == [(0, "a", "null")]
    assert np.isnan(encode_rows(schema, [{"a": 1.0, "b": None}])["x"][0, 1])


def test_no_rows_are_an_error(models: Any) -> None:
    assert problems(models.schema("a")) == [(0, "", "missing")]


def test_a_stranger_cannot_make_us_repeat_a_long_name(models: Any) -> None:
    with pytest.raises(RowErrors) as caught:
        encode_rows(models.schema("a"), [{"a": 1.0, "b" * 100_000: 1}])
    assert len(str(caught.value)) < 500


def test_booleans_enter_as_booleans_only() -> None:
    schema = Schema("binary-classification", (GraphInput("f", "int64", 1),), (Feature("flag", "bool", False, "f", 0),), ("0", "1"), "p")
    assert encode_rows(schema, [{"flag": True}])["f"].tolist() == [[1]]
    assert problems(schema, {"flag": 1}) == [(0, "flag", "type")]


def test_whole_numbers_in_a_float_input_stay_exact() -> None:
    schema = Schema("binary-classification", (GraphInput("f", "float32", 1),), (Feature("n", "int", False, "f", 0),), ("0", "1"), "p")
    assert encode_rows(schema, [{"n": 2**24}])["f"].tolist() == [[2.0**24]]
    assert problems(schema, {"n": 2**24 + 1}) == [(0, "n", "range")]


@pytest.mark.parametrize(
    "features",
    [
        (Feature("a", "float", False, "x", 0),),
        (Feature("a", "float", False, "x", 0), Feature("a", "float", False, "x", 1)),
        (Feature("a", "float", False, "x", 0), Feature("b", "string", False, "x", 1)),
        (Feature("a", "float", False, "x", 0), Feature("b", "float", False, "y", 1)),
    ],
    ids=["too few", "a name twice", "text in a float input", "an input that is not there"],
)
def test_a_schema_that_does_not_cover_its_inputs_is_refused(features: tuple[Feature, ...]) -> None:
    with pytest.raises(ValueError, match=r"cover|cannot enter"):
        RowEncoder(Schema("binary-classification", (GraphInput("x", "float32", 2),), features, ("0", "1"), "p"))


def table(**columns: list[Any]) -> Table:
    arrays = {
        name: np.array(values, dtype=object if any(isinstance(v, str) for v in values) else np.float64) for name, values in columns.items()
    }
    return Table(arrays, len(next(iter(arrays.values()))))


def test_a_table_and_its_rows_encode_alike(models: Any) -> None:
    schema = models.mixed_schema(nullable_city=True)
    from_table = encode_table(schema, table(amount=[1.5, np.nan], count=[1, 2], city=["paris", None], extra=[0, 0]))
    from_rows = encode_rows(schema, [{"amount": 1.5, "count": 1, "city": "paris"}, {"amount": None, "count": 2, "city": None}])
    for name, array in from_table.items():
        assert array.dtype == from_rows[name].dtype
        np.testing.assert_array_equal(array, from_rows[name])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": [1.0]}, "columns missing: b"),
        ({"a": [1.0], "b": ["x"]}, "column 'b' holds text"),
        ({"a": [1.0], "b": [np.nan]}, "column 'b' has 1 missing"),
        ({"a": [np.inf], "b": [1.0]}, "column 'a' holds an infinity"),
        ({"a": [1e300], "b": [1.0]}, "column 'a' holds numbers too large for float32"),
    ],
)
def test_a_table_that_does_not_fit_is_named_by_column(models: Any, columns: dict[str, list[Any]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        encode_table(models.schema("a", "b"), table(**columns))


def test_all_bad_columns_of_a_table_are_named_at_once(models: Any) -> None:
    with pytest.raises(DataError) as caught:
        encode_table(models.mixed_schema(), table(amount=["x"], count=[1.5], other=[0]))
    for word in ("amount", "count", "city"):
        assert word in str(caught.value)


def test_times_are_no_feature(models: Any) -> None:
    columns = {"a": np.array(["2024-01-01"], dtype="datetime64[us]")}
    with pytest.raises(DataError, match="times"):
        encode_table(models.schema("a"), Table(columns, 1))


def test_an_empty_column_of_unknown_kind_counts_as_missing(models: Any) -> None:
    nothing = np.array([None, None], dtype=object)
    batch = encode_table(models.schema("a", nullable=("a",)), Table({"a": nothing}, 2))
    assert np.isnan(batch["x"]).all()


def test_a_number_column_with_a_word_in_it_is_refused_by_that_word() -> None:
    schema = Schema(
        "binary-classification", (GraphInput("x", "float32", 1),), (Feature("delay", "float", True, "x", 0),), ("0", "1"), "p", 0.5
    )
    column = np.array(["517", None, "NA", "n/a"], dtype=object)
    with pytest.raises(DataError, match="'delay' holds text such as 'NA', not numbers"):
        encode_table(schema, Table({"delay": column}, 4))
