"""A frame: what one call of the model computed, or which keys met which arm, on its way to the log. The form of the wire and of the spool.

    4 bytes length · 4 bytes CRC-32 · a MessagePack map        (both numbers big-endian, of the map's bytes)

Predictions: `{"kind": "predictions", "time", "release", "classes", "features": [[name, type, input, column]], "ids", "rows",
"inputs": {name: [dtype, rows, width, bytes | texts]}, "scores": bytes of float64 [rows, classes], "also": {name: [dtype, rows, width,
bytes]}}`. `rows` counts the rows of each id; the column of a feature that is a tensor, and so the whole input, is null. `also` has the
outputs beside the scores, each row flat.
The writer answers each frame with the number of its rows (4 bytes, big-endian), once it has them.
Exposures: `{"kind": "exposures", "seen": [[time, key digest, epoch, release]]}`.

A spool may end anywhere, when the machine stopped: `read_frames` gives what is whole and says how many bytes are not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from gonogo.model.packing import DTYPES
from gonogo.model.runtime import Array
from gonogo.model.schema import Schema
from gonogo.service.answering.batching import Computed

HEAD = struct.Struct(">II")
ACK = struct.Struct(">I")
LONGEST = 64 << 20  #: bytes; a longer frame is damage

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def prediction_frame(schema: Schema, release: str, computed: Computed, time: float) -> bytes:
    """`time` in seconds since 1970."""
    return _frame(
        {
            "kind": "predictions",
            "time": time,
            "release": release,
            "classes": schema.classes,
            "features": [
                (feature.name, feature.type, feature.input, feature.column if feature.tensor is None else None)
                for feature in schema.features
            ],
            "ids": computed.ids,
            "rows": computed.rows,
            "inputs": {name: _array(values) for name, values in computed.batch.items()},
            "scores": np.ascontiguousarray(computed.scores, dtype=np.float64).tobytes(),
            "also": {name: _array(values.reshape(len(values), -1)) for name, values in computed.also.items()},
        }
    )


def exposure_frame(seen: list[tuple[float, str, int, str]]) -> bytes:
    return _frame({"kind": "exposures", "seen": seen})


def _frame(document: dict[str, Any]) -> bytes:
    body = _encode(document)
    return HEAD.pack(len(body), zlib.crc32(body)) + body


def _array(values: Array) -> tuple[str, int, int, Any]:
    rows, width = values.shape
    if values.dtype == object:
        return "string", rows, width, values.ravel().tolist()
    return values.dtype.name, rows, width, np.ascontiguousarray(values).tobytes()


def read_array(form: Any) -> Array:
    """Inverse of how a frame holds an array: [rows, width]."""
    dtype, rows, width, data = form
    if dtype == "string":
        array = np.empty(rows * width, dtype=object)
        array[:] = data
    else:
        array = np.frombuffer(data, dtype=DTYPES[dtype])
    return array.reshape(rows, width)


def read_frames(data: bytes | bytearray) -> Iterator[tuple[dict[str, Any], int]]:
    """The whole frames of `data`, each with the position where it ends. What follows the last one is no frame."""
    at = 0
    while at + HEAD.size <= len(data):
        length, checksum = HEAD.unpack_from(data, at)
        end = at + HEAD.size + length
        if length > LONGEST or end > len(data):
            return
        body = data[at + HEAD.size : end]
        if zlib.crc32(body) != checksum:
            return
        yield _decode(body), end
        at = end
