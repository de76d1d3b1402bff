"""What goes over the wire as JSON: predictions and problems.

Answer:   `{"release": "sys@1.0.0", "prediction_id": "…", "predictions": [{"label": "1", "score": 0.93, "scores": {"0": …, "1": …}}]}`

`scores` has one entry a class; `score` is the score of the last class of a binary task (the one that `threshold` judges), and the
score of the label otherwise. Numbers are finite always: JSON has no NaN, and a model that says NaN has failed. Errors are RFC 9457
problem bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from gonogo.model.schema import Schema

JSON = b"application/json"
PROBLEM = b"application/problem+json"
_TITLES = {int(status): status.phrase for status in HTTPStatus}


_encode = msgspec.json.Encoder().encode


class RequestRefused(Exception):
    """The request cannot be answered with predictions. `errors` lists {row, feature, problem, message}."""

    def __init__(self, status: int, detail: str, errors: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)

    def body(self) -> bytes:
        return problem(self.status, self.detail, **({"errors": self.errors} if self.errors else {}))[1]


def problem(status: int, detail: str, **members: Any) -> tuple[bytes, bytes]:
    """Content type and body of an RFC 9457 problem."""
    return PROBLEM, _encode({"type": "about:blank", "title": _TITLES[status], "status": status, "detail": detail, **members})


def to_json(value: Any) -> bytes:
    return _encode(value)


def prediction_writer(schema: Schema, release: str) -> Callable[[str, Sequence[str], Sequence[Sequence[float]]], bytes]:
    """A function that writes an answer from prediction id, labels and scores (finite floats, rows × classes).

    The fixed parts are encoded once per release: for one row the whole answer is one formatting operation.
    """
    head = f'{{"release":{_text(release)},"prediction_id":"'.replace("%", "%%")
    texts = {name: _text(name) for name in schema.classes}
    position = {name: index for index, name in enumerate(schema.classes)}
    keys = [f"{_text(name)}:".replace("%", "%%") for name in schema.classes]
    # A binary score is written twice and formatted once.
    values = (keys[0] + "%r", keys[1] + "%s") if len(keys) == 2 else tuple(key + "%r" for key in keys)
    one = '{"label":%s,"score":%s,"scores":{' + ",".join(values) + "}}"
    whole = f'{head}%s","predictions":[{one}]}}'

    def binary(name: str, row: Sequence[float]) -> tuple[Any, ...]:
        low, high = row
        score = repr(high)
        return texts[name], score, low, score

    def many(name: str, row: Sequence[float]) -> tuple[Any, ...]:
        return texts[name], repr(row[position[name]]), *row

    fields = binary if len(keys) == 2 else many

    def write(prediction_id: str, names: Sequence[str], scores: Sequence[Sequence[float]]) -> bytes:
        if len(names) == 1:
            return (whole % (prediction_id, *fields(names[0], scores[0]))).encode()
        rows = ",".join([one % fields(name, row) for name, row in zip(names, scores, strict=True)])
        return f'{head % ()}{prediction_id}","predictions":[{rows}]}}'.encode()

    return write


def _text(value: str) -> str:
    return _encode(value).decode()
