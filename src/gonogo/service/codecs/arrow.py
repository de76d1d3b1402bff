"""An Arrow IPC stream as the body: one column for each feature, null where a value is missing.

The answer is such a stream too, with the columns "label", "score" and one "scores.CLASS" for each class. Needs `gonogo[arrow]`.
Source: Apache Arrow Columnar Format 1.5, "IPC Streaming Format".
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from gonogo.model.encode import NAME_SHOWN, encoder_for
from gonogo.model.schema import Schema
from gonogo.service.codec import Asked, judged
from gonogo.service.codecs.rows import rows_of
from gonogo.service.exchange import Exchange
from gonogo.service.wire import PROBLEM, RequestRefused, to_json

ARROW = b"application/vnd.apache.arrow.stream"
_TYPES = {
    "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "HALF_FLOAT", "FLOAT", "DOUBLE", "STRING",
    "LARGE_STRING", "STRING_VIEW", "NULL",
}  # fmt: skip


class ArrowCodec:
    """See `gonogo.service.codec.Codec`."""

    def __init__(self, schema: Schema, most_rows: int) -> None:
        self._schema = schema
        self._encoder = encoder_for(schema)
        self._most_rows = most_rows

    def read(self, exchange: Exchange) -> Asked:
        rows = rows_of(self._columns(exchange.body), self._most_rows)
        return Asked(self, len(rows), arrays=judged(self._encoder, rows, self._most_rows))

    def _columns(self, body: bytes) -> dict[str, list[Any]]:
        arrow = _library()
        found: dict[str, list[Any]] = {}
        count = 0
        try:
            stream = arrow.ArrayStream(arrow.ipc.InputStream.from_readable(io.BytesIO(body)))
            fields = list(stream.schema.fields)
            names = [field.name for field in fields]
            if len(set(names)) != len(names):
                raise RequestRefused(400, "A column is there twice.")
            for field in fields:
                if field.type.name not in _TYPES:
                    holds = f"Column {str(field.name)[:NAME_SHOWN]!r} holds {field.type.name.lower()}"
                    raise RequestRefused(415, f"{holds}; numbers, booleans and text are read.")
            found = {name: [] for name in names}
            for chunk in stream:
                count += len(chunk)
                if count > self._most_rows:
                    raise RequestRefused(413, f"A request may have {self._most_rows} rows at most.")
                for place, name in enumerate(names):
                    found[name] += chunk.child(place).to_pylist()
        except (ValueError, TypeError, RuntimeError, OSError, MemoryError, NotImplementedError, KeyError) as error:
            raise RequestRefused(400, f"The body is no Arrow stream that can be read: {str(error)[:200]}.") from None
        return found

    def write(self, asked: Asked, prediction_id: str, labels: Sequence[str], scores: Sequence[Sequence[float]]) -> tuple[bytes, bytes]:
        arrow = _library()
        classes = self._schema.classes
        judged_at = [len(classes) - 1 if len(classes) == 2 else classes.index(label) for label in labels]
        columns: dict[str, tuple[Any, Any]] = {
            "label": (labels, arrow.string()),
            "score": ([row[place] for row, place in zip(scores, judged_at, strict=True)], arrow.float64()),
        }
        columns |= {f"scores.{name}": ([row[place] for row in scores], arrow.float64()) for place, name in enumerate(classes)}
        table = arrow.c_array_from_buffers(
            arrow.struct({name: kind for name, (_, kind) in columns.items()}),
            asked.rows,
            [None],
            children=[arrow.c_array(list(values), kind) for values, kind in columns.values()],
        )
        file = io.BytesIO()
        with arrow.ipc.StreamWriter.from_writable(file) as writer:
            writer.write_array(table)
        return ARROW, file.getvalue()

    def refuse(self, refusal: RequestRefused) -> tuple[int, bytes, bytes]:
        return refusal.status, PROBLEM, to_json(refusal.members())


def _library() -> ModuleType:
    try:
        import nanoarrow
        import nanoarrow.ipc
    except ImportError:
        raise RequestRefused(415, 'This service reads no Arrow streams; install it with "gonogo[arrow]", or send JSON.') from None
    library: ModuleType = nanoarrow
    return library
