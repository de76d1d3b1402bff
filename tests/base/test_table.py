"""What a CSV file's columns are taken for, when the file does not say it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gonogo.base.table import Table, read_table
from gonogo.errors import DataError


def table(tmp_path: Path, text: str) -> Table:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


@pytest.mark.parametrize("pair", ["yes,no", "Y,N", "t,f", "on,off"])
def test_words_for_yes_and_no_stay_the_words_that_the_model_was_trained_on(tmp_path: Path, pair: str) -> None:
    first, second = pair.split(",")
    column = table(tmp_path, f"answer,n\n{first},1\n{second},2\n,3\n{first},4\n").column("answer")
    assert column.tolist() == [first, second, None, first]


def test_true_and_false_are_booleans_however_they_are_written(tmp_path: Path) -> None:
    column = table(tmp_path, "senior,n\nTrue,1\nfalse,2\n,3\nTRUE,4\n").column("senior")
    np.testing.assert_array_equal(column, [1.0, 0.0, np.nan, 1.0])


def test_text_that_begins_like_a_boolean_is_text(tmp_path: Path) -> None:
    assert table(tmp_path, "answer,n\ntrue,1\nfalse,2\nunknown,3\n").column("answer").tolist() == ["true", "false", "unknown"]


def test_times_of_day_stay_the_words_that_the_model_was_trained_on(tmp_path: Path) -> None:
    assert table(tmp_path, "opens,n\n08:30,1\n9:00,2\n").column("opens").tolist() == ["08:30", "9:00"]


@pytest.mark.parametrize(("name", "texts"), [("said", ["yes, of course", "no"]), ('"a,b"', ["1;2", "3"])])
def test_one_column_of_text_is_one_column_whatever_stands_in_it(tmp_path: Path, name: str, texts: list[str]) -> None:
    assert table(tmp_path, "\n".join([name, *texts]) + "\n").column(name.strip('"')).tolist() == texts


@pytest.mark.parametrize(("line", "fields"), [("5,a,1,9", 4), ("5,a", 2)])
def test_a_line_with_another_number_of_fields_is_named(tmp_path: Path, line: str, fields: int) -> None:
    rows = ["age,plan,late", *(f"{n},a,{n % 2}" for n in range(3000)), line]
    with pytest.raises(DataError, match=rf"table\.csv cannot be read: line 3002 has {fields} field\(s\), the first line has 3"):
        table(tmp_path, "\n".join(rows) + "\n")


def test_a_column_is_judged_by_all_its_rows_and_not_by_the_first_ones(tmp_path: Path) -> None:
    rows = [f"{n},{n}" for n in range(30_000)]
    read = table(tmp_path, "\n".join(["size,code", *rows, "1.5,A7"]) + "\n")
    assert read.column("size")[-1] == 1.5
    assert read.column("code")[[0, -1]].tolist() == ["0", "A7"]
