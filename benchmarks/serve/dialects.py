"""How each server wants to be asked for the same rows, and where its answer has the share of class 1.

The numbers of a row are the same text in every dialect.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Rows = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Dialect:
    """`marker` is in every answer with a prediction and in no other; `shares` reads class 1's share of each row from an answer."""

    path: str
    marker: str
    body: Callable[[Rows], Any]
    shares: Callable[[Any], list[float]]
    headers: str = ""  #: whole lines

    def request(self, rows: Rows) -> bytes:
        """A whole HTTP request."""
        body = json.dumps(self.body(rows), separators=(",", ":")).encode()
        kind = "content-type: application/json\r\n"
        head = f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{kind}content-length: {len(body)}\r\n{self.headers}\r\n"
        return head.encode() + body


def _tensor(name: str) -> Callable[[Rows], Any]:
    def body(rows: Rows) -> Any:
        return {
            "inputs": [{"name": name, "shape": [len(rows), len(rows[0])], "datatype": "FP32", "data": [x for row in rows for x in row]}]
        }

    return body


def _tensor_shares(answer: Any) -> list[float]:
    data = next(output["data"] for output in answer["outputs"] if output["datatype"].startswith("FP") and output["shape"][-1] == 2)
    return [float(value) for value in data[1::2]]


def dialect(name: str, names: Sequence[str], system: str = "small") -> Dialect:
    """The dialect of that name, for features of these names."""
    pairs = lambda answer: [row[1] for row in answer["predictions"]]  # noqa: E731 - read once, here
    found = {
        "instances": lambda: Dialect("/predict", '"predictions"', lambda rows: {"instances": [list(row) for row in rows]}, pairs),
        "kserve": lambda: Dialect(
            "/v1/models/forest:predict", '"predictions"', lambda rows: {"instances": [list(row) for row in rows]}, pairs
        ),
        "mlflow": lambda: Dialect("/invocations", '"predictions"', lambda rows: {"inputs": [list(row) for row in rows]}, pairs),
        "oip": lambda: Dialect("/v2/models/forest/infer", '"outputs"', _tensor("X"), _tensor_shares),
        "ours": lambda: Dialect("/predict", '"predictions"', lambda rows: _named(rows, names), _our_shares),
        "ours_columns": lambda: Dialect("/predict", '"predictions"', lambda rows: _by_columns(rows, names), _our_shares),
        "ours_oip": lambda: Dialect(f"/v2/models/{system}/infer", '"outputs"', _tensor("X"), _tensor_shares),
    }
    return found[name]()


def _named(rows: Rows, names: Sequence[str]) -> Any:
    named = [dict(zip(names, row, strict=True)) for row in rows]
    return {"features": named[0] if len(named) == 1 else named}


def _by_columns(rows: Rows, names: Sequence[str]) -> Any:
    return {"columns": dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))}


def _our_shares(answer: Any) -> list[float]:
    return [float(row["scores"]["1"]) for row in answer["predictions"]]
