"""A bucket of the history as bytes: small, because there are thousands; and the format before, which is read for ever.

Format 2: the byte 2; the number of the bucket's names in the table `layout` (varint); what is deflated, its length before it (varint); the
rest, the scores' 1024 bins, deflated by themselves, because their numbers are of another kind.

    names     JSON {"numbers": names, "features": {name: bins}, "outside": names}, the same for thousands of buckets
    reals     float64 each of `REAL`, little endian
    columns   of whole numbers, one after the other: numbers, outside, all features' bins, score, buckets of latency (differences), their
              counts; apart from these: fine. Each: varint length, the width (1, 2, 4 or 8 bytes), all lowest bytes, then all next ones, …

Equal places of numbers lie together, which is what deflate likes: a third less than JSON (format 1: deflated JSON of `Counts.to_json`).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gonogo.monitor.counts import NUMBERS, Counts
from gonogo.stats.bins import Array

FORMAT = 2
LEVEL = 9  #: of compression
WIDTHS = (1, 2, 4, 8)
WHOLE = tuple(name for name in NUMBERS if type(getattr(Counts(), name)) is int)
REAL = tuple(name for name in NUMBERS if name not in WHOLE)


def names_of(counts: Counts) -> str:
    """What stands in the table `layout` for such a bucket."""
    features = {name: len(bins) for name, bins in counts.features.items()}
    names = {"numbers": WHOLE, "features": features, "outside": list(counts.outside)}
    return json.dumps(names, ensure_ascii=False, separators=(",", ":"))


def pack(counts: Counts, layout: int) -> bytes:
    """`layout` is the number of the bucket's names. Raises ValueError for a count below zero or beyond 64 bits, which cannot be."""
    latency = sorted((int(bucket), times) for bucket, times in counts.latency.items() if times)
    buckets = [bucket for bucket, _ in latency]
    columns: list[Sequence[int]] = [
        [getattr(counts, name) for name in WHOLE],
        list(counts.outside.values()),
        [count for bins in counts.features.values() for count in bins],
        counts.score,
        [bucket - before for bucket, before in zip(buckets, [0, *buckets], strict=False)],
        [times for _, times in latency],
    ]
    reals = struct.pack(f"<{len(REAL)}d", *(getattr(counts, name) for name in REAL))
    first = zlib.compress(b"".join([reals, *map(_column, columns)]), LEVEL)
    second = zlib.compress(_column(counts.fine), LEVEL) if counts.fine else b""
    return b"".join([bytes([FORMAT]), _varint(layout), _varint(len(first)), first, second])


def layout_of(data: bytes) -> int | None:
    """The number of the names of a packed bucket; None for one of format 1, which has them within."""
    return _read_varint(data, 1)[0] if data[:1] == bytes([FORMAT]) else None


def unpack(data: bytes, names: Mapping[str, Any] | None) -> Counts:
    """Inverse of `pack`, with the names that stand for its layout; reads format 1, too. Raises ValueError when it is damaged or of a later
    format."""
    try:
        if names is None:
            return Counts.from_json(json.loads(zlib.decompress(data)))
        size, place = _read_varint(data, _read_varint(data, 1)[1])
        second = data[place + size :]
        fine = next(_columns(zlib.decompress(second), 0)) if second else []
        return _read(zlib.decompress(data[place : place + size]), fine, names)
    except (zlib.error, struct.error, IndexError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise ValueError(f"a bucket is damaged: {error!r}") from error


def _read(body: bytes, fine: list[int], names: Mapping[str, Any]) -> Counts:
    reals = struct.unpack_from(f"<{len(REAL)}d", body)
    numbers, outside, bins, score, buckets, times = _columns(body, 8 * len(REAL))
    taken, features = iter(bins), dict[str, tuple[int, ...]]()
    for name, length in names["features"].items():
        features[name] = tuple(next(taken) for _ in range(length))
    known = {name: number for name, number in zip(names["numbers"], numbers, strict=True) if name in WHOLE}
    return Counts(
        **known,
        **dict(zip(REAL, reals, strict=True)),
        latency={str(bucket): count for bucket, count in zip(np.cumsum(buckets, dtype=np.int64).tolist(), times, strict=True)},
        features=features,
        outside=dict(zip(names["outside"], outside, strict=True)),
        score=tuple(score),
        fine=tuple(fine),
    )


def _column(numbers: Sequence[int]) -> bytes:
    try:
        wide: Array = np.array(numbers, dtype="<u8")
    except OverflowError as error:
        raise ValueError(f"a count cannot be: {error}") from error
    most = int(wide.max()) if len(wide) else 0
    width = next(width for width in WIDTHS if most < 1 << 8 * width)
    return _varint(len(wide)) + bytes([width]) + wide.view(np.uint8).reshape(-1, 8)[:, :width].T.tobytes()


def _columns(body: bytes, place: int) -> Iterator[list[int]]:
    while place < len(body):
        size, place = _read_varint(body, place)
        width = body[place]
        raw = np.frombuffer(body, dtype=np.uint8, count=size * width, offset=place + 1).reshape(width, size)
        wide = np.zeros((size, 8), dtype=np.uint8)
        wide[:, :width] = raw.T
        yield wide.view("<u8").reshape(size).tolist()
        place += 1 + size * width


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _read_varint(body: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = body[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7
