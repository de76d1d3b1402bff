"""Tensors of the Open Inference Protocol: what a request's inputs hold, as columns of values that a JSON row would have.

Source: Open Inference Protocol v2, "Tensor Data" and the binary tensor data extension (KServe, Triton). A tensor is one feature, of shape
[rows] or [rows, 1], or one input of the model's graph, of shape [rows, width]. A feature that is a tensor itself is an input of the graph,
of shape [rows, *its own]. In a graph's own numbers a boolean is 0 or 1.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import numpy as np

from gonogo.model.encode import NAME_SHOWN
from gonogo.model.rows import nested
from gonogo.model.runtime import Array
from gonogo.model.schema import Feature, Schema
from gonogo.service.answering.loading import Beside
from gonogo.service.wire import RequestRefused

DTYPES: dict[str, str] = {
    "BOOL": "|b1", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4",
    "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
MOST_DIMENSIONS = 32  #: of a shape, as NumPy's own arrays had for long; a product of more is costly by itself
DATATYPES = {np.dtype(form).name: datatype for datatype, form in DTYPES.items()} | {"string": "BYTES"}  #: of a graph input


@dataclass(frozen=True)
class Tensor:
    """`values` in row-major order: a flat array from binary data, or a flat list from JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Array | list[Any]


def describe(schema: Schema, also: Mapping[str, Beside]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Inputs and outputs as the metadata of the protocol has them: name, datatype, shape with -1 for any number of rows."""
    shapes = shapes_of(schema)
    inputs: list[dict[str, Any]] = [
        {"name": one.name, "datatype": DATATYPES[one.dtype], "shape": [-1, *shapes[one.name]]} for one in schema.inputs
    ]
    outputs: list[dict[str, Any]] = [
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "scores", "datatype": "FP64", "shape": [-1, len(schema.classes)]},
        *({"name": name, "datatype": "INT64" if one.whole else "FP64", "shape": [-1, *one.shape]} for name, one in also.items()),
    ]
    return inputs, outputs


def shapes_of(schema: Schema) -> dict[str, tuple[int, ...]]:
    """The shape of one row of every graph input, as clients write it."""
    tensors = {feature.input: feature.tensor.shape for feature in schema.features if feature.tensor is not None}
    return {one.name: tensors.get(one.name, (one.width,)) for one in schema.inputs}


def read_tensor(given: Any, binary: bytes, start: int, most_values: int) -> tuple[Tensor, int]:
    """One element of `inputs`, and where the binary data of the next one starts. Raises RequestRefused."""
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        raise RequestRefused(400, 'Every input must be an object with "name", "shape", "datatype" and "data".')
    name, datatype, shape = given["name"], given.get("datatype"), given.get("shape")
    what = f"Input {name[:NAME_SHOWN]!r}"
    if not isinstance(datatype, str) or (datatype != "BYTES" and datatype not in DTYPES):
        raise RequestRefused(400, f"{what} has no datatype of the protocol: {str(datatype)[:40]!r}.")
    if (
        not isinstance(shape, list)
        or not 0 < len(shape) <= MOST_DIMENSIONS
        or not all(type(size) is int and 0 <= size < 2**31 for size in shape)
    ):
        raise RequestRefused(400, f"{what} has no shape: a list of one to {MOST_DIMENSIONS} whole numbers is needed.")
    count = prod(shape)
    if count > most_values:
        raise RequestRefused(413, f"{what} declares {count} values; a request may have {most_values} at most.")
    parameters = {} if given.get("parameters") is None else given["parameters"]
    if not isinstance(parameters, dict):
        raise RequestRefused(400, f"The parameters of {what[0].lower()}{what[1:]} must be an object.")
    size = parameters.get("binary_data_size")
    values: Array | list[Any]
    if size is None:
        values = _flat(what, given.get("data"), len(shape))
    elif type(size) is not int or not 0 <= size <= len(binary) - start:
        raise RequestRefused(400, f"{what} says that it has {str(size)[:40]} bytes of binary data; the body has {len(binary) - start}.")
    elif "data" in given:
        raise RequestRefused(400, f'{what} has both "data" and binary data.')
    else:
        values = _from_binary(what, datatype, binary[start : start + size], count)
        start += size
    if len(values) != count:
        raise RequestRefused(400, f"{what} has the shape {shape} and {len(values)} values.")
    return Tensor(name, datatype, tuple(shape), values), start


def matrices(schema: Schema, tensors: Sequence[Tensor]) -> dict[str, Array] | None:
    """Binary tensors that are the graph's own inputs, as matrices [rows, width]; None for anything else."""
    shapes = shapes_of(schema)
    found = {}
    for tensor in tensors:
        if not isinstance(tensor.values, np.ndarray) or tensor.shape[1:] != shapes.get(tensor.name):
            return None
        found[tensor.name] = tensor.values.reshape(tensor.shape[0], prod(tensor.shape[1:]))
    return found if found.keys() == shapes.keys() else None


def columns(schema: Schema, tensors: Sequence[Tensor]) -> dict[str, list[Any]]:
    """The values of every feature that the tensors hold, as JSON would have them. Raises RequestRefused."""
    found: dict[str, list[Any]] = {}
    names = [tensor.name for tensor in tensors]
    if len(set(names)) != len(names):
        raise RequestRefused(400, "An input is there twice.")
    own = {one.name: one for one in schema.inputs}
    by_graph = own.keys() == set(names)
    whole = {feature.name: feature for feature in schema.features if feature.tensor is not None}
    rows = {tensor.shape[0] for tensor in tensors}
    if len(rows) > 1:
        raise RequestRefused(400, f"The inputs have different numbers of rows: {', '.join(map(str, sorted(rows)))}.")
    for tensor in tensors:
        values = tensor.values.tolist() if isinstance(tensor.values, np.ndarray) else tensor.values
        if tensor.name in whole:
            found[tensor.name] = _whole(whole[tensor.name], tensor, values)
            continue
        width = own[tensor.name].width if by_graph else 1
        if tensor.shape[1:] != (width,) and not (width == 1 and len(tensor.shape) == 1):
            raise RequestRefused(400, f"Input {tensor.name[:NAME_SHOWN]!r} has the shape {list(tensor.shape)}, not [rows, {width}].")
        if not by_graph:
            found[tensor.name] = values
            continue
        for feature in (feature for feature in schema.features if feature.input == tensor.name):
            column = values[feature.column :: width]
            found[feature.name] = _truths(column) if feature.type == "bool" else column
    return found


def _whole(feature: Feature, tensor: Tensor, values: list[Any]) -> list[Any]:
    """The rows of a feature that is a tensor, as nested lists of the shape that the request says, which is judged as that of JSON rows."""
    if 0 in tensor.shape:
        raise RequestRefused(400, f"Input {tensor.name[:NAME_SHOWN]!r} has the shape {list(tensor.shape)}: there is nothing in it.")
    return nested(_truths(values) if feature.type == "bool" else values, tensor.shape[1:])


def _truths(values: list[Any]) -> list[Any]:
    return [bool(value) if type(value) in (int, float) and value in (0, 1) else value for value in values]


def _flat(what: str, data: Any, depth: int) -> list[Any]:
    """JSON data, flat or nested as the shape is; an inner list of another length is no tensor."""
    if not isinstance(data, list):
        raise RequestRefused(400, f'{what} has no "data": a list is needed.')
    for _ in range(depth - 1):
        if not data or not isinstance(data[0], list):
            break
        if not all(isinstance(part, list) and len(part) == len(data[0]) for part in data):
            raise RequestRefused(400, f"{what} is ragged: its inner lists have different lengths.")
        data = list(chain.from_iterable(data))
    flat: list[Any] = data
    return flat


def _from_binary(what: str, datatype: str, data: bytes, count: int) -> Array | list[Any]:
    if datatype != "BYTES":
        dtype = np.dtype(DTYPES[datatype])
        if len(data) != count * dtype.itemsize:
            raise RequestRefused(400, f"{what} has {len(data)} bytes of binary data, not {count * dtype.itemsize}.")
        if datatype == "BOOL" and data.strip(b"\0\1"):
            raise RequestRefused(400, f"{what} has bytes that are no booleans.")
        return np.frombuffer(data, dtype)
    texts: list[Any] = []
    place = 0
    while place < len(data):
        try:
            (size,) = struct.unpack_from("<I", data, place)
            text = data[place + 4 : place + 4 + size]
            if len(text) != size:
                raise ValueError
            texts.append(text.decode())
        except (struct.error, ValueError):
            raise RequestRefused(400, f"{what} has binary data that is no sequence of UTF-8 texts with their lengths.") from None
        place += 4 + size
    return texts


def check_datatypes(tensors: Sequence[Tensor]) -> None:
    """Raises RequestRefused when a value in JSON is none of its tensor's datatype, though the feature could take it."""
    for tensor in tensors:
        if isinstance(tensor.values, list):
            right = _RIGHT[tensor.datatype[:2]]
            low, high = _span(tensor.datatype)
            for value in tensor.values:
                if value is not None and not (type(value) in right and (type(value) is not int or low <= value <= high)):
                    raise RequestRefused(
                        422, f"Input {tensor.name[:NAME_SHOWN]!r} has a value that is no {tensor.datatype}: {str(value)[:NAME_SHOWN]!r}."
                    )


_RIGHT: Mapping[str, tuple[type, ...]] = {"BO": (bool,), "BY": (str,), "IN": (int,), "UI": (int,), "FP": (int, float)}


def _span(datatype: str) -> tuple[float, float]:
    if datatype[0] in "IU":
        limits = np.iinfo(np.dtype(DTYPES[datatype]))
        return int(limits.min), int(limits.max)
    return float("-inf"), float("inf")
