"""From a table to what a client would send and what the truth was: JSON rows, class indices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError
from gonogo.model.schema import Feature, Schema, Tensor


def class_text(value: object) -> str | None:
    """A label as the schema writes it: whole numbers without a point, text as it is, None for missing."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def class_indices(schema: Schema, column: Column) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions in `schema.classes` of a target column, int64 [rows]. Raises DataError for a missing or unknown label."""
    known = {name: index for index, name in enumerate(schema.classes)}
    indices = np.empty(len(column), dtype=np.int64)
    values, inverse = _distinct(column)
    for position, value in enumerate(values):
        text = class_text(value)
        if text not in known:
            what = "a missing label" if text is None else f"the label {text!r}"
            raise DataError(f"the target column has {what}, which is none of the classes {', '.join(schema.classes)}.")
        indices[inverse == position] = known[text]
    return indices


def _distinct(column: Column) -> tuple[list[Any], Column]:
    if column.dtype != object:
        values, inverse = np.unique(column, return_inverse=True)
        return values.tolist(), inverse
    order: dict[Any, int] = {}
    inverse = np.array([order.setdefault(value, len(order)) for value in column], dtype=np.int64)
    return list(order), inverse


def sample_rows(schema: Schema, table: Table, count: int) -> list[dict[str, Any]]:
    """At most `count` rows, evenly spread over the table, as a client would send them. Rows the schema would refuse are left out."""
    positions = np.unique(np.linspace(0, table.rows - 1, num=min(count, table.rows), dtype=np.int64))
    taken = table.take(positions)
    rows = []
    for index in range(taken.rows):
        row = {feature.name: request_value(feature, taken.column(feature.name)[index]) for feature in schema.features}
        if all(row[feature.name] is not None or feature.nullable for feature in schema.features):
            rows.append(row)
    if not rows:
        raise DataError("every sampled row of the table misses a value that the model needs.")
    return rows


def request_value(feature: Feature, value: Any) -> Any:
    """A table's value as a client would send it. A tensor, nested or flat, comes out nested; one that lacks elements where the model needs
    them all is missing."""
    if feature.tensor is not None:
        return _nested_value(feature, feature.tensor, value)
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    return _plain_value(feature, value)


def _plain_value(feature: Feature, value: Any) -> Any:
    """One value of the feature's type. What is none stays what it is, as a client would send it: the model then refuses it by name."""
    if feature.type == "string":
        return str(value)
    if feature.type == "bool" and isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    found = _number(value)
    if not isinstance(found, float):
        return found
    if feature.type == "bool":
        return bool(found) if found in (0.0, 1.0) else found
    return int(found) if feature.type == "int" and found.is_integer() else found


def _number(value: Any) -> Any:
    """A value of a column of numbers as a float, or what stands in its place. One text among the numbers of a CSV file makes all of them
    texts; each is then read as it would have been without that one."""
    if isinstance(value, str):
        text = value.strip()
        try:
            found = float(text) if text.isascii() and "_" not in text else None
        except ValueError:
            found = None
        if found is None:
            return value if text else None
        return None if math.isnan(found) else found
    try:
        return float(value)
    except (TypeError, ValueError):
        return value if isinstance(value, list) else str(value)


def _nested_value(feature: Feature, tensor: Tensor, value: Any) -> Any:
    try:
        flat = np.array(value, dtype=np.float64)
    except (ValueError, TypeError):  # ragged, or nothing that is a number: sent as it is, and refused
        return value if isinstance(value, list) else str(value)
    if flat.size != prod(tensor.shape) or flat.ndim not in (1, len(tensor.shape)):
        return flat.tolist() if flat.ndim else None
    known = np.isfinite(flat.ravel())
    if not (feature.nullable or known.all()):
        return None
    parts: list[Any] = [
        _plain_value(feature, one) if kept else None for one, kept in zip(flat.ravel().tolist(), known.tolist(), strict=True)
    ]
    return nested(parts, tensor.shape[1:])


def nested(flat: list[Any], shape: Sequence[int]) -> list[Any]:
    """Values, row-major, as nested lists: [[1, 2], [3, 4]] of four and the shape (2,).

    >>> nested([1, 2, 3, 4], (2,))
    [[1, 2], [3, 4]]
    """
    for size in reversed(shape):
        flat = [flat[place : place + size] for place in range(0, len(flat), size)]
    return flat
