"""JSON rows: `{"features": {…}}` or `{"features": [{…}, …]}`; answers as `wire.py` says."""

from __future__ import annotations

from collections.abc import Sequence

from gonogo.model.schema import Schema
from gonogo.service.codec import Asked
from gonogo.service.exchange import Exchange
from gonogo.service.wire import JSON, PROBLEM, RequestRefused, prediction_writer, read_rows


class RowsCodec:
    """Named rows in, predictions out. See `gonogo.service.codec.Codec`."""

    def __init__(self, schema: Schema, release: str, most_rows: int) -> None:
        self._write = prediction_writer(schema, release)
        self._most_rows = most_rows

    def read(self, exchange: Exchange) -> Asked:
        return Asked(read_rows(exchange.body, self._most_rows))

    def write(self, asked: Asked, prediction_id: str, labels: Sequence[str], scores: Sequence[Sequence[float]]) -> tuple[bytes, bytes]:
        return JSON, self._write(prediction_id, labels, scores)

    def refuse(self, refusal: RequestRefused) -> tuple[int, bytes, bytes]:
        return refusal.status, PROBLEM, refusal.body()
