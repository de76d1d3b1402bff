"""The quick path from values of known types to the arrays a graph takes: a few C calls for all rows of a batch.

A record is one row as a tuple: the values of all features, input after input, in column order; a tensor is nested lists. Whoever makes
records vouches for the Python types (float or int for float, int for int, bool for bool, str for string; None only where the row type
allows it) and for the lengths of a tensor's lists; a decoder that was given `Packer.row_type` does. What is left to be judged here is the
size of numbers, for the whole batch at once.

Nothing here says what is wrong: at the first doubt it gives up, and `encode.RowEncoder` judges value by value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

import msgspec
import numpy as np

from gonogo.model.runtime import Array
from gonogo.model.schema import FLOATS, INPUTS, INTEGERS, Feature, GraphInput, Schema

DTYPES: dict[str, Any] = {name: object if name == "string" else np.dtype(name).type for name in INPUTS}
LARGEST = {name: float(np.finfo(name).max) for name in FLOATS}
#: Largest whole number that every smaller one is told apart from in an input of floats.
EXACT = {name: int(2 ** (np.finfo(name).nmant + 1)) for name in FLOATS}
WHOLE = {name: range(int(np.iinfo(name).min), int(np.iinfo(name).max) + 1) for name in INTEGERS}  #: what an input of integers holds
_TYPES: dict[str, type] = {"float": float, "int": int, "bool": bool, "string": str}
_NUMBERS = {"float": "fiu", "int": "iu", "bool": "b"}  #: NumPy kinds that are right for a type

Record = Sequence[Any]
record_of: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple  #: the record of a decoded `Packer.row_type`


class Doubt(Exception):
    """The quick path cannot vouch for these values; the careful one must look."""


class Packer:
    """The quick path of one schema, whose features cover its inputs exactly (`encode.RowEncoder` sees to that)."""

    def __init__(self, schema: Schema) -> None:
        self._blocks: list[_Block] = []
        features: list[Feature] = []
        for graph_input in schema.inputs:
            own = sorted((f for f in schema.features if f.input == graph_input.name), key=lambda feature: feature.column)
            self._blocks.append(_Block(graph_input, own, len(features), len(own) == len(schema.features)))
            features += own
        self.features = tuple(features)  #: in the order of a record
        types = [may_be_null(feature, self._dtype(feature)) for feature in features]
        #: Types for msgspec of one row, and of rows by columns; None when a name cannot be a field's. All features, and nothing else.
        self.row_type = _record_type("Row", features, types)
        self.columns_type = _record_type("Columns", features, [list[one] for one in types])  # type: ignore[valid-type]

    def pack(self, records: Sequence[Record]) -> dict[str, Array]:
        """Records as one array [rows, width] for each graph input. Raises Doubt."""
        if not records:
            raise Doubt
        try:
            return {block.name: block.array(records) for block in self._blocks}
        except (ValueError, TypeError, OverflowError, struct.error) as error:
            raise Doubt from error

    def pack_matrices(self, matrices: Mapping[str, Array]) -> dict[str, Array]:
        """Numbers as they came, one matrix for each graph input, as the graph takes them. Raises Doubt."""
        if len(matrices) != len(self._blocks):
            raise Doubt
        try:
            return {block.name: block.matrix(matrices[block.name]) for block in self._blocks}
        except (KeyError, ValueError, TypeError) as error:
            raise Doubt from error

    def _dtype(self, feature: Feature) -> str:
        return next(block.dtype for block in self._blocks if block.name == feature.input)


def may_be_null(feature: Feature, dtype: str) -> Any:
    """The type of a feature's value, with None where the schema and the graph input can both do without; of a tensor that of its lists."""
    plain = _TYPES[feature.type]
    found: Any = plain | None if feature.nullable and (dtype in LARGEST or feature.type == "string") else plain
    for size in reversed(feature.tensor.shape if feature.tensor is not None else ()):
        found = Annotated[list[found], msgspec.Meta(min_length=size, max_length=size)]
    return found


class _Block:
    """One graph input: how its part of the records becomes its array."""

    def __init__(self, graph_input: GraphInput, features: Sequence[Feature], first: int, whole: bool) -> None:
        self.name, self.dtype, self._width = graph_input.name, graph_input.dtype, graph_input.width
        self._numpy = DTYPES[self.dtype]
        tensor = features[0].tensor
        self._depth = 0 if tensor is None else len(tensor.shape)
        self._first = first
        self._part = None if whole else slice(first, first + self._width)
        self._bytes = None if self.dtype == "string" else struct.Struct(f"@{self._width}{np.dtype(self.dtype).char}").pack
        # Strictly below: rounding to float32 could bring a number down to a limit that it is above.
        limits = [EXACT[self.dtype] if f.type == "int" else LARGEST[self.dtype] for f in features] if self.dtype in LARGEST else []
        self._limit: Any = limits[0] if len(set(limits)) == 1 else np.array(limits)
        self._kinds = set.intersection(*(set(_NUMBERS.get(feature.type, "")) for feature in features))

    def array(self, records: Sequence[Record]) -> Array:
        if self._depth:
            return self._tensors(records)
        part = self._part
        cells = records if part is None else [record[part] for record in records]
        if self._bytes is None:
            return self._text(cells)
        pack = self._bytes
        try:
            data = bytearray().join([pack(*cell) for cell in cells])
        except struct.error:  # a null, or a number that needs a closer look
            return self._with_nulls(cells)
        found: Array = np.frombuffer(data, self._numpy).reshape(-1, self._width)
        if self.dtype in LARGEST:
            self._judge(np.abs(found))
        return found

    def _tensors(self, records: Sequence[Record]) -> Array:
        """Of a row with a hundred thousand numbers, `struct` would take six times as long as this."""
        flat: Any = [record[self._first] for record in records]
        for _ in range(self._depth):
            flat = chain.from_iterable(flat)
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is judged below; an integer raises OverflowError
            found: Array = np.fromiter(flat, self._numpy, len(records) * self._width).reshape(-1, self._width)
        if self.dtype not in LARGEST:
            return found
        if np.isnan(found).any():  # a null is one, and NaN itself is refused
            return self._with_nulls([self._flat(record) for record in records])
        self._judge(np.abs(found))
        return found

    def _flat(self, record: Record) -> Record:
        """The elements of a tensor, row-major."""
        flat: Any = record[self._first]
        for _ in range(self._depth - 1):
            flat = chain.from_iterable(flat)
        return list(flat)

    def matrix(self, given: Array) -> Array:
        if given.ndim != 2 or given.shape[1] != self._width or not len(given) or given.dtype.kind not in self._kinds:
            raise ValueError
        if self.dtype not in LARGEST:
            if self.dtype in WHOLE and not (int(given.min()) in WHOLE[self.dtype] and int(given.max()) in WHOLE[self.dtype]):
                raise ValueError  # NumPy would make another number of it, without a word
            return np.ascontiguousarray(given, dtype=self._numpy)
        wide = given.astype(np.float64)  # first, as a number of a JSON row: a whole number must not be rounded another way
        self._judge(np.abs(wide))
        return np.ascontiguousarray(wide, dtype=self._numpy)

    def _judge(self, magnitudes: Array) -> None:
        # NaN is not below anything.
        limit = self._limit
        below = magnitudes.max() < limit if isinstance(limit, float | int) else (magnitudes < limit).all()
        if not below:
            raise ValueError

    def _with_nulls(self, cells: Sequence[Record]) -> Array:
        if self.dtype not in LARGEST:
            raise ValueError
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is judged below
            found = np.array(cells, dtype=self._numpy)
        absent = np.isnan(found)
        if int(absent.sum()) != sum(value is None for cell in cells for value in cell):
            raise ValueError
        self._judge(np.where(absent, 0, np.abs(found)))
        return found

    def _text(self, cells: Sequence[Record]) -> Array:
        values = ["" if value is None else value for value in chain.from_iterable(cells)]
        "".join(values).encode()  # half of a surrogate pair has no UTF-8
        found = np.empty(len(values), dtype=object)
        found[:] = values
        return found.reshape(-1, self._width)


def _record_type(name: str, features: Sequence[Feature], types: Sequence[Any]) -> Any:
    fields = [(f"f{number}", type_) for number, type_ in enumerate(types)]
    names = {f"f{number}": feature.name for number, feature in enumerate(features)}
    try:
        return msgspec.defstruct(name, fields, rename=names, forbid_unknown_fields=True, gc=False)
    except ValueError:  # a name with a quote, a backslash or a control character
        return None
