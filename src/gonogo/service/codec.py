"""The seam of the wire formats: a codec reads a request's rows and writes its answer. One file in `codecs/` each.

A codec knows one spelling of a request and nothing of models, routes or connections. It accepts a request whole or refuses it whole, and
what it accepts is what `gonogo.model.encode` accepts: every spelling of the same rows is judged alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from gonogo.model.encode import MOST_PROBLEMS, RowEncoder, RowErrors
from gonogo.model.packing import Record
from gonogo.model.predict import NOTHING, Also
from gonogo.model.runtime import Array
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import RequestRefused


class Asked(msgspec.Struct):
    """What a request asks for: `rows` rows, as records (see `gonogo.model.packing`) or as arrays by graph input, never both.

    The sizes of a record's numbers are still to be judged; arrays have been. `state` is the codec's own, for writing the answer.
    """

    codec: Codec  #: who writes the answer
    rows: int
    records: Sequence[Record] | None = None
    arrays: dict[str, Array] | None = None
    state: Any = None


class Codec(Protocol):
    def read(self, exchange: Exchange) -> Asked:
        """The request's rows. Raises RequestRefused."""

    def write(
        self, asked: Asked, prediction_id: str, labels: Sequence[str], scores: Sequence[Sequence[float]], also: Also = NOTHING
    ) -> tuple[bytes, bytes]:
        """Content type and body of the answer: one label and one list of finite scores, a number a class, for each row; and what the
        schema has beside them."""

    def refuse(self, refusal: RequestRefused) -> tuple[int, bytes, bytes]:
        """Status, content type and body for a request that cannot be answered."""


def arrays_of(encoder: RowEncoder, asked: Asked) -> dict[str, Array]:
    """What one request asks for, as arrays by graph input. Raises RowErrors."""
    return asked.arrays if asked.arrays is not None else encoder.encode_records(asked.records or ())


def judged(encoder: RowEncoder, rows: Sequence[Any], most: int) -> dict[str, Array]:
    """Rows as objects of features, as arrays. Raises RequestRefused: 413 above `most` rows, 422 naming every value that cannot be used."""
    if len(rows) > most:
        raise RequestRefused(413, f"A request may have {most} rows at most; this one has {len(rows)}.")
    try:
        return encoder.encode(rows)
    except RowErrors as error:
        raise refused_rows(error) from None


def refused_rows(error: RowErrors) -> RequestRefused:
    listed = f" The first {MOST_PROBLEMS} are listed." if error.total > MOST_PROBLEMS else ""
    return RequestRefused(422, f"{error.total} value(s) cannot be used.{listed}", error.errors)
