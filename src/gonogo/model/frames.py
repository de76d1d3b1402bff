"""Messages between a process and its isolated child, over a socket pair: 8 bytes of length, then MessagePack. Nothing is ever pickled.

What a child says is hostile until checked: the length is bounded, the form is decoded into declared types, and scores are floats with one
row for each row that was asked about.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from gonogo.model.runtime import Array

_HEAD = 8
MOST_DIMENSIONS = 32  #: of an output beside the scores
Message = TypeVar("Message", bound=msgspec.Struct)


class Order(msgspec.Struct):
    """To the child, first: what to load the bytes with ("module:Class"), with which options, in how much memory (MiB)."""

    inside: str
    options: dict[str, Any]
    memory_mib: float


class Greeting(msgspec.Struct):
    """From the child, first: what the model says about itself, or why it cannot be loaded (`fault` and `hint`)."""

    inspection: dict[str, Any] = {}
    isolation: str = ""
    fault: str = ""
    hint: str = ""


class Packed(msgspec.Struct):
    """One array. Numbers travel as their bytes in C order, text as a list."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes = b""
    text: list[str] = []


class Call(msgspec.Struct):
    batch: list[Packed]


class Reply(msgspec.Struct):
    """The outputs, or why there are none."""

    arrays: list[Packed] = []
    fault: str = ""
    hint: str = ""


def pack(arrays: Mapping[str, Array]) -> list[Packed]:
    return [
        Packed(name, "text", array.shape, text=[str(value) for value in array.ravel()])
        if array.dtype.kind in "OU"
        else Packed(name, array.dtype.name, array.shape, array.tobytes())
        for name, array in arrays.items()
    ]


def unpack(packed: list[Packed]) -> dict[str, Array]:
    """In the child: the batch, writable."""
    import numpy as np

    arrays: dict[str, Array] = {}
    for item in packed:
        if item.dtype == "text":
            arrays[item.name] = np.array(item.text, dtype=object).reshape(item.shape)
        else:
            arrays[item.name] = np.frombuffer(bytearray(item.data), dtype=item.dtype).reshape(item.shape)
    return arrays


def unpack_scores(packed: list[Packed], names: tuple[str, ...], rows: int) -> dict[str, Array]:
    """In the parent: the outputs of a child, the scores first. Raises ValueError for anything else than outputs of these names: scores are
    matrices of floats, what is beside them has numbers for each row."""
    import numpy as np

    arrays: dict[str, Array] = {}
    for item in packed:
        first = not arrays
        size = {"float32": 4, "float64": 8, "int64": 0 if first else 8}.get(item.dtype, 0)
        plain = len(item.shape) == 2 if first else 0 < len(item.shape) <= MOST_DIMENSIONS and min(item.shape) >= 0
        if not plain or item.shape[0] != rows or not size or len(item.data) != math.prod(item.shape) * size:
            what = "matrix of floats" if first else "array of numbers"
            raise ValueError(f"output {item.name[:100]!r} is no {what} with {rows} rows")
        arrays[item.name] = np.frombuffer(item.data, dtype=item.dtype).reshape(item.shape)
    if tuple(arrays) != names:
        raise ValueError(f"the outputs are not {', '.join(names)}")
    return arrays


def send(channel: socket.socket, message: msgspec.Struct, deadline: float | None = None) -> None:
    """Send one message, by `deadline` (monotonic seconds) at the latest. Raises OSError (TimeoutError in time), ValueError."""
    data = msgspec.msgpack.encode(message)
    _limit(channel, deadline)
    channel.sendall(len(data).to_bytes(_HEAD, "little"))
    channel.sendall(data)


def receive(channel: socket.socket, kind: type[Message], *, most: int = 1 << 40, deadline: float | None = None) -> Message:
    """The next message, of `most` bytes. Raises EOFError when the other side is gone, OSError, ValueError when it is no such message."""
    size = int.from_bytes(_exactly(channel, _HEAD, deadline), "little")
    if size > most:
        raise ValueError(f"a message of {size} bytes is too long")
    return msgspec.msgpack.decode(_exactly(channel, size, deadline), type=kind)


def _exactly(channel: socket.socket, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        _limit(channel, deadline)
        count = channel.recv_into(view[at:])
        if not count:
            raise EOFError("the other side is gone")
        at += count
    return data


def _limit(channel: socket.socket, deadline: float | None) -> None:
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        channel.settimeout(left)
