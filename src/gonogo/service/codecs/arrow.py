"""An Arrow IPC stream as the body: one column for each feature, null where a value is missing; a tensor is nested lists, as in JSON.

The answer is such a stream too, with the columns "label", "score", one "scores.CLASS" for each class, and lists as "also.OUTPUT" where
there is something beside the scores. Needs `gonogo[arrow]`.
Read by pyarrow, whose reader was made to be attacked, and validated whole before a value is looked at; the smaller nanoarrow ends the
process on some streams of a few hundred bytes (`tests/properties/seeds/*.arrow`). Compressed buffers are refused: they say themselves how
large they will be. Source: Apache Arrow Columnar Format 1.5, "IPC Streaming Format".
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from struct import error as StructError
from struct import unpack_from
from types import ModuleType
from typing import Any

from gonogo.model.encode import NAME_SHOWN, encoder_for
from gonogo.model.predict import NOTHING, Also
from gonogo.model.schema import Schema
from gonogo.service.codec import Asked, judged
from gonogo.service.codecs.rows import rows_of
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import PROBLEM, RequestRefused, to_json

ARROW = b"application/vnd.apache.arrow.stream"
_MOST_COLUMNS = 2  #: times the number of features, and a few: columns may share their bytes, so that their number bounds what they become
_MOST_BESIDE_BYTES = 8  #: elements of lists for each byte of the body: a boolean takes a bit, and a list of nothing takes none


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
        buffer = arrow.py_buffer(body)
        try:
            for number, message in enumerate(arrow.ipc.MessageReader.open_stream(buffer)):
                if message.type != ("record batch" if number else "schema") or (number and _compressed(message.metadata.to_pybytes())):
                    raise RequestRefused(415, "A schema and plain record batches are read: no dictionaries, no compressed buffers.")
            with arrow.ipc.open_stream(buffer) as stream:
                self._check(arrow, stream.schema)
                return self._values(arrow, stream, len(body))
        # What a reader in C++ raises; a table that is not where it should be.
        except (arrow.ArrowException, ValueError, TypeError, OSError, MemoryError, OverflowError, StructError) as error:
            raise RequestRefused(400, f"The body is no Arrow stream that can be read: {str(error)[:200]}.") from None

    def _check(self, arrow: ModuleType, schema: Any) -> None:
        if len(set(schema.names)) != len(schema.names):
            raise RequestRefused(400, "A column is there twice.")
        if len(schema.names) > _MOST_COLUMNS * len(self._schema.features) + 16:
            raise RequestRefused(422, f"There are {len(schema.names)} columns; the model has {len(self._schema.features)} features.")
        types = arrow.types
        read = (types.is_boolean, types.is_integer, types.is_floating, types.is_string, types.is_large_string, types.is_null)
        for field in schema:
            kind = _of_elements(arrow, field.type) if self._schema.has_tensors else field.type
            if not any(is_read(kind) for is_read in read):
                holds = f"Column {str(field.name)[:NAME_SHOWN]!r} holds {str(field.type)[:NAME_SHOWN]}"
                raise RequestRefused(415, f"{holds}; numbers, booleans and text are read.")

    def _values(self, arrow: ModuleType, stream: Any, size: int) -> dict[str, list[Any]]:
        names = stream.schema.names
        found: dict[str, list[Any]] = {name: [] for name in names}
        count = elements = 0
        most = min(_MOST_BESIDE_BYTES * size, self._most_rows * self._schema.width)
        for batch in stream:
            batch.validate(full=True)
            count += batch.num_rows
            if count > self._most_rows:
                raise RequestRefused(413, f"A request may have {self._most_rows} rows at most.")
            for name, column in zip(names, batch.columns, strict=True):
                elements += _elements(arrow, column)
                if elements > most:
                    shown = str(name)[:NAME_SHOWN]
                    raise RequestRefused(413, f"With column {shown!r} there are {elements} values in lists; this request may have {most}.")
                half = arrow.types.is_float16(_of_elements(arrow, column.type))
                found[name] += (column.cast(_wider(arrow, column.type)) if half else column).to_pylist()
        return found

    def write(
        self, asked: Asked, prediction_id: str, labels: Sequence[str], scores: Sequence[Sequence[float]], also: Also = NOTHING
    ) -> tuple[bytes, bytes]:
        arrow = _library()
        classes = self._schema.classes
        judged_at = [len(classes) - 1 if len(classes) == 2 else classes.index(label) for label in labels]
        columns = {
            "label": arrow.array(labels, arrow.string()),
            "score": arrow.array([row[place] for row, place in zip(scores, judged_at, strict=True)], arrow.float64()),
        }
        columns |= {f"scores.{name}": arrow.array([row[place] for row in scores], arrow.float64()) for place, name in enumerate(classes)}
        columns |= {f"also.{name}": arrow.array(values.tolist()) for name, values in also.items()}
        table = arrow.record_batch(columns)
        file = io.BytesIO()
        with arrow.ipc.new_stream(file, table.schema) as writer:
            writer.write_batch(table)
        return ARROW, file.getvalue()

    def refuse(self, refusal: RequestRefused) -> tuple[int, bytes, bytes]:
        return refusal.status, PROBLEM, to_json(refusal.members())


def _is_list(arrow: ModuleType, kind: Any) -> bool:
    types = arrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _of_elements(arrow: ModuleType, kind: Any) -> Any:
    """The type of what nested lists hold in the end; of anything else itself."""
    while _is_list(arrow, kind):
        kind = kind.value_type
    return kind


def _wider(arrow: ModuleType, kind: Any) -> Any:
    """The type of lists of halves, or of halves, as one of floats: older readers make no Python numbers of halves."""
    return arrow.list_(_wider(arrow, kind.value_type)) if _is_list(arrow, kind) else arrow.float32()


def _elements(arrow: ModuleType, column: Any) -> int:
    """How many lists and values Python would make of a column of lists, counted without making them; 0 of a column of single values."""
    count = 0
    while _is_list(arrow, column.type):
        column = column.flatten()
        count = max(count, len(column))
    return count


def _compressed(metadata: bytes) -> bool:
    """Whether a record batch's message (a flatbuffer, checked by the reader) has its field `compression`."""

    def place(table: int, field: int) -> int:
        vtable = table - unpack_from("<i", metadata, table)[0]
        slot = 4 + 2 * field
        return int(unpack_from("<H", metadata, vtable + slot)[0]) if slot < unpack_from("<H", metadata, vtable)[0] else 0

    message = unpack_from("<I", metadata, 0)[0]
    header = message + place(message, 2)
    return place(header + unpack_from("<I", metadata, header)[0], 3) != 0


def _library() -> ModuleType:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise RequestRefused(415, 'This service reads no Arrow streams; install it with "gonogo[arrow]", or send JSON.') from None
    library: ModuleType = pyarrow
    return library
