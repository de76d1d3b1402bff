"""Tables: CSV and Parquet files, asked in SQL (`TableFiles`, whatever their size) or read into NumPy arrays (`Table`). DuckDB reads both.

A column holds numbers (float64; NaN is missing, booleans are 0 and 1), times (microseconds, UTC), tensors (lists of numbers, nested or
flat, in Parquet only) or text (anything else). Nothing is guessed silently: an unreadable or damaged file, one in another encoding, a
missing column, a file without rows and lists of different lengths are DataErrors.

A CSV file does not say what its columns are: the whole file is looked at, and only `true` and `false` are booleans. `yes`, `no`, `t` and
`f` are text, and so are times of day (`08:30`), as they were for whoever trained on them.
"""

from __future__ import annotations

import csv
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from gonogo.errors import DataError

Column = np.ndarray[Any, np.dtype[Any]]
Kind = Literal["number", "text", "time", "tensor"]

#: Without BOOLEAN, as DuckDB would take yes/no and t/f for booleans too; without TIME, as it would write 08:30 as 08:30:00.
CSV = (
    "read_csv(?, header = true, sample_size = -1, "
    "auto_type_candidates = ['NULL', 'BIGINT', 'DOUBLE', 'DATE', 'TIMESTAMP', 'TIMESTAMPTZ', 'VARCHAR'])"
)
READERS = {".parquet": "read_parquet(?)", ".csv": CSV}
NUMBERS = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "DECIMAL",
    "BOOLEAN",
}  # fmt: skip
SMALL = {"FLOAT", "TINYINT", "SMALLINT", "UTINYINT", "USMALLINT", "BOOLEAN"}  #: what a float32 holds exactly
TIMES = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP_US"}
ZONED = "TIMESTAMP WITH TIME ZONE"
MEMORY = "400MB"  #: what questions may hold before they go to a scratch file
ROW = '"the number of the row"'  #: a column that every view has beside its own, from 0 and in the file's order
SEPARATORS = ",;\t|"  #: what parts the fields of a CSV file
THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Table:
    """Columns by name; all have `rows` entries. Text is an array of objects, None for missing; times are datetime64[us].

    A column of tensors is a matrix [rows, width], row-major, float32 where that is exact and else float64; `shapes` has how its lists are
    nested. Lists of many lengths (the boxes on an image, say) are no tensors: `unreadable` has why, and whoever asks for them is told.
    """

    columns: dict[str, Column]
    rows: int
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    unreadable: dict[str, DataError] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        if name in self.unreadable:
            raise self.unreadable[name]
        if name not in self.columns:
            raise DataError(f"the table has no column {name!r}.", hint=f"It has: {', '.join(self.columns)}.")
        return self.columns[name]

    def labels(self, name: str) -> Column:
        """A column of one value a row. Raises DataError when it holds lists."""
        column = self.column(name)
        if column.ndim != 1:
            raise DataError(
                f"the target {name!r} holds lists of {column.shape[1]} numbers, not one label a row.",
                hint="Write the class as one value; of a one-hot list that is the place of the 1.",
            )
        return column

    def numeric(self, name: str) -> Column:
        """A column as float64. Raises DataError when it holds text or times."""
        column = self.column(name)
        if column.dtype != np.float64 or column.ndim != 1:
            raise DataError(f"column {name!r} holds {'lists' if column.ndim != 1 else column.dtype}, not numbers.")
        return column

    def take(self, rows: Column) -> Table:
        """The rows at the given positions (or where the mask is true)."""
        taken = {name: column[rows] for name, column in self.columns.items()}
        return Table(taken, len(next(iter(taken.values()))) if taken else 0, self.shapes, self.unreadable)


class _NoTensors(DataError):
    """The lists of a column are none of one shape."""


class TableFiles:
    """Table files by name, asked in SQL and read a batch of rows at a time: memory stays below a bound, whatever their size.

        with TableFiles(train=path, test=other) as tables:
            [(present, highest)] = tables.ask(f"SELECT count({x}), max({x}) FROM train")   # x = tables.column("train", "x")

    Every file is a view of its name with all of its columns as DOUBLE (NULL for NaN), TIMESTAMP, VARCHAR or, for tensors, lists of FLOAT
    or DOUBLE; `kinds` says which. A file
    given as None is left out. Statistics that a Parquet file states about itself are not believed: what is asked for is read.
    """

    def __init__(self, *, memory: str | None = MEMORY, **files: Path | None) -> None:
        self.files = {name: path for name, path in files.items() if path is not None}
        self.kinds: dict[str, dict[str, Kind]] = {}
        self._depths: dict[str, dict[str, int]] = {}  #: how deep the lists of a column of tensors are nested
        self.rows: dict[str, int] = {}
        self._memory = memory
        self._open = ExitStack()
        self._connection: Any = None

    def __enter__(self) -> TableFiles:
        """Raises DataError when a file is missing, unreadable or has no rows."""
        import duckdb

        for path in self.files.values():
            if not path.is_file():
                raise DataError(f"{path} is not there.", hint="Mend the path under `data:` in gonogo.yaml.")
            if path.suffix.lower() not in READERS:
                raise DataError(f"{path}: tables are .csv or .parquet files.")
        with ExitStack() as opening:
            scratch = opening.enter_context(TemporaryDirectory(prefix="gonogo-"))
            config: dict[str, Any] = {"threads": THREADS, "temp_directory": scratch, "autoinstall_known_extensions": False}
            limit = {"memory_limit": self._memory} if self._memory else {}
            self._connection = opening.enter_context(duckdb.connect(config=config | limit))
            self.ask("SET enable_progress_bar = false")  # it would be written into what a program says on standard output
            self.ask("SET disabled_optimizers = 'statistics_propagation'")
            for name, path in self.files.items():
                self._view(name, path)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows that answer a question. Raises DataError when the files cannot be read or the memory does not suffice."""
        found: list[tuple[Any, ...]] = self._run(sql, "fetchall")
        return found

    def has(self, table: str, name: str) -> bool:
        return name in self.kinds[table]

    def column(self, table: str, name: str) -> str:
        """The column's name as SQL. Raises DataError when the table lacks it."""
        if name not in self.kinds[table]:
            raise DataError(f"{table}: there is no column {name!r}.", hint=f"It has: {', '.join(self.kinds[table])}.")
        return quoted(name)

    def kind(self, table: str, name: str) -> Kind | None:
        """What a column holds, or None when it holds no value at all. Raises DataError when the table lacks it."""
        [(value,)] = self.ask(f"SELECT any_value({self.column(table, name)}) FROM {table}")  # noqa: S608 - names are quoted
        return None if value is None else self.kinds[table][name]

    def batches(self, table: str, names: Sequence[str], size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Named columns of all rows, in order, at most `size` rows at a time; a missing value is None. Ask nothing else meanwhile."""
        query = f"SELECT {', '.join(self.column(table, name) for name in names)} FROM {table}"  # noqa: S608 - names are quoted
        with self._reading():
            self._connection.execute(query)
            while rows := self._connection.fetchmany(size):
                yield rows

    def read(self, table: str) -> Table:
        """All columns of all rows; what is unreadable is left out, with the reason."""
        return self._read(table, list(self.kinds[table]), leave_out=True)

    def sample(self, table: str, names: Sequence[str], most: int, *, by: str | None = None) -> Table:
        """Named columns of all rows, in order; when there are more than `most`, of about that many, chosen by hashing their numbers.

        With `by`, about equally many of each value of that column are taken, and so all rows of a rare one. Raises DataError when it has
        more than 1000 values.
        """
        rows = self.rows[table]
        if rows <= most:
            return self._read(table, names)
        if by is None:
            return self._read(table, names, f"WHERE hash({ROW}) % {rows} < {most}")
        value = self.column(table, by)
        groups = self.ask(f"SELECT CAST({value} AS VARCHAR), count(*) FROM {table} GROUP BY 1 LIMIT 1001")  # noqa: S608
        if len(groups) > 1000:
            raise DataError(f"{table}: the column {by!r} has more than 1000 values.")
        whens = " ".join(f"WHEN {literal(name)} THEN {count}" for name, count in groups if name is not None)
        absent = next((count for name, count in groups if name is None), 1)
        chance = f"hash({ROW}) % CASE CAST({value} AS VARCHAR) {whens} ELSE {absent} END"
        return self._read(table, names, f"WHERE {chance} < {most // len(groups)}")

    def parts(self, table: str, names: Sequence[str], size: int) -> Iterator[Table]:
        """Named columns of all rows, in order, at most `size` rows at a time."""
        for start in range(0, self.rows[table], size):
            yield self._read(table, names, f"WHERE {ROW} >= {start} AND {ROW} < {start + size}")

    def flat(self, table: str, name: str) -> str:
        """SQL for a column of tensors as one list of FLOAT, however it is nested; NULL where there is none."""
        depth = self._depths[table][name]
        inner = self.column(table, name)
        for _ in range(depth - 1):
            inner = f"flatten({inner})"
        return f"TRY_CAST({inner} AS FLOAT[])"

    def extend(self, table: str, names: Sequence[str], blocks: Iterable[Column]) -> None:
        """Give a table more columns of numbers, to be asked in SQL: float64 [rows, names], some rows at a time in the table's order. NaN is
        a missing value."""
        more, before = f"more_{table}_{len(self.kinds[table])}", f"{table}_{len(self.kinds[table])}"
        self.ask(f"CREATE TEMP TABLE {more} ({', '.join(f'{quoted(name)} DOUBLE' for name in names)})")
        values = ", ".join(f"nullif(c{place}, 'NaN'::DOUBLE)" for place in range(len(names)))
        for block in blocks:
            self._connection.register("block", {f"c{place}": np.ascontiguousarray(block[:, place]) for place in range(len(names))})
            self.ask(f"INSERT INTO {more} SELECT {values} FROM block")  # noqa: S608 - names are our own
            self._connection.unregister("block")
        self.ask(f"ALTER VIEW {table} RENAME TO {before}")
        self.ask(f"CREATE TEMP VIEW {table} AS SELECT * FROM {before} POSITIONAL JOIN {more}")  # noqa: S608
        self.kinds[table] = {**self.kinds[table], **dict.fromkeys(names, "number")}

    def _read(self, table: str, names: Sequence[str], where: str = "", *, leave_out: bool = False) -> Table:
        plain = [self.column(table, name) for name in names if self.kinds[table].get(name) != "tensor"]
        found = self._run(f"SELECT {', '.join(plain or [ROW])} FROM {table} {where}", "fetchnumpy")  # noqa: S608 - names are quoted
        rows = len(next(iter(found.values())))
        if len(plain) == len(names):
            return Table({name: _plain(column) for name, column in found.items()}, rows)
        columns, shapes = {}, {}
        unreadable: dict[str, DataError] = {}
        for name in names:
            if self.kinds[table][name] == "tensor":
                try:
                    columns[name], shapes[name] = self._tensors(table, name, where, rows)
                except _NoTensors as error:
                    if not leave_out:
                        raise DataError(f"{self.files[table]}: {error.message}", hint=error.hint) from None
                    unreadable[name] = error
            else:
                columns[name] = _plain(found[name])
        return Table(columns, rows, shapes, unreadable)

    def _tensors(self, table: str, name: str, where: str, rows: int) -> tuple[Column, tuple[int, ...]]:
        """A column of lists as one matrix, and how they are nested. Raises _NoTensors when a row or a list in it is missing, empty or of
        another length than the others."""
        level, depth = f"(SELECT {quoted(name)} AS x FROM {table} {where})", self._depths[table][name]  # noqa: S608 - names are quoted
        shape: list[int] = []
        for _ in range(depth):
            sizes = [size for (size,) in self.ask(f"SELECT DISTINCT len(x) FROM {level} ORDER BY 1 NULLS FIRST LIMIT 3")]  # noqa: S608
            if len(sizes) != 1 or not sizes[0]:
                what = "missing lists" if None in sizes else "lists of different lengths" if len(sizes) > 1 else "empty lists"
                said = f" ({', '.join(map(str, sizes))}, …)" if None not in sizes and len(sizes) > 1 else ""
                raise _NoTensors(
                    f"the column {name!r} has {what}{said}.",
                    hint="Every row needs a tensor of one and the same shape.",
                )
            shape.append(int(sizes[0]))
            level = f"(SELECT unnest(x) AS x FROM {level})"  # noqa: S608
        values = self._run(f"SELECT x FROM {level}", "fetchnumpy")["x"]  # noqa: S608
        plain: Column = np.ma.filled(values, np.nan) if isinstance(values, np.ma.MaskedArray) else values
        return plain.reshape(rows, prod(shape)), tuple(shape)

    def _run(self, sql: str, fetch: str) -> Any:
        with self._reading():
            return getattr(self._connection.execute(sql), fetch)()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            paths = " and ".join(str(path) for path in self.files.values())
            raise DataError(f"{paths} cannot be read: {_reason(str(error))}") from error

    def _view(self, name: str, path: Path) -> None:
        """Give the file its name. What is CSV is parsed once, into a table that goes to the scratch file when it is large."""
        is_csv = path.suffix.lower() == ".csv"
        place = literal(glob.escape(str(path)))
        raw = READERS[path.suffix.lower()].replace("?", place, 1)
        alone, self.files = self.files, {name: path}  # errors name this file only
        if is_csv:
            try:
                self.ask(f"CREATE TEMP TABLE raw_{name} AS FROM {raw}")
            except DataError:
                _check_lines(path)
                raise
            raw = f"raw_{name}"
        types = {column: str(kind) for column, kind, *_ in self.ask(f"DESCRIBE FROM {raw}")}
        if is_csv and len(types) == 1:
            _check_lines(path)
        booleans = self._booleans(raw, types) if is_csv else frozenset()
        self._depths[name] = {column: kind.count("[") for column, kind in types.items() if _kind(kind) == "tensor"}
        self.kinds[name] = {column: "number" if column in booleans else _kind(kind) for column, kind in types.items()}
        shown = [f"{_as_sql(column, kind, column in booleans)} AS {quoted(column)}" for column, kind in types.items()]
        number = "rowid" if is_csv else "file_row_number"
        if number in map(str.lower, types):
            number = "row_number() OVER () - 1"  # slower, where the file has a column that is called like it
        elif not is_csv:
            raw = f"read_parquet({place}, file_row_number = true)"
        self.ask(f"CREATE TEMP VIEW {name} AS SELECT {', '.join(shown)}, {number} AS {ROW} FROM {raw}")  # noqa: S608 - names are quoted
        self.rows[name] = int(self.ask(f"SELECT count(*) FROM {name}")[0][0])  # noqa: S608
        self.files = alone
        if self.rows[name] == 0:
            raise DataError(f"{path} has no rows.", hint="A table without rows measures nothing.")

    def _booleans(self, raw: str, types: dict[str, str]) -> frozenset[str]:
        """The text columns of a CSV file that hold nothing but true and false, in any case."""
        text = [column for column, kind in types.items() if kind == "VARCHAR"]
        if not text:
            return frozenset()
        tests = ", ".join(f"bool_and(lower({quoted(column)}) IN ('true', 'false'))" for column in text)
        [found] = self.ask(f"SELECT {tests} FROM {raw}")  # noqa: S608 - names are quoted
        return frozenset(column for column, all_are in zip(text, found, strict=True) if all_are)


def read_table(path: Path, columns: Sequence[str] | None = None) -> Table:
    """Read a .csv or .parquet file: all rows of the named columns, or of all of them.

    Raises DataError when it cannot be read, lacks a column or has no rows; a column that nobody named and that is unreadable is an error
    only for whoever asks for it.
    """
    with TableFiles(whole=path, memory=None) as files:
        return files.read("whole") if columns is None else files.sample("whole", columns, files.rows["whole"])


def quoted(name: str) -> str:
    """A column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def _kind(sql_type: str) -> Kind:
    plain = sql_type.partition("(")[0]
    if sql_type.endswith("]"):
        return "tensor" if _element(sql_type) in NUMBERS | {"FLOAT", "DOUBLE"} else "text"
    return "number" if plain in NUMBERS | {"FLOAT", "DOUBLE"} else "time" if plain in TIMES | {ZONED} else "text"


def _element(sql_type: str) -> str:
    """What lists hold, in the end: FLOAT of FLOAT[][], DECIMAL of DECIMAL(4,2)[]; "" of what is no list of a plain type."""
    inner = re.fullmatch(r"([A-Z]+)(\([0-9, ]+\))?(\[[0-9]*\])+", sql_type)
    return inner[1] if inner else ""


def _as_sql(column: str, sql_type: str, boolean: bool) -> str:
    name = quoted(column)
    if boolean:
        return f"CAST(lower({name}) = 'true' AS DOUBLE)"
    if sql_type in ("FLOAT", "DOUBLE"):
        return f"nullif(CAST({name} AS DOUBLE), 'NaN'::DOUBLE)"
    if _kind(sql_type) == "tensor":
        element = "FLOAT" if _element(sql_type) in SMALL else "DOUBLE"
        return f"CAST({name} AS {element}{'[]' * sql_type.count('[')})"
    if sql_type == ZONED:
        return f"make_timestamp(epoch_us({name}))"
    return f"CAST({name} AS {({'number': 'DOUBLE', 'time': 'TIMESTAMP', 'text': 'VARCHAR'})[_kind(sql_type)]})"


def _reason(message: str) -> str:
    """What DuckDB says, in one line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["for no reason given"]
    place = re.search(r"Line: (\d+)", lines[0])
    if "not utf-8" in message.lower():
        return f"it is not UTF-8{f' (line {place[1]})' if place else ''}. Write it again in that encoding."
    if "out of memory" in message.lower():
        return "the memory or the scratch space does not suffice. Free some, or set TMPDIR to a larger disk."
    if "sniffing" in lines[0]:
        return "its lines have no common form: look for a quote that is not closed, or separators of two kinds."
    if "too small to be a Parquet file" in lines[0] or "No magic bytes" in lines[0]:
        what = "too small, or" if "too small" in lines[0] else "or"
        return f"it is no Parquet file, {what} not a whole one. Write it again, or give it the suffix of what it is."
    return f"{lines[0]} {lines[1]}" if place and len(lines) > 1 else lines[0]


def _check_lines(path: Path) -> None:
    """Raises DataError when lines have another number of fields than the first. DuckDB then finds no separator: it gives up, or takes each
    line for one field."""
    with suppress(csv.Error, UnicodeDecodeError, OSError), path.open(encoding="utf-8", newline="") as file:  # of these DuckDB tells itself
        first = file.readline()
        lines = csv.reader(chain([first], file), delimiter=max(SEPARATORS, key=first.count))
        fields = len(next(lines))
        uneven = next((line for line in lines if line and len(line) != fields), None) if fields > 1 else None
        if uneven is not None:
            raise DataError(
                f"{path} cannot be read: line {lines.line_num} has {len(uneven)} field(s), the first line has {fields}.",
                hint="Mend that line; a text that holds the separator stands in double quotes.",
            )


def _plain(column: Any) -> Column:
    mask = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else np.zeros(len(column), dtype=bool)
    data = np.asarray(np.ma.getdata(column))
    if data.dtype.kind == "f":
        numbers = data.astype(np.float64)
        numbers[mask] = np.nan
        return numbers
    if data.dtype.kind == "M":
        times = data.astype("datetime64[us]")
        times[mask] = np.datetime64("NaT", "us")
        return times
    text = np.empty(len(data), dtype=object)
    for position, value in enumerate(data):
        text[position] = None if mask[position] or value is None else str(value)
    return text
