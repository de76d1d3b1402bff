"""Rows as keys, so that equal rows can be found in large tables without comparing pairs.

A key is 64 bits mixed from the values of the named columns, numbers at the precision of float32 (what a model usually sees, and what a
round trip through CSV keeps). Two different rows get the same key with a chance of 2^-64: among 10^6 × 10^6 pairs, one in 10^7 runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError

Keys = np.ndarray[Any, np.dtype[np.uint64]]


def missing(column: Column) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where a column has no value: NaN, NaT or None."""
    if column.dtype == object:
        return np.array([value is None for value in column], dtype=np.bool_)
    return np.isnat(column) if column.dtype.kind == "M" else np.isnan(column)


def row_keys(table: Table, names: Sequence[str]) -> Keys:
    """One key per row over the named columns, uint64 [rows]. Raises DataError for a missing column or no columns at all."""
    if not names:
        raise DataError("rows without columns cannot be told apart.")
    keys = np.zeros(table.rows, dtype=np.uint64)
    for name in names:
        keys = _mix(keys * np.uint64(0x9E3779B97F4A7C15) + _bits(table.column(name)))
    return keys


def same_kinds(tables: Sequence[Table], names: Sequence[str]) -> None:
    """Raise DataError when a column holds text in one table and numbers in another: such rows would never look equal."""
    for name in names:
        kinds = {table.column(name).dtype.kind for table in tables if not missing(table.column(name)).all()}
        if len(kinds) > 1:
            raise DataError(f"the column {name!r} holds values of different types in different tables, so rows cannot be compared.")


def _bits(column: Column) -> Keys:
    if column.dtype == object:
        known = {value: _text_bits(value) for value in set(column)}
        return np.array([known[value] for value in column], dtype=np.uint64)
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]").view(np.uint64)
    with np.errstate(over="ignore"):
        values = column.astype(np.float32) + np.float32(0.0)  # -0.0 and 0.0 are one value
    values[np.isnan(values)] = np.nan  # one NaN
    return values.view(np.uint32).astype(np.uint64)


def _text_bits(value: str | None) -> int:
    data = b"\x00" if value is None else b"\x01" + value.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _mix(keys: Keys) -> Keys:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
