"""Files asked in SQL: what a column is, and what is said of files that are no tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from gonogo.base.table import TableFiles, read_table
from gonogo.errors import DataError

TYPES = (
    "SELECT 1::TINYINT AS small, 2::DECIMAL(9, 2) AS price, true AS flag, 'NaN'::FLOAT AS f, -0.0::DOUBLE AS d, 'a' AS t, "
    "DATE '2026-01-31' AS day, TIMESTAMPTZ '2026-01-31 12:00:00+02' AS zoned, TIMESTAMP_NS '2026-01-31 00:00:00' AS fine, "
    "['1', '2'] AS list, TIME '12:00:00' AS clock, NULL::VARCHAR AS nothing, uuid() AS id"
)


def stored(tmp_path: Path, sql: str, name: str = "t.parquet") -> Path:
    path = tmp_path / name
    duckdb.sql(f"COPY ({sql}) TO '{path}'")
    return path


def test_columns_of_every_type_are_numbers_times_or_text(tmp_path: Path) -> None:
    path = stored(tmp_path, TYPES)
    with TableFiles(train=path) as tables:
        kinds = tables.kinds["train"]
        assert [name for name, kind in kinds.items() if kind == "number"] == ["small", "price", "flag", "f", "d"]
        assert [name for name, kind in kinds.items() if kind == "time"] == ["day", "zoned", "fine"]
        assert tables.ask("SELECT small, price, flag, f, zoned::VARCHAR, list FROM train") == [
            (1.0, 2.0, 1.0, None, "2026-01-31 10:00:00", "[1, 2]")
        ]
        assert tables.kind("train", "nothing") is None
        assert tables.kind("train", "t") == "text"
    read = read_table(path)
    assert np.isnan(read.column("f")[0])
    assert read.column("zoned")[0] == np.datetime64("2026-01-31T10:00:00")
    assert read.column("nothing").tolist() == [None]
    assert read.column("flag").tolist() == [1.0]


def test_a_file_that_claims_other_extremes_than_it_holds_is_not_believed(tmp_path: Path) -> None:
    path = stored(tmp_path, "SELECT range::BIGINT AS x FROM range(1000)")
    data = path.read_bytes()
    largest, lie = (999).to_bytes(8, "little"), (7).to_bytes(8, "little")
    at = data.rfind(largest)
    assert at > len(data) // 2  # in the footer
    path.write_bytes(data[:at] + lie + data[at + 8 :])
    with TableFiles(t=path) as tables:
        assert tables.ask("SELECT max(x) FROM t") == [(999.0,)]


@pytest.mark.parametrize("name", ["a[1].parquet", "a*.parquet", "what?.parquet", "o'clock.parquet", "semi;--.csv"])
def test_a_name_is_a_name_and_no_pattern(tmp_path: Path, name: str) -> None:
    stored(tmp_path, "SELECT 1 AS x", "a1.parquet")
    kind = "(FORMAT parquet)" if name.endswith("parquet") else "(FORMAT csv)"
    duckdb.sql(f"COPY (SELECT 2 AS x) TO '{str(tmp_path / name).replace(chr(39), chr(39) * 2)}' {kind}")
    assert read_table(tmp_path / name).column("x").tolist() == [2.0]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", b"a,b\n1,caf\xe9\n", r"is not UTF-8 \(line 2\)"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), "is not UTF-8"),
        ("t.csv", b"a,b\n" + 3000 * b'1,"x, y"\n' + b'1,"x\n2,"y"\n', "a quote that is not closed"),
        ("t.csv", b"", "has no rows"),
        ("t.csv", b"a,b\n", "has no rows"),
        ("t.parquet", b"", "too small"),
        ("t.parquet", b"PAR1 but not really, only in name PAR1", "t.parquet cannot be read"),
        ("t.xlsx", b"PK", r"tables are \.csv or \.parquet"),
    ],
)
def test_a_file_that_is_no_table_is_named_with_the_reason(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says), TableFiles(test=tmp_path / name):
        pass


def test_a_parquet_file_that_was_cut_off_or_damaged_inside_is_an_error(tmp_path: Path) -> None:
    path = stored(tmp_path, "SELECT 'text ' || range AS x FROM range(50000)")
    data = path.read_bytes()
    damaged = data[:1000] + bytes(byte ^ 0xFF for byte in data[1000:3000]) + data[3000:]
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path)
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="cannot be read"), TableFiles(t=path) as tables:
        tables.ask("SELECT sum(hash(x)) FROM t")


def test_a_missing_file_and_a_missing_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv is not there"), TableFiles(t=tmp_path / "none.csv"):
        pass
    with pytest.raises(DataError, match="no column 'y'"):
        read_table(stored(tmp_path, "SELECT 1 AS x"), ["y"])


def test_a_sample_is_the_same_every_time_in_order_and_all_of_a_small_table(tmp_path: Path) -> None:
    for name in ("t.parquet", "t.csv"):
        path = stored(tmp_path, "SELECT range AS x, range // 9990 AS y FROM range(10000)", name)
        with TableFiles(t=path) as tables:
            assert tables.sample("t", ["x"], 10_000).column("x").tolist() == list(range(10_000))
            taken = tables.sample("t", ["x"], 1000).column("x")
            assert 850 < len(taken) < 1150
            assert (np.diff(taken) > 0).all()
            np.testing.assert_array_equal(taken, tables.sample("t", ["x"], 1000).column("x"))
            rare = tables.sample("t", ["y"], 1000, by="y").column("y")
            assert (rare == 1).sum() == 10
            assert 400 < (rare == 0).sum() < 600


def test_a_column_of_many_values_is_nothing_to_sample_by(tmp_path: Path) -> None:
    with TableFiles(t=stored(tmp_path, "SELECT range AS x FROM range(2000)")) as tables, pytest.raises(DataError, match="1000 values"):
        tables.sample("t", ["x"], 100, by="x")


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_a_column_with_the_name_of_a_row_number_stays_a_column(tmp_path: Path, name: str) -> None:
    path = stored(tmp_path, "SELECT 7 AS File_Row_Number, 8 AS ROWID, range AS x FROM range(1000)", name)
    with TableFiles(t=path) as tables:
        taken = tables.sample("t", ["File_Row_Number", "ROWID", "x"], 500)
        assert 400 < taken.rows < 600
        assert set(taken.column("File_Row_Number")) == {7.0}
        assert set(taken.column("ROWID")) == {8.0}


def test_no_progress_bar_is_written_to_standard_output(tmp_path: Path) -> None:
    path = stored(tmp_path, "SELECT range AS a FROM range(100)")
    program = (
        "import sys; from pathlib import Path; from gonogo.base.table import TableFiles\n"
        "with TableFiles(t=Path(sys.argv[1])) as tables:\n"
        "    assert tables.ask(\"SELECT current_setting('enable_progress_bar')\") == [(False,)]\n"
        "    tables.ask('SELECT count(*) FROM t')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_what_does_not_fit_in_memory_is_an_error_and_the_next_question_is_answered(tmp_path: Path) -> None:
    path = stored(tmp_path, "SELECT range AS a FROM range(1000000)")
    with TableFiles(t=path, memory="30MB") as tables:
        with pytest.raises(DataError, match="memory or the scratch space"):
            tables.ask("SELECT len(list(a)), len(list(a + 1)), len(list(a + 2)) FROM t")
        assert tables.ask("SELECT max(a) FROM t") == [(999_999.0,)]


@pytest.mark.parametrize("content", [b"", b"PK", b"what a spreadsheet wrote, say", b"PAR1" + bytes(100)])
def test_what_is_no_parquet_file_is_called_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.parquet cannot be read: it is no Parquet file"), TableFiles(t=tmp_path / "t.parquet"):
        pass
