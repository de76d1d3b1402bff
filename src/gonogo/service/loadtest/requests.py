"""What is sent: rows in rotation, one a request, and the bundle's golden requests spread evenly among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.service.client import request_bytes
from gonogo.service.wire import to_json

Row = Mapping[str, Any]
EVERY = 10  #: one request in so many is a golden one


@dataclass(frozen=True)
class Golden:
    """Requests with the scores that they must get: golden.json of a bundle. `scores` are by row and class."""

    classes: Sequence[str]
    tolerance: float
    requests: Sequence[tuple[Sequence[Row], Sequence[Sequence[float]]]]

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Golden:
        pairs = [(request["rows"], request["scores"]) for request in document["requests"]]
        return cls(list(document["classes"]), float(document["tolerance"]), pairs)


@dataclass(frozen=True)
class Payload:
    """One request, whole. `number` is the same for what must be answered the same; `expected` are the scores by row and class name."""

    number: int
    sent: bytes
    expected: Sequence[Mapping[str, float]] | None = None
    tolerance: float = 0.0


def payloads(rows: Sequence[Row], golden: Golden | None, target: str, host: str, headers: bytes) -> list[Payload]:
    """What is sent in rotation: every `EVERY`th request is golden, the rest are the rows."""
    head = b"content-type: application/json\r\n" + headers

    def request(features: Row | Sequence[Row]) -> bytes:
        return request_bytes("POST", target, host, to_json({"features": features}), head)

    plain = [Payload(number, request(row)) for number, row in enumerate(rows)]
    if golden is None or not golden.requests:
        return plain
    checked = [
        Payload(
            len(rows) + number,
            request(asked[0] if len(asked) == 1 else asked),
            [dict(zip(golden.classes, row, strict=True)) for row in scores],
            golden.tolerance,
        )
        for number, (asked, scores) in enumerate(golden.requests)
    ]
    turns = max(len(checked), -(-len(plain) // (EVERY - 1)))
    return [
        payload
        for turn in range(turns)
        for payload in (checked[turn % len(checked)], *(plain[(turn * (EVERY - 1) + step) % len(plain)] for step in range(EVERY - 1)))
    ]
