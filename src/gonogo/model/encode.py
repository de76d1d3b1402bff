"""From named values to the arrays a graph takes: requests row by row, tables column by column.

Rules: every feature of the schema is there, and nothing else; a missing feature is never silently 0; null only where the schema says
nullable (numbers become NaN, text becomes ""); NaN and infinity never; a boolean is no number, a number in quotes is no number, an int
feature takes whole numbers only; both take what fits the graph input, so that nothing ever becomes another number. A tensor is nested lists
of exactly its shape, and every element is judged like a value.

There are two paths. The quick one (`packing.py`) takes whole batches with a handful of C calls and gives up at the first doubt, without
saying why. The careful one then goes value by value, and either encodes the rows or names every bad feature of every row, up to
`MOST_PROBLEMS`. Both accept exactly the same rows (a property test holds them to it).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import filterfalse
from typing import Any

import msgspec
import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.model.packing import DTYPES, EXACT, LARGEST, WHOLE, Doubt, Packer, Record, record_of
from gonogo.model.runtime import Array
from gonogo.model.schema import Feature, GraphInput, Schema, Tensor

NAME_SHOWN = 120  #: characters of a stranger's feature name that we repeat
MOST_PROBLEMS = 1000  #: listed; more are only counted

_ENTERS: dict[str, frozenset[str]] = {
    "float": frozenset(LARGEST),
    "int": frozenset({*WHOLE, *LARGEST}),
    "bool": frozenset({"bool", *WHOLE, *LARGEST}),
    "string": frozenset({"string"}),
}


class RowErrors(DataError, ValueError):
    """Rows that cannot be encoded. `errors` has one entry for each bad value: row (from 0), feature, problem, message.

    Problems: "missing", "unknown", "type", "null", "not finite", "range", "text", "shape". Of a tensor the first bad place is named.
    `total` counts those beyond `MOST_PROBLEMS` too.
    """

    def __init__(self, errors: list[dict[str, Any]], total: int) -> None:
        super().__init__(f"{total} value(s) cannot be used; first: row {errors[0]['row']}: {errors[0]['message']}")
        self.errors = errors
        self.total = total


class _Problems:
    """What is wrong with some rows."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = []
        self.total = 0

    def add(self, row: int, feature: str, problem: str, message: str) -> None:
        self.total += 1
        if self.total <= MOST_PROBLEMS:
            self.listed.append({"row": row, "feature": feature, "problem": problem, "message": message})

    def add_unknown(self, row: int, names: Sequence[Any]) -> None:
        listed = names[: max(0, MOST_PROBLEMS - self.total)]
        for name in map(str, listed):
            shown = (name if len(name) <= NAME_SHOWN else name[:NAME_SHOWN] + "…").encode(errors="backslashreplace").decode()
            self.add(row, shown, "unknown", f"{shown!r} is no feature of this model")
        self.total += len(names) - len(listed)


@dataclass(frozen=True)
class _Block:
    """One graph input with its features in column order."""

    input: GraphInput
    features: tuple[Feature, ...]

    @property
    def tensor(self) -> Tensor | None:
        return self.features[0].tensor


class RowEncoder:
    """The encoder of one schema, prepared once. Raises ValueError when the features do not cover the inputs exactly."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._width = len(schema.features)
        self._names = frozenset(schema.feature_names)
        self._blocks = tuple(_block(graph_input, schema) for graph_input in schema.inputs)
        if len(self._names) != self._width or sum(len(block.features) for block in self._blocks) != self._width:
            raise ValueError("the schema's features do not cover its inputs exactly once")
        self.packer = Packer(schema)

    def encode(self, rows: Sequence[Any]) -> dict[str, Array]:
        """Rows as one array [rows, width] for each graph input. Raises RowErrors naming every bad feature of every row."""
        row_type = self.packer.row_type
        if row_type is not None:
            try:
                return self.packer.pack([record_of(msgspec.convert(row, row_type)) for row in rows])
            except (Doubt, msgspec.MsgspecError, ValueError):
                pass  # the careful path below says what is wrong, or finds that nothing is
        return self.judge(rows)

    def encode_records(self, records: Sequence[Record]) -> dict[str, Array]:
        """Records (see `packing.py`) likewise."""
        try:
            return self.packer.pack(records)
        except Doubt:
            names = [feature.name for feature in self.packer.features]
            return self.judge([dict(zip(names, record, strict=True)) for record in records])

    def judge(self, rows: Sequence[Any]) -> dict[str, Array]:
        """The careful path: as `encode`."""
        problems = _Problems()
        if len(rows) == 0:
            problems.add(0, "", "missing", "there are no rows")
        columns: list[list[list[Any]]] = [[] for _ in self._blocks]
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                problems.add(number, "", "type", "a row must be an object of features")
                continue
            for block, cells in zip(self._blocks, columns, strict=True):
                if block.tensor is not None:
                    cells.append(_tensor_cells(block.input, block.features[0], block.tensor, row, number, problems))
                else:
                    cells.append([_cell(block.input, feature, row, number, problems) for feature in block.features])
            if len(row) != self._width or not self._names.issuperset(row):
                problems.add_unknown(number, [name for name in row if name not in self._names])
        if problems.total:
            raise RowErrors(problems.listed, problems.total)
        return {
            block.input.name: _array(cells, block.input, len(rows)) for block, cells in zip(self._blocks, columns, strict=True)
        }  # fmt: skip


_ENCODERS: dict[int, RowEncoder] = {}


def encoder_for(schema: Schema) -> RowEncoder:
    """The prepared encoder of a schema object. It is kept, and keeps the schema, so the object's identity is a safe key."""
    encoder = _ENCODERS.get(id(schema))
    if encoder is None:
        if len(_ENCODERS) >= 64:
            _ENCODERS.clear()
        encoder = _ENCODERS[id(schema)] = RowEncoder(schema)
    return encoder


def encode_rows(schema: Schema, rows: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """Rows as one array [rows, width] for each graph input. Raises RowErrors naming every bad feature of every row."""
    return encoder_for(schema).encode(rows)


def encode_table(schema: Schema, table: Table) -> dict[str, Array]:
    """A table's feature columns as one array [rows, width] for each graph input; other columns are left alone.

    Raises DataError naming every column that is missing or holds what the model cannot take.
    """
    batch = {item.name: np.empty((table.rows, item.width), dtype=DTYPES[item.dtype]) for item in schema.inputs}
    dtypes = {item.name: item.dtype for item in schema.inputs}
    missing = [name for name in schema.feature_names if name not in table.columns]
    problems = [f"columns missing: {', '.join(missing)}"] if missing else []
    for feature in schema.features:
        if feature.name in table.unreadable:
            raise table.unreadable[feature.name]
        if feature.name in table.columns:
            try:
                column = table_column(feature, dtypes[feature.input], table.columns[feature.name], table.shapes.get(feature.name, ()))
            except ValueError as error:
                problems.append(f"column {feature.name!r} {error}")
            else:
                if feature.tensor is None:
                    batch[feature.input][:, feature.column] = column
                else:
                    batch[feature.input][:] = column
    if problems:
        raise DataError(f"the table does not fit the model: {'; '.join(problems)}.", hint=f"The table has: {', '.join(table.columns)}.")
    return batch


def table_column(feature: Feature, dtype: str, column: Array, nested: tuple[int, ...] = ()) -> Array:
    """One table column as the model takes it, of the input's dtype: [rows], or [rows, width] of a tensor whose lists are `nested` so.

    Raises ValueError that continues "column x …".
    """
    if column.dtype.kind == "M":
        raise ValueError("holds times, not a feature")
    _check_nesting(feature, column, nested)
    if feature.type == "string":
        return _text_column(feature, column)
    if column.dtype == object:
        text = [value for value in column if value is not None]
        if text:
            raise ValueError(f"holds text such as {next(filterfalse(_is_number, text), text[0])[:NAME_SHOWN]!r}, not numbers")
        column = np.full(len(column), np.nan)
    values = column if column.dtype == np.float32 else np.asarray(column, dtype=np.float64)
    absent = np.isnan(values)
    holes = int(absent.sum())
    if holes and not (feature.nullable and dtype in LARGEST):
        raise ValueError(f"has {holes} missing value(s), which the model does not take")
    present = values[~absent] if holes else values
    if not np.isfinite(present).all():
        raise ValueError("holds an infinity")
    if feature.type == "bool" and not np.isin(present, (0.0, 1.0)).all():
        raise ValueError("holds other values than 0 and 1")
    if feature.type == "int" and not (present == np.floor(present)).all():
        raise ValueError("holds numbers that are not whole")
    outside = beyond(feature, dtype, float(present.min()), float(present.max())) if present.size else ""
    if outside:
        raise ValueError(f"holds numbers {outside}")
    return values.astype(DTYPES[dtype])


def _check_nesting(feature: Feature, column: Array, nested: tuple[int, ...]) -> None:
    tensor = feature.tensor
    if tensor is None:
        if column.ndim != 1:
            raise ValueError("holds lists, not single values (name the model's tensors under `model.tensors`)")
        return
    width = math.prod(tensor.shape)
    if column.ndim != 2:
        raise ValueError(f"holds single values, not tensors of the shape {list(tensor.shape)} (write them as lists, in Parquet)")
    if column.shape[1] != width or nested not in ((), (width,), tensor.shape):
        raise ValueError(f"holds tensors of the shape {list(nested or column.shape[1:])}, not {list(tensor.shape)}")


def _text_column(feature: Feature, column: Array) -> Array:
    if column.dtype != object:
        if np.isnan(column.astype(np.float64)).all():
            column = np.full(len(column), None, dtype=object)
        else:
            raise ValueError("holds numbers or booleans, but the model takes text (CSV cannot keep them apart, Parquet can)")
    holes = sum(value is None for value in column)
    if holes and not feature.nullable:
        raise ValueError(f"has {holes} missing value(s), which the model does not take")
    return np.array(["" if value is None else value for value in column], dtype=object)


def _block(graph_input: GraphInput, schema: Schema) -> _Block:
    features = tuple(sorted((f for f in schema.features if f.input == graph_input.name), key=lambda feature: feature.column))
    tensors = [feature.tensor for feature in features if feature.tensor is not None]
    if tensors:
        covered = len(features) == 1 and features[0].column == 0 and math.prod(tensors[0].shape) == graph_input.width
        covered = covered and graph_input.shape in ((), tensors[0].shape) and features[0].type != "string"
    else:
        covered = [feature.column for feature in features] == list(range(graph_input.width)) and bool(features) and not graph_input.shape
    if graph_input.dtype not in DTYPES or not covered:
        raise ValueError(f"the schema's features do not cover input {graph_input.name!r} exactly once")
    for feature in features:
        if graph_input.dtype not in _ENTERS[feature.type]:
            raise ValueError(f"a {feature.type} feature ({feature.name!r}) cannot enter the {graph_input.dtype} input {graph_input.name!r}")
    return _Block(graph_input, features)


def _cell(graph_input: GraphInput, feature: Feature, row: Mapping[str, Any], number: int, problems: _Problems) -> Any:
    """The value of one feature of one row, ready for its array; what is wrong with it goes to `problems`."""
    if feature.name not in row:
        problem, message = "missing", "is missing"
    else:
        value = row[feature.name]
        if value is None and feature.nullable and feature.type == "string":
            return ""
        if value is None and feature.nullable and graph_input.dtype in LARGEST:
            return math.nan
        problem, message, value = _judge(graph_input.dtype, feature, value)
        if not problem:
            return value
    problems.add(number, feature.name, problem, f"{feature.name!r} {message}")
    return None


def _tensor_cells(
    graph_input: GraphInput, feature: Feature, tensor: Tensor, row: Mapping[str, Any], number: int, problems: _Problems
) -> list[Any]:
    """The elements of a tensor of one row, flat; what is wrong first goes to `problems`."""
    if feature.name not in row:
        problems.add(number, feature.name, "missing", f"{feature.name!r} is missing")
        return []
    flat: list[Any] = []
    fault = _fill(flat, row[feature.name], graph_input.dtype, feature, tensor.shape)
    if fault is not None:
        place, problem, message = fault
        of_shape = f"; the shape {list(tensor.shape)} is needed" if place.count("[") < len(tensor.shape) else ""
        problems.add(number, feature.name, problem, f"{feature.name!r}{place} {message}{of_shape}")
    return flat


def _fill(flat: list[Any], value: Any, dtype: str, feature: Feature, shape: tuple[int, ...]) -> tuple[str, str, str] | None:
    """Append the elements of nested lists to `flat`. The first place that is wrong, its problem and what to say of it; else None."""
    if not shape:
        if value is None and feature.nullable and dtype in LARGEST:
            flat.append(math.nan)
            return None
        problem, message, value = _judge(dtype, feature, value)
        flat.append(value)
        return ("", problem, message) if problem else None
    if not isinstance(value, list | tuple):
        problem, message = ("null", "must not be null") if value is None else ("type", f"must be a list, not {_kind(value)}")
        return "", problem, message
    if len(value) != shape[0]:
        what = "values" if len(shape) == 1 else "rows"
        return "", "shape", f"has {len(value)} {what}, not {shape[0]}"
    for number, part in enumerate(value):
        fault = _fill(flat, part, dtype, feature, shape[1:])
        if fault is not None:
            place, problem, message = fault
            return f"[{number}]{place}", problem, message
    return None


def _judge(dtype: str, feature: Feature, value: Any) -> tuple[str, str, Any]:
    """(problem, message, value): the problem is "" when the value can be used."""
    if value is None:
        return "null", "must not be null", None
    if feature.type == "string":
        if not isinstance(value, str):
            return "type", f"must be text, not {_kind(value)}", None
        return ("", "", value) if _is_unicode(value) else ("text", "is not valid Unicode", None)
    if feature.type == "bool":
        return ("", "", value) if isinstance(value, bool) else ("type", f"must be true or false, not {_kind(value)}", None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "type", f"must be a number, not {_kind(value)}", None
    return _judge_number(dtype, feature, value)


def _judge_number(dtype: str, feature: Feature, value: float) -> tuple[str, str, Any]:
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite", "must be a finite number", None
    if feature.type == "int" and value != int(value):
        return "type", "must be a whole number", None
    outside = beyond(feature, dtype, value, value)
    if outside:
        return "range", f"is {outside}", None
    return "", "", int(value) if dtype in WHOLE else float(value)


def limits(feature: Feature, dtype: str) -> tuple[float, float]:
    """The least and the largest number of a feature where it enters the graph as `dtype`; integers of the graph are given as such."""
    if feature.type == "bool":
        return 0, 1
    if dtype in WHOLE:
        return WHOLE[dtype].start, WHOLE[dtype].stop - 1
    largest = EXACT[dtype] if feature.type == "int" else LARGEST[dtype]
    return -largest, largest


def beyond(feature: Feature, dtype: str, lowest: float, highest: float) -> str:
    """What is wrong with numbers of which these are the ends, in words that continue "is …"; "" when they fit."""
    low, high = limits(feature, dtype)
    if low <= lowest and highest <= high:
        return ""
    return f"too large for {dtype}" if low == -high else f"outside of {dtype}, {low} to {high}"


def _is_unicode(text: str) -> bool:
    """False for text with half of a surrogate pair, which has no UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _kind(value: Any) -> str:
    names = {bool: "a boolean", str: "text", list: "a list", dict: "an object", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)


def _array(cells: list[list[Any]], graph_input: GraphInput, rows: int) -> Array:
    array = np.empty((rows, graph_input.width), dtype=DTYPES[graph_input.dtype])
    if rows:
        array[:] = cells
    return array
