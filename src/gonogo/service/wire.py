"""What goes over the wire as JSON: predictions and problems.

Answer:   `{"release": "sys@1.0.0", "prediction_id": "…", "predictions": [{"label": "1", "score": 0.93, "scores": {"0": …, "1": …}}]}`

Where the schema has outputs beside the scores, a prediction has them by name: `"also": {"start": [0.1, …], …}`.

`scores` has one entry a class; `score` is the score of the last class of a binary task (the one that `threshold` judges), and the
score of the label otherwise. Numbers are finite always: JSON has no NaN, and a model that says NaN has failed. Errors are RFC 9457
problem bodies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from gonogo.model.predict import NOTHING, Also
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

    def members(self) -> dict[str, Any]:
        """The members of an RFC 9457 problem body."""
        return _members(self.status, self.detail) | ({"errors": self.errors} if self.errors else {})


def problem(status: int, detail: str, **members: Any) -> tuple[bytes, bytes]:
    """Content type and body of an RFC 9457 problem."""
    return PROBLEM, to_json(_members(status, detail) | members)


def _members(status: int, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": _TITLES[status], "status": status, "detail": detail}


def to_json(value: Any) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell and UTF-8 cannot: a client's text in our refusal
        return json.dumps(value).encode()


def prediction_writer(schema: Schema, release: str) -> Callable[..., bytes]:
    """A function that writes an answer from prediction id, labels, scores (finite floats, rows × classes) and what is beside them."""
    classes = schema.classes
    judged = {name: -1 if len(classes) == 2 else index for index, name in enumerate(classes)}
    scores_of = _scores_type(classes)

    def write(prediction_id: str, names: Sequence[str], scores: Sequence[Sequence[float]], also: Also = NOTHING) -> bytes:
        if also:
            beside = [dict(zip(also, values, strict=True)) for values in zip(*(one.tolist() for one in also.values()), strict=True)]
            told = [
                _PredictionAndMore(name, row[judged[name]], scores_of(*row), more)
                for name, row, more in zip(names, scores, beside, strict=True)
            ]
            return _encode(_Answer(release, prediction_id, told))
        if len(names) == 1:  # most requests: spared the loop
            name, row = names[0], scores[0]
            return _encode(_Answer(release, prediction_id, [_Prediction(name, row[judged[name]], scores_of(*row))]))
        predictions = [_Prediction(name, row[judged[name]], scores_of(*row)) for name, row in zip(names, scores, strict=True)]
        return _encode(_Answer(release, prediction_id, predictions))

    return write


class _Prediction(msgspec.Struct, gc=False):
    label: str
    score: float
    scores: Any  #: by class


class _PredictionAndMore(_Prediction, gc=False):
    also: dict[str, Any]


class _Answer(msgspec.Struct, gc=False):
    release: str
    prediction_id: str
    predictions: Sequence[_Prediction]


def _scores_type(classes: Sequence[str]) -> Callable[..., Any]:
    """Takes a row's scores and becomes an object of them by class."""
    names = {f"c{number}": name for number, name in enumerate(classes)}
    try:
        return msgspec.defstruct("Scores", [(field, float) for field in names], rename=names, gc=False)
    except ValueError:  # a class with a quote, a backslash or a control character in its name
        return lambda *row: dict(zip(classes, row, strict=True))
