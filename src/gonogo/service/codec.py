"""The seam of the wire formats: a codec reads a request's rows and writes its answer. One file in `codecs/` each.

A codec knows one spelling of a request and nothing of models, routes or connections. It accepts a request whole or refuses it whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gonogo.service.exchange import Exchange
from gonogo.service.wire import RequestRefused, Rows


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for. `state` is the codec's own, for writing the answer."""

    rows: Rows
    state: Any = None


class Codec(Protocol):
    def read(self, exchange: Exchange) -> Asked:
        """The request's rows. Raises RequestRefused."""

    def write(self, asked: Asked, prediction_id: str, labels: Sequence[str], scores: Sequence[Sequence[float]]) -> tuple[bytes, bytes]:
        """Content type and body of the answer: one label and one list of finite scores, a number a class, for each row."""

    def refuse(self, refusal: RequestRefused) -> tuple[int, bytes, bytes]:
        """Status, content type and body for a request that cannot be answered."""
