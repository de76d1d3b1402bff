"""Rows as keys, in SQL, so that equal rows are found in large tables without comparing pairs.

A key is the 64-bit hash of the named columns, numbers at the precision of float32 (what a model usually sees, and what a round trip through
CSV keeps), tensors as one list of all their elements. Two different rows get the same key with a chance of 2^-64: among 10^6 × 10^6 pairs,
one in 10^7 runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gonogo.base.table import Column, TableFiles
from gonogo.errors import DataError


def missing(column: Column) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where a column that was read has no value: NaN, NaT or None."""
    if column.dtype == object:
        return np.array([value is None for value in column], dtype=np.bool_)
    return np.isnat(column) if column.dtype.kind == "M" else np.isnan(column)


def row_key(tables: TableFiles, table: str, names: Sequence[str]) -> str:
    """SQL for the key of a row of a table over the named columns. Raises DataError for a missing column or no columns at all."""
    if not names:
        raise DataError("rows without columns cannot be told apart.")
    return f"hash({', '.join(_comparable(tables, table, name) for name in names)})"


def same_kinds(tables: TableFiles, names: Sequence[str]) -> None:
    """Raise DataError when a table lacks a column, or it holds text in one and numbers in another: such rows would never look equal."""
    for name in names:
        declared = {tables.kinds[table][name] for table in tables.files if tables.column(table, name)}
        if len(declared) > 1:  # only then the values have to be looked at: a column without any is of no kind
            kinds = {tables.kind(table, name) for table in tables.files} - {None}
            if len(kinds) > 1:
                raise DataError(f"the column {name!r} holds values of different types in different tables, so rows cannot be compared.")


def _comparable(tables: TableFiles, table: str, name: str) -> str:
    column = tables.column(table, name)
    if tables.kinds[table][name] == "tensor":
        return tables.flat(table, name)
    if tables.kinds[table][name] != "number":
        return column
    # What float32 cannot hold is infinite there; the hash takes 0 and -0 for one value.
    return f"coalesce(TRY_CAST({column} AS FLOAT), CAST(sign({column}) AS FLOAT) * 'inf'::FLOAT)"
