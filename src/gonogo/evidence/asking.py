"""Asking a service questions: JSON out, JSON in, and what a prediction looks like on the wire.

The wire format is the service's (`service/wire.py`); a check sees it as any client would.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.base.canonical import parse_json
from gonogo.errors import DataError
from gonogo.evidence.inputs import BundleView, Endpoint, ResponseView

JSON = {"content-type": "application/json"}
ROUNDING = 1e-4  #: a float32 probability may lie this far outside [0, 1] without being wrong


def predict(endpoint: Endpoint, rows: Sequence[Mapping[str, Any]]) -> ResponseView:
    """Ask for the predictions of rows; one row is sent as one object. Raises UnreachableError."""
    features = dict(rows[0]) if len(rows) == 1 else [dict(row) for row in rows]
    return endpoint.request("POST", "/predict", json.dumps({"features": features}).encode(), JSON)


def json_object(response: ResponseView) -> dict[str, Any]:
    """The answer's body as an object; empty when it is none."""
    try:
        value = parse_json(response.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def predicted_scores(response: ResponseView, classes: Sequence[str], rows: int) -> list[list[float]]:
    """The scores of an answer in the order of `classes`. Raises ValueError, saying what is wrong, when it is no right answer."""
    if response.status != 200:
        raise ValueError(f"status {response.status}: {str(json_object(response).get('detail', ''))[:200]}")
    predictions = json_object(response).get("predictions")
    if not isinstance(predictions, list) or len(predictions) != rows:
        raise ValueError(f"not {rows} predictions")
    found = []
    for prediction in predictions:
        scores = prediction.get("scores") if isinstance(prediction, dict) else None
        if not isinstance(scores, dict) or set(scores) != set(classes):
            raise ValueError("a prediction without a score for each class")
        if prediction.get("label") not in classes:
            raise ValueError(f"the label {str(prediction.get('label'))[:60]!r}, which is no class")
        values = [scores[name] for name in classes]
        if not all(type(value) in (int, float) and -ROUNDING <= value <= 1 + ROUNDING for value in values):
            raise ValueError("a score that is no probability")
        found.append([float(value) for value in values])
    return found


def right_row(bundle: BundleView) -> dict[str, Any]:
    """A row that the service must accept: the first of the golden requests. Raises DataError when there is none."""
    requests = bundle.golden.get("requests")
    if isinstance(requests, list) and requests and isinstance(requests[0], Mapping):
        rows = requests[0].get("rows")
        if isinstance(rows, list) and rows and isinstance(rows[0], Mapping) and set(rows[0]) == set(bundle.schema.feature_names):
            return dict(rows[0])
    raise DataError("the bundle has no golden request to start from.")
