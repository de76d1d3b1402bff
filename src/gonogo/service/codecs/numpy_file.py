"""A NumPy file (`.npy`) as the body: a matrix of numbers [rows, features] in the features' order, or a record array with their names.

Where the only feature is a tensor the array is [rows, *its shape]; beside other features it is a field of a record array with that shape.

Nothing is unpickled, and nothing is made as large as a header says before as many bytes are there. The answer is a `.npy` file too: the
scores, float64 [rows, classes], and nothing beside them; release and prediction id are in its headers.
Source: NEP 1, versions 1.0 and 2.0 of the format.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gonogo.model.encode import encoder_for
from gonogo.model.packing import Doubt
from gonogo.model.predict import NOTHING, Also
from gonogo.model.runtime import Array
from gonogo.model.schema import Schema
from gonogo.service.codec import Asked, judged
from gonogo.service.codecs.rows import rows_of
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import PROBLEM, RequestRefused, to_json

NUMPY = b"application/x-npy"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class NumpyCodec:
    """See `gonogo.service.codec.Codec`."""

    def __init__(self, schema: Schema, most_rows: int) -> None:
        self._schema = schema
        self._encoder = encoder_for(schema)
        self._most_rows = most_rows
        own = schema.inputs[0].name
        in_order = [(own, place) for place in range(len(schema.features))]
        #: The matrix is the graph's own.
        self._whole = own if [(feature.input, feature.column) for feature in schema.features] == in_order else None
        tensors = [feature.tensor.shape for feature in schema.features if feature.tensor is not None]
        #: The shape of a row of an array without names: one number a feature, or the only tensor; None where no such array says all.
        self._row = (len(schema.features),) if not tensors else tensors[0] if len(schema.features) == 1 else None
        self._most_dimensions = 1 + max(map(len, tensors), default=1)

    def read(self, exchange: Exchange) -> Asked:
        array = _array(exchange.body, self._most_dimensions)
        if array.dtype.names is None and array.shape[1:] == self._row and self._whole is not None and 0 < len(array) <= self._most_rows:
            try:
                return Asked(self, len(array), arrays=self._encoder.packer.pack_matrices({self._whole: array.reshape(len(array), -1)}))
            except Doubt:
                pass  # the careful path below says what is wrong, or finds that nothing is
        try:
            columns = self._columns(array)
        except SystemError:  # what NumPy hands to Python for a letter beyond Unicode
            raise RequestRefused(400, "The NumPy file has text that is no Unicode.") from None
        rows = rows_of(columns, self._most_rows)
        return Asked(self, len(rows), arrays=judged(self._encoder, rows, self._most_rows))

    def _columns(self, array: Array) -> dict[str, Any]:
        if array.dtype.names is not None and array.ndim == 1:
            return {name: array[name].tolist() for name in array.dtype.names}
        features = self._schema.features
        if self._row is None:
            raise RequestRefused(422, "Beside a tensor there are other features: send a record array with their names.")
        tensor = features[0].tensor is not None
        if array.dtype.names is not None or not array.ndim or (array.shape[1:] != self._row and not tensor):
            wanted = ", ".join(map(str, ("rows", *self._row)))
            raise RequestRefused(422, f"The array must have the shape [{wanted}]; this one has {list(array.shape)}.")
        if len(array) > self._most_rows:
            raise RequestRefused(413, f"A request may have {self._most_rows} rows at most; this one has {len(array)}.")
        if tensor:  # one of another shape is judged as nested lists are
            zero_one = features[0].type == "bool" and array.dtype.kind in "fiu" and bool(((array == 0) | (array == 1)).all())
            return {features[0].name: (array.astype(bool) if zero_one else array).tolist()}
        found = {}
        for feature, values in zip(features, array.T.tolist(), strict=True):
            # One type for all columns has no other way to say true and false.
            zero_one = feature.type == "bool" and array.dtype.kind in "fiu"
            found[feature.name] = [bool(value) if value in (0, 1) else value for value in values] if zero_one else values
        return found

    def write(
        self, asked: Asked, prediction_id: str, labels: Sequence[str], scores: Sequence[Sequence[float]], also: Also = NOTHING
    ) -> tuple[bytes, bytes]:
        file = io.BytesIO()
        np.lib.format.write_array(file, np.array(scores, dtype="<f8"), version=(1, 0), allow_pickle=False)
        return NUMPY, file.getvalue()

    def refuse(self, refusal: RequestRefused) -> tuple[int, bytes, bytes]:
        return refusal.status, PROBLEM, to_json(refusal.members())


def _array(body: bytes, most_dimensions: int) -> Array:
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
        shape, by_column, dtype = _HEADERS[version](file)
    except KeyError:
        raise RequestRefused(415, "The NumPy file has a version that is not read; 1.0 and 2.0 are.") from None
    except Exception:  # NumPy reads headers with Python's own parser, which raises what it likes
        raise RequestRefused(400, "The body is no NumPy file: its header is none that can be read.") from None
    parts = [dtype[name] for name in dtype.names] if dtype.names else [dtype]
    if (
        dtype.hasobject
        or not {part.base.kind for part in parts} <= set("biufU")
        or any(len(part.shape) >= most_dimensions for part in parts)
        or any(part.shape and not part.itemsize for part in parts)  # millions of lists of nothing have no bytes
    ):
        raise RequestRefused(415, f"Values of the type {str(dtype)[:120]} are not read; numbers, booleans and text (U) are.")
    if len(shape) > most_dimensions or any(type(size) is not int or size < 0 for size in shape):
        raise RequestRefused(400, f"The NumPy file has no shape: {most_dimensions} whole numbers, none of them negative, are the most.")
    data = body[file.tell() :]
    if len(data) != prod(shape) * dtype.itemsize or not data:
        raise RequestRefused(400, f"The NumPy file says that it has the shape {list(shape)}, and has {len(data)} bytes of values.")
    array: Array = np.frombuffer(data, dtype).reshape(shape, order="F" if by_column else "C")
    return array
