"""What goes over the wire: the request's rows in, predictions and problems out.

Request:  `{"features": {…}}` for one row, `{"features": [{…}, …]}` for several.
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

from gonogo.base.canonical import parse_json
from gonogo.model.schema import Schema

JSON = b"application/json"
PROBLEM = b"application/problem+json"
Rows = list[dict[str, Any]]
_TITLES = {int(status): status.phrase for status in HTTPStatus}


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    features: dict[str, Any] | list[dict[str, Any]]


_decode = msgspec.json.Decoder(_Body).decode
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


def read_rows(body: bytes, most: int) -> Rows:
    """The rows of a request. Raises RequestRefused: 400 when it is not JSON, 422 when it is not a request, 413 above `most` rows."""
    try:
        features = _decode(body).features
    except msgspec.ValidationError as error:
        raise RequestRefused(422, f'The body must be {{"features": {{…}}}} or {{"features": [{{…}}, …]}}: {error}.') from None
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise RequestRefused(400, f"The body is not JSON: {error}." if body else "The body is empty.") from None
    # The decoder keeps the last of two equal keys. Every key has its colon, so more colons than keys are worth a strict look.
    if body.count(b":") > 1 + (len(features) if isinstance(features, dict) else sum(map(len, features))):
        _refuse_twins(body)
    if isinstance(features, dict):
        return [features]
    if not features:
        raise RequestRefused(422, 'There are no rows in "features".')
    if len(features) > most:
        raise RequestRefused(413, f"A request may have {most} rows at most; this one has {len(features)}.")
    return features


def _refuse_twins(body: bytes) -> None:
    try:
        parse_json(body)
    except ValueError as error:
        raise RequestRefused(400, f"The body is ambiguous JSON: {error}.") from None


def problem(status: int, detail: str, **members: Any) -> tuple[bytes, bytes]:
    """Content type and body of an RFC 9457 problem."""
    return PROBLEM, _encode({"type": "about:blank", "title": _TITLES[status], "status": status, "detail": detail, **members})


def to_json(value: Any) -> bytes:
    return _encode(value)


def prediction_writer(schema: Schema, release: str) -> Callable[[str, Sequence[str], Sequence[Sequence[float]]], bytes]:
    """A function that writes an answer from prediction id, labels and scores (finite floats, rows × classes).

    The fixed parts are encoded once per release: for one row the whole answer is one formatting operation.
    """
    head = f'{{"release":{_text(release)},"prediction_id":"'
    labels = {name: _text(name) for name in schema.classes}
    binary = len(schema.classes) == 2
    position = {name: index for index, name in enumerate(schema.classes)}
    keys = [f"{_text(name)}:".replace("%", "%%") for name in schema.classes]
    pattern = '{"label":%s,"score":%r,"scores":{' + ",".join(key + "%r" for key in keys) + "}}"

    def write(prediction_id: str, names: Sequence[str], scores: Sequence[Sequence[float]]) -> bytes:
        rows = ",".join(
            pattern % (labels[name], row[-1] if binary else row[position[name]], *row) for name, row in zip(names, scores, strict=True)
        )
        return f'{head}{prediction_id}","predictions":[{rows}]}}'.encode()

    return write


def _text(value: str) -> str:
    return _encode(value).decode()
