"""JSON: `{"features": {…}}`, `{"features": [{…}, …]}` or `{"columns": {name: [value, …], …}}`; answers as `wire.py` says.

Two paths. A decoder made from the schema takes rows whose features are all there, once, and of the right types; everything else is read
by a strict parser and judged value by value, so that every problem has its name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from gonogo.base.canonical import parse_json
from gonogo.model.encode import MOST_PROBLEMS, encoder_for
from gonogo.model.packing import record_of
from gonogo.model.predict import NOTHING, Also
from gonogo.model.schema import Schema
from gonogo.service.codec import Asked, judged
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import JSON, PROBLEM, RequestRefused, prediction_writer, to_json

SHAPE = 'The body must be {"features": {…}}, {"features": [{…}, …]} or {"columns": {name: [value, …], …}}'

_COLON = ord(":")


class RowsCodec:
    """Named rows in, predictions out. See `gonogo.service.codec.Codec`."""

    def __init__(self, schema: Schema, release: str, most_rows: int) -> None:
        self._encoder = encoder_for(schema)
        self._write = prediction_writer(schema, release)
        self._most_rows = most_rows
        self._width = len(schema.features)
        row, columns = self._encoder.packer.row_type, self._encoder.packer.columns_type
        self._row_type = row
        self._decode = None if row is None else _decoder(row, columns)

    def read(self, exchange: Exchange) -> Asked:
        body = exchange.body
        if self._decode is not None:
            try:
                given = self._decode(body)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                return self._carefully(body)
            # The decoder keeps the last of two equal keys. Every key has its colon, so more colons than keys are worth a strict look.
            features = given.features
            if type(features) is self._row_type:
                if body.count(b":") == 1 + self._width:
                    return Asked(self, 1, (record_of(features),))
            elif features is msgspec.UNSET:
                if given.columns is not msgspec.UNSET and body.count(b":") == 1 + self._width:
                    return self._by_columns(body, record_of(given.columns))
            elif 0 < len(features) <= self._most_rows and _colons(body) == 1 + self._width * len(features):
                return Asked(self, len(features), list(map(record_of, features)))
        return self._carefully(body)

    def _by_columns(self, body: bytes, columns: Sequence[list[Any]]) -> Asked:
        try:
            records = list(zip(*columns, strict=True))
        except ValueError:
            records = []
        if not 0 < len(records) <= self._most_rows:
            return self._carefully(body)
        return Asked(self, len(records), records)

    def _carefully(self, body: bytes) -> Asked:
        rows = _rows(read_json(body), self._most_rows)
        return Asked(self, len(rows), arrays=judged(self._encoder, rows, self._most_rows))

    def write(
        self, asked: Asked, prediction_id: str, labels: Sequence[str], scores: Sequence[Sequence[float]], also: Also = NOTHING
    ) -> tuple[bytes, bytes]:
        return JSON, self._write(prediction_id, labels, scores, also)

    def refuse(self, refusal: RequestRefused) -> tuple[int, bytes, bytes]:
        return refusal.status, PROBLEM, to_json(refusal.members())


def read_json(body: bytes) -> Any:
    """Any JSON, strictly: UTF-8, no key twice, no NaN. Raises RequestRefused."""
    if not body:
        raise RequestRefused(400, "The body is empty.")
    try:
        document = parse_json(body.decode())
        if b"\\u" in body:
            json.dumps(document, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        return document
    except ValueError as error:  # UnicodeDecodeError and UnicodeEncodeError are some
        raise RequestRefused(400, f"The body is no JSON that can be trusted: {error}.") from None


def rows_of(columns: dict[str, Any], most: int) -> list[dict[str, Any]]:
    """Columns as rows. Raises RequestRefused naming every column that is no list or of another length than most of them."""
    sizes = [len(values) for values in columns.values() if isinstance(values, list)]
    usual = max(set(sizes), key=sizes.count) if sizes else 0
    errors = [
        {"row": 0, "feature": name, "problem": "type", "message": f"{name!r} must be a list of values"}
        if not isinstance(values, list)
        else {"row": usual, "feature": name, "problem": "length", "message": f"{name!r} has {len(values)} values, not {usual}"}
        for name, values in columns.items()
        if not isinstance(values, list) or len(values) != usual
    ]
    if errors:
        raise RequestRefused(422, f"{len(errors)} column(s) are no list of {usual} values.", errors[:MOST_PROBLEMS])
    if usual > most:
        raise RequestRefused(413, f"A request may have {most} rows at most; this one has {usual}.")
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _colons(body: bytes) -> int:
    # `bytes.count` pays for each one that it finds: in a hundred rows of names four times what this does.
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == _COLON))


def _rows(document: Any, most: int) -> list[Any]:
    if not isinstance(document, dict):
        raise RequestRefused(422, f"{SHAPE}.")
    if document.keys() == {"columns"} and isinstance(document["columns"], dict):
        return rows_of(document["columns"], most)
    if document.keys() != {"features"} or not isinstance(document["features"], dict | list):
        raise RequestRefused(422, f"{SHAPE}.")
    features = document["features"]
    return [features] if isinstance(features, dict) else features


def _decoder(row: Any, columns: Any) -> Any:
    body = msgspec.defstruct(
        "Body",
        [("features", row | list[row] | msgspec.UnsetType, msgspec.UNSET), ("columns", columns | msgspec.UnsetType, msgspec.UNSET)],
        forbid_unknown_fields=True,
        gc=False,
    )
    return msgspec.json.Decoder(body).decode
