"""Tables: CSV and Parquet files as columns of NumPy arrays, read by DuckDB.

Numbers come back as float64 with NaN for missing, booleans as float64 0/1, text as objects with None for missing, and times as
datetime64[us] with NaT. Nothing is guessed silently: an unreadable file, a missing column and a file without rows are DataErrors.

A CSV file does not say what its columns are: the whole file is looked at, and only `true` and `false` are booleans. `yes`, `no`, `t` and
`f` are text, as they were for whoever trained on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.errors import DataError

Column = np.ndarray[Any, np.dtype[Any]]

#: Without BOOLEAN: DuckDB would take yes/no and t/f for booleans too.
CSV = (
    "read_csv(?, header = true, sample_size = -1, "
    "auto_type_candidates = ['NULL', 'BIGINT', 'DOUBLE', 'TIME', 'DATE', 'TIMESTAMP', 'TIMESTAMPTZ', 'VARCHAR'])"
)
BOOLEANS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Table:
    """Columns by name; all have `rows` entries."""

    columns: dict[str, Column]
    rows: int

    def column(self, name: str) -> Column:
        if name not in self.columns:
            raise DataError(f"the table has no column {name!r}.", hint=f"It has: {', '.join(self.columns)}.")
        return self.columns[name]

    def numeric(self, name: str) -> Column:
        """A column as float64. Raises DataError when it holds text or times."""
        column = self.column(name)
        if column.dtype != np.float64:
            raise DataError(f"column {name!r} holds {column.dtype}, not numbers.")
        return column

    def take(self, rows: Column) -> Table:
        """The rows at the given positions (or where the mask is true)."""
        taken = {name: column[rows] for name, column in self.columns.items()}
        return Table(taken, len(next(iter(taken.values()))) if taken else 0)


def read_table(path: Path, columns: Sequence[str] | None = None) -> Table:
    """Read a .csv or .parquet file. Raises DataError when it cannot be read, lacks a column or has no rows."""
    import duckdb

    if not path.is_file():
        raise DataError(f"{path} is not there.", hint="Mend the path under `data:` in gonogo.yaml.")
    suffix = path.suffix.lower()
    reader = {".parquet": "read_parquet(?)", ".csv": CSV}.get(suffix)
    if reader is None:
        raise DataError(f"{path}: tables are .csv or .parquet files.")
    wanted = "*" if columns is None else ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            raw = connection.execute(f"SELECT {wanted} FROM {reader}", [str(path)]).fetchnumpy()  # noqa: S608 - names are quoted
    except duckdb.Error as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    table = {name: _plain(column) for name, column in raw.items()}
    if suffix == ".csv":
        table = {name: _booleans(column) for name, column in table.items()}
    rows = len(next(iter(table.values()))) if table else 0
    if rows == 0:
        raise DataError(f"{path} has no rows.", hint="A table without rows measures nothing.")
    return Table(table, rows)


def _plain(column: Any) -> Column:
    mask = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else np.zeros(len(column), dtype=bool)
    data = np.asarray(np.ma.getdata(column))
    if data.dtype.kind in "biuf":
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


def _booleans(column: Column) -> Column:
    """Text that is nothing but true and false, in any case, as 1 and 0."""
    if column.dtype != object:
        return column
    said = {value for value in column.tolist() if value is not None}
    meaning = {value: BOOLEANS.get(value.lower()) for value in said} if len(said) <= 6 else {}
    if not meaning or None in meaning.values():
        return column
    return np.array([np.nan if value is None else meaning[value] for value in column.tolist()], dtype=np.float64)
