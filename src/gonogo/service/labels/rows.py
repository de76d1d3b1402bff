"""The rows of a prediction frame (`prediction_log/frames.py`), as the label store keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gonogo.model.runtime import Array
from gonogo.model.slices import Slices, members, slice_name
from gonogo.service.prediction_log.frames import read_array


def rows_of(frame: Mapping[str, Any], release: int, hour: int) -> Iterable[tuple[Any, ...]]:
    """(id, row, rows, release, hour, score, predicted) of each row."""
    counts, classes = frame["rows"], len(frame["classes"])
    scores = np.frombuffer(frame["scores"], dtype=np.float64).reshape(sum(counts), classes)
    predicted = scores.argmax(axis=1)
    score = scores[:, 1] if classes == 2 else scores.max(axis=1)
    at = 0
    for prediction_id, count in zip(frame["ids"], counts, strict=True):
        for row in range(count):
            yield prediction_id, row, count, release, hour, float(score[at]), int(predicted[at])
            at += 1


def slices_of(frame: Mapping[str, Any], slices: Slices) -> tuple[list[str], Array]:
    """Names of the declared slices that the frame's features have, and which rows are in them: bool [rows, slices]."""
    names: list[str] = []
    columns: list[Array] = []
    for feature, _, graph_input, column in frame["features"]:
        for value in slices.get(feature, ()) if column is not None else ():
            names.append(slice_name(feature, value))
            columns.append(members(read_array(frame["inputs"][graph_input])[:, column], value))
    rows = sum(frame["rows"])
    return names, np.stack(columns, axis=1) if columns else np.zeros((rows, 0), dtype=bool)
