"""The outline of an ONNX file, read from its protobuf wire form without a protobuf library and without trusting it.

ONNX has no magic bytes and no checksum; what can be told is whether the bytes are a whole ModelProto with a graph. It is also read here
because an ONNX file may keep its weights in *other* files, and those would be outside every digest and signature.

Field numbers: onnx.proto of the ONNX project (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto). Wire format: Protocol
Buffers encoding, https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import overload

MAX_DEPTH = 32  #: graphs inside graphs (If, Loop, Scan); nobody nests deeper, and a stranger's file may not exhaust our stack

_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Where tensors hide: message → {field: message below it}. "tensor" is the leaf that may name another file.
_BELOW: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}


class WireError(ValueError):
    """The bytes are no protobuf message, or end in the middle of one."""


@dataclass(frozen=True)
class Outline:
    """What the outermost message says. `external` is true when a tensor's values lie in another file."""

    ir_version: int
    producer: str
    external: bool


class FileBytes:
    """The bytes of a file, read where they are looked at: the outline of a model of gigabytes needs a few pages of it."""

    PAGE = 1 << 16

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed on exit
        self._size = path.stat().st_size
        self._start, self._page = 0, b""

    def __enter__(self) -> FileBytes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, where: int) -> int: ...
    @overload
    def __getitem__(self, where: slice) -> bytes: ...
    def __getitem__(self, where: int | slice) -> int | bytes:
        if isinstance(where, slice):
            self._file.seek(where.start)
            return self._file.read(where.stop - where.start)
        if not self._start <= where < self._start + len(self._page):
            self._start = where - where % self.PAGE
            self._file.seek(self._start)
            self._page = self._file.read(self.PAGE)
        if where - self._start >= len(self._page):
            raise WireError("it ends in the middle")
        return self._page[where - self._start]


View = memoryview | FileBytes


def read_outline(data: bytes | FileBytes) -> Outline:
    """Walk a ModelProto. Raises WireError when the bytes are truncated or are no ONNX model at all."""
    view = data if isinstance(data, FileBytes) else memoryview(data)
    ir_version, producer, graph = 0, "", False
    for field, kind, start, end in _fields(view, 0, len(view)):
        if field not in _MODEL_FIELDS:
            raise WireError(f"field {field} does not belong to an ONNX model")
        if field == 1 and kind == _VARINT:
            ir_version, _ = _varint(view, start, end)
        elif field == 2 and kind == _BYTES:
            producer = bytes(view[start : min(end, start + 1000)]).decode("utf-8", "replace")
        elif field == 7 and kind == _BYTES:
            graph = True
    if not 0 < ir_version < 1000 or not graph:
        raise WireError("there is no ONNX graph in it")
    return Outline(ir_version, producer, _external(view, 0, len(view), "model", 0))


def opset(data: bytes | FileBytes) -> int:
    """The version of the standard operators that the model uses; 0 when it names none. Raises WireError."""
    view: View = data if isinstance(data, FileBytes) else memoryview(data)
    for _, start, end in _inside(view, 0, len(view), 8):
        domain, version = "", 0
        for field, kind, at, stop in _fields(view, start, end):
            if field == 1 and kind == _BYTES:
                domain = bytes(view[at:stop]).decode("utf-8", "replace")
            elif field == 2 and kind == _VARINT:
                version = _varint(view, at, stop)[0]
        if domain in ("", "ai.onnx"):
            return version
    return 0


_TENSOR_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    16: "bfloat16",
}


def initializers(data: bytes | FileBytes) -> Iterator[tuple[str, str, str, tuple[int, ...], bytes]]:
    """(group, name, dtype, shape, values as little-endian bytes) of each tensor of the main graph, one in memory at a time.

    The group is "" for what the graph starts with, "attributes" for numbers inside its nodes, where linear models and forests keep
    theirs. Values kept in the fields for integers and text are not given (b""): they cannot be NaN. Raises WireError.
    """
    view: View = data if isinstance(data, FileBytes) else memoryview(data)
    nodes = 0
    for _, start, end in _inside(view, 0, len(view), 7):
        for field, at, stop in _inside(view, start, end, 1, 5):
            if field == 5:
                yield "", *_tensor(view, at, stop)
                continue
            nodes += 1
            for _, low, high in _inside(view, at, stop, 5):
                yield from _attribute(view, low, high, nodes)


def _inside(view: View, start: int, end: int, *wanted: int) -> Iterator[tuple[int, int, int]]:
    """(field, start, end) of the messages below the given fields."""
    for field, kind, at, stop in _fields(view, start, end):
        if field in wanted and kind == _BYTES:
            yield field, at, stop


def _attribute(view: View, start: int, end: int, node: int) -> Iterator[tuple[str, str, str, tuple[int, ...], bytes]]:
    """AttributeProto: 1 name, 2 f, 5 t, 7 floats, 10 tensors."""
    name, floats = "", bytearray()
    for field, kind, at, stop in _fields(view, start, end):
        if field == 1 and kind == _BYTES:
            name = f"node {node}: {bytes(view[at:stop]).decode('utf-8', 'replace')}"
        elif field in (2, 7) and kind in (_BYTES, _FIXED32):
            floats += view[at:stop]
        elif field in (5, 10) and kind == _BYTES:
            _, dtype, shape, values = _tensor(view, at, stop)
            yield "attributes", name, dtype, shape, values
    if floats:
        yield "attributes", name, "float32", (len(floats) // 4,), bytes(floats)


def _tensor(view: View, start: int, end: int) -> tuple[str, str, tuple[int, ...], bytes]:
    """TensorProto: 1 dims, 2 data_type, 4 float_data, 8 name, 9 raw_data, 10 double_data."""
    name, dtype, shape, values = "", "", [], bytearray()
    for field, kind, at, stop in _fields(view, start, end):
        if field == 1 and kind == _VARINT:
            shape.append(_varint(view, at, stop)[0])
        elif field == 1 and kind == _BYTES:
            shape += _packed(view, at, stop)
        elif field == 2 and kind == _VARINT:
            number = _varint(view, at, stop)[0]
            dtype = _TENSOR_TYPES.get(number, f"type {number}")
        elif field == 8 and kind == _BYTES:
            name = bytes(view[at:stop]).decode("utf-8", "replace")
        elif field in (4, 9, 10) and kind in (_BYTES, _FIXED32, _FIXED64):
            values += view[at:stop]
    return name, dtype, tuple(shape), bytes(values)


def _packed(view: View, at: int, end: int) -> list[int]:
    values = []
    while at < end:
        value, at = _varint(view, at, end)
        values.append(value)
    return values


def _external(view: View, start: int, end: int, message: str, depth: int) -> bool:
    if depth > MAX_DEPTH:
        raise WireError("graphs are nested too deeply")
    if message == "tensor":
        # TensorProto: 13 external_data, 14 data_location (1 = EXTERNAL)
        return any(
            field == 13 or (field == 14 and kind == _VARINT and _varint(view, at, stop)[0] == 1)
            for field, kind, at, stop in _fields(view, start, end)
        )
    below = _BELOW[message]
    return any(
        _external(view, at, stop, below[field], depth + 1)
        for field, kind, at, stop in _fields(view, start, end)
        if kind == _BYTES and field in below
    )


def _fields(view: View, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (field, wire type, start, end of the value) for each field of the message between `start` and `end`."""
    at = start
    while at < end:
        key, at = _varint(view, at, end)
        field, kind = key >> 3, key & 7
        if field == 0:
            raise WireError("field 0 does not exist")
        if kind == _VARINT:
            _, after = _varint(view, at, end)
            yield field, kind, at, after
        elif kind == _BYTES:
            size, at = _varint(view, at, end)
            after = at + size
            if after > end:
                raise WireError("it ends in the middle")
            yield field, kind, at, after
        elif kind in (_FIXED32, _FIXED64):
            after = at + (4 if kind == _FIXED32 else 8)
            if after > end:
                raise WireError("it ends in the middle")
            yield field, kind, at, after
        else:
            raise WireError(f"wire type {kind} is not in use")
        at = after


def _varint(view: View, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise WireError("it ends in the middle")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise WireError("a number is longer than ten bytes")


def weight_spans(data: bytes) -> list[tuple[int, int]]:
    """Where the float32 weights stand: (start, end) of each run of four-byte floats in tensors and lists of attributes.

    Raises WireError like `read_outline`. Tensors of another type are left out.
    """
    view = memoryview(data)
    return list(_weights(view, 0, len(view), "model", 0))


def _weights(view: View, start: int, end: int, message: str, depth: int) -> Iterator[tuple[int, int]]:
    if depth > MAX_DEPTH:
        raise WireError("graphs are nested too deeply")
    fields = list(_fields(view, start, end)) if message == "tensor" else _fields(view, start, end)
    # TensorProto: 2 data_type (1 = FLOAT), 4 float_data, 9 raw_data. AttributeProto: 7 floats.
    if message == "tensor" and not any(field == 2 and _varint(view, at, stop)[0] == 1 for field, _, at, stop in fields):
        return
    numbers = {"tensor": (4, 9), "attribute": (7,)}.get(message, ())
    below = _BELOW.get(message, {})
    for field, kind, at, stop in fields:
        if field in numbers and kind in (_BYTES, _FIXED32):
            yield at, stop
        elif field in below and kind == _BYTES:
            yield from _weights(view, at, stop, below[field], depth + 1)
