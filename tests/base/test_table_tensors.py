"""Columns of lists: read as matrices, and refused when they are no tensors of one shape."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from gonogo.base.table import TableFiles, read_table
from gonogo.errors import DataError


def stored(tmp_path: Path, sql: str) -> Path:
    path = tmp_path / "t.parquet"
    duckdb.sql(f"COPY ({sql}) TO '{path}'")
    return path


def nested(row: str, rows: int = 4) -> str:
    return f"SELECT range AS n, {row} AS w FROM range({rows})"


@pytest.mark.parametrize(
    ("row", "shape", "dtype", "first"),
    [
        ("[[1::FLOAT, 2], [3, 4], [5, 6]]", (3, 2), np.float32, [1, 2, 3, 4, 5, 6]),
        ("[1.5::DOUBLE, 2.25]", (2,), np.float64, [1.5, 2.25]),
        ("[[[7::UTINYINT]], [[8::UTINYINT]]]", (2, 1, 1), np.float32, [7, 8]),
        ("[1::BIGINT, 9007199254740992]", (2,), np.float64, [1, 2**53]),
        ("[0.5::DECIMAL(4, 2)]", (1,), np.float64, [0.5]),
        ("[true, false]", (2,), np.float32, [1, 0]),
        ("[1::FLOAT, NULL, 'nan'::FLOAT]", (3,), np.float32, [1, np.nan, np.nan]),
    ],
)
def test_lists_of_numbers_are_read_as_one_matrix_row_major(
    tmp_path: Path, row: str, shape: tuple[int, ...], dtype: type, first: list
) -> None:
    path = stored(tmp_path, nested(row))
    with TableFiles(train=path) as tables:
        assert tables.kinds["train"]["w"] == "tensor"
        assert tables.kind("train", "w") == "tensor"
    table = read_table(path)
    assert (table.rows, table.shapes, table.column("w").dtype) == (4, {"w": shape}, dtype)
    np.testing.assert_array_equal(table.column("w"), np.tile(np.array(first, dtype=dtype), (4, 1)))


def test_rows_keep_their_order_and_columns_theirs(tmp_path: Path) -> None:
    path = stored(tmp_path, "SELECT range AS n, [range, -range]::FLOAT[] AS w, 'r' || range AS t FROM range(20000)")
    table = read_table(path)
    assert list(table.columns) == ["n", "w", "t"]
    np.testing.assert_array_equal(table.column("w")[:, 0], table.column("n"))
    taken = table.take(np.array([7, 3]))
    assert (taken.rows, taken.column("w").tolist(), taken.shapes) == (2, [[7, -7], [3, -3]], {"w": (2,)})
    with TableFiles(train=path) as tables:
        some = tables.sample("train", ["w", "n"], 500)
        assert 300 < some.rows < 800
        np.testing.assert_array_equal(some.column("w")[:, 0], some.column("n"))
        assert tables.sample("train", ["w"], 500).rows == some.rows


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("CASE WHEN range = 2 THEN [1::FLOAT] ELSE [1::FLOAT, 2] END", "lists of different lengths \\(1, 2"),
        ("CASE WHEN range = 2 THEN [[1::FLOAT, 2], [3]] ELSE [[1::FLOAT, 2], [3, 4]] END", "lists of different lengths"),
        ("CASE WHEN range = 2 THEN [[1::FLOAT, 2, 3], [4]] ELSE [[1::FLOAT, 2], [3, 4]] END", "lists of different lengths"),
        ("CASE WHEN range = 2 THEN NULL ELSE [1::FLOAT, 2] END", "missing lists"),
        ("CASE WHEN range = 2 THEN [[1::FLOAT], NULL] ELSE [[1::FLOAT], [2]] END", "missing lists"),
        ("[]::FLOAT[]", "empty lists"),
    ],
)
def test_lists_that_are_no_tensors_of_one_shape_are_refused_by_name(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(DataError, match=f"the column 'w' has {said}"):
        read_table(stored(tmp_path, nested(row)), ["w"])


def test_a_column_of_lists_of_many_lengths_is_an_error_only_for_whoever_asks_for_it(tmp_path: Path) -> None:
    path = stored(tmp_path, "SELECT range AS n, [range]::FLOAT[] AS w, list_resize([]::FLOAT[], range % 3) AS boxes FROM range(4)")
    table = read_table(path).take(np.array([1, 2]))
    assert (list(table.columns), table.column("w").tolist()) == (["n", "w"], [[1], [2]])
    with pytest.raises(DataError, match="the column 'boxes' has lists of different lengths \\(0, 1"):
        table.column("boxes")
    with TableFiles(whole=path) as files, pytest.raises(DataError, match="'boxes' has lists of different lengths"):
        files.sample("whole", ["boxes", "n"], 4)


def test_lists_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the target 'w' holds lists of 2 numbers, not one label a row"):
        read_table(stored(tmp_path, nested("[0::FLOAT, 1]"))).labels("w")


def test_questions_about_a_column_of_tensors_are_answered(tmp_path: Path) -> None:
    with TableFiles(train=stored(tmp_path, nested("[range, 0]::FLOAT[]"))) as tables:
        w = tables.column("train", "w")
        assert tables.ask(f"SELECT count({w}), count(DISTINCT {w}), max({w}) FROM train") == [(4, 4, [3.0, 0.0])]
        assert next(tables.batches("train", ["w"], 2)) == [([0.0, 0.0],), ([1.0, 0.0],)]


def test_tensors_are_no_numbers(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds lists, not numbers"):
        read_table(stored(tmp_path, nested("[1.5::DOUBLE, 2.5]"))).numeric("w")


def test_lists_of_text_are_text(tmp_path: Path) -> None:
    assert read_table(stored(tmp_path, nested("['a', 'b']"))).column("w").tolist() == ["[a, b]"] * 4
