"""The baseline: frozen bins and counts of all that is measured and of the score, against which live traffic is compared.

Bins are fixed once, here, so that counts of later windows can be added and compared (research: monitoring, sections 2.1 and 3.1). No row
of a table is in it: numeric edges are quantiles as float32, a category that fewer than `ENOUGH` rows share goes to "other", the ends of a
range have as many rows beyond them, and scores stand together in groups of as many. The last of a feature's counts is that of missing
values.

Features are counted on the training table, because that is what the model knows; a tensor (a window, an image) by the summaries of its
channels, `Schema.measured`. The score is counted on the test table: a forest is more certain on the rows that it was grown on than it will
be on any other, and that would look like drift. Its table of scores and outcomes is what calibration, expectation without labels and the
fall of quality start from; of more than two classes the confusion matrix is what precision, recall and F1 start from. It says how many rows
of a class were taken for another, of no row which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError
from gonogo.model.runtime import Array
from gonogo.model.schema import Measured, Schema
from gonogo.model.slices import Slices, members, slice_name
from gonogo.model.summaries import measured_table
from gonogo.stats.bins import as_float32, fit_categorical, fit_numeric
from gonogo.stats.classification import confusion_matrix
from gonogo.stats.confusion import MOST_CLASSES
from gonogo.stats.score_table import ScoreTable, pooled, score_bin

BEFORE, FORMAT = "gonogo-baseline/1", "gonogo-baseline/2"
OF_MORE = "gonogo-baseline/3"  #: with tensors, or a confusion matrix of more than two classes
ENOUGH = 5
BINS = 10
CATEGORIES = 20
TAIL = 0.001  #: share of the rows beyond each end of a range
MOST_READ = 256  #: tables and matrices that are remembered: of two releases with sixty slices each
_READ: dict[int, tuple[Any, Any]] = {}
ROUNDING = 1e-6  #: so far from 0 and 1 a score may be and still be a probability in float32


def make_baseline(
    schema: Schema,
    table: Table,
    scores: Array,
    labels: Array,
    *,
    source: str = "train",
    score_source: str = "test",
    parts: Mapping[str, Array] | None = None,
) -> dict[str, Any]:
    """The document baseline.json.

    `table` holds the features' columns; `scores` float64 [n, classes] and `labels` int64 [n] (class indices) are of the rows that the
    score is counted on. The score is that of the last class of a binary task, else the highest of each row. `parts`: which of these rows
    are in each slice (`slice_parts`).
    """
    binary = schema.task == "binary-classification"
    score = scores[:, 1] if binary else scores.max(axis=1)
    right = labels if binary else scores.argmax(axis=1) == labels
    threshold = schema.threshold if binary else 0.0
    large = {name: rows for name, rows in (parts or {}).items() if rows.sum() >= ENOUGH}
    tables = {name: _outcomes(score[rows], right[rows], threshold) for name, rows in large.items()}
    slices = {name: found["table"] for name, found in tables.items() if found}
    shares = np.bincount(labels, minlength=len(schema.classes)) / len(labels)
    measured = measured_table(schema, table)
    confusions = {}
    if 2 < len(schema.classes) <= MOST_CLASSES:
        every = {"": np.ones(len(labels), dtype=bool), **large}
        confusions = {name: _cells(scores[rows], labels[rows]) for name, rows in every.items()}
    return {
        "format": OF_MORE if confusions or schema.has_tensors else FORMAT,
        "source": source,
        "rows": table.rows,
        "features": {item.name: _feature(item, measured.column(item.name)) for item in schema.measured},
        "score": {
            "source": score_source,
            "rows": len(score),
            "of": "last class" if binary else "highest",
            **_numeric(score),
            **({"threshold": schema.threshold} if binary else {}),
            **_outcomes(score, right, threshold),
        },
        **({"slices": slices} if slices else {}),
        **({"confusions": confusions} if confusions else {}),
        "classes": {name: float(share) for name, share in zip(schema.classes, shares, strict=True)},
    }


def slice_parts(schema: Schema, table: Table, slices: Slices) -> dict[str, Array]:
    """Which rows of the table are in each declared slice, bool [rows] by the slice's name. Raises DataError for what is no feature, or a
    tensor."""
    known = {feature.name: feature for feature in schema.features}
    hint = "Mend `monitor.labels.slices` in gonogo.yaml."
    if unknown := sorted(set(slices) - known.keys()):
        raise DataError(f"no feature is called {', '.join(unknown)}, of which slices are declared.", hint=hint)
    if tensors := [name for name in slices if known[name].tensor is not None]:
        raise DataError(f"{', '.join(tensors)} is no single value, and slices are of values.", hint=hint)
    return {slice_name(name, value): members(table.column(name), value) for name, values in slices.items() for value in values}


def check_baseline(document: Mapping[str, Any]) -> None:
    """Raise ValueError unless this is a baseline of a published format, with a table of scores that can be, where it has one."""
    if document.get("format") not in (OF_MORE, FORMAT, BEFORE):
        raise ValueError(f"no {FORMAT} or {OF_MORE} document")
    reference_scores(document)
    for part in document.get("slices", ()):
        slice_scores(document, part)
    for part in document.get("confusions", ()):
        reference_confusion(document, part)


def reference_scores(document: Mapping[str, Any]) -> ScoreTable | None:
    """The table of scores and outcomes of a baseline; None where it has none: of the format before, or of scores that are no
    probabilities. Raises ValueError when it is malformed."""
    try:
        table = document["score"].get("table") if document["format"] != BEFORE else None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"malformed baseline: {error!r}") from error
    return None if table is None else _read(table)


def slice_scores(document: Mapping[str, Any], part: str) -> ScoreTable | None:
    """The table of scores and outcomes of a declared slice; None where it has none. Raises ValueError when it is malformed."""
    try:
        table = document.get("slices", {}).get(part)
    except AttributeError as error:
        raise ValueError(f"malformed baseline: {error!r}") from error
    return None if table is None else _read(table)


def reference_confusion(document: Mapping[str, Any], part: str = "") -> Array | None:
    """The confusion matrix [predicted, actual] of a baseline, int64, or of one of its slices; None where it has none. Raises ValueError
    when it is malformed."""
    try:
        cells = document.get("confusions", {}).get(part)
        classes = len(document["classes"]) if cells is not None else 0
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"malformed baseline: {error!r}") from error
    return None if cells is None else _remembered(cells, lambda: _matrix(cells, classes))


def _matrix(cells: Any, classes: int) -> Array:
    if not isinstance(cells, list) or classes > MOST_CLASSES:
        raise ValueError(f"no confusion matrix of {classes} classes")
    matrix = np.zeros((classes, classes), dtype=np.int64)
    for cell in cells:
        sound = isinstance(cell, list) and len(cell) == 3 and all(type(number) is int and 0 <= number < 2**53 for number in cell)
        if not sound or max(cell[:2]) >= classes or matrix[cell[0], cell[1]]:
            raise ValueError(f"a confusion matrix of {classes} classes has no cell {cell!r}")
        matrix[cell[0], cell[1]] = cell[2]
    return matrix


def _cells(scores: Array, labels: Array) -> list[list[int]]:
    """The cells of the confusion matrix that have rows: [predicted, actual, rows], in order."""
    matrix = confusion_matrix(labels, scores.argmax(axis=1), scores.shape[1]).T
    return [[int(predicted), int(actual), int(matrix[predicted, actual])] for predicted, actual in np.argwhere(matrix)]


def _read(table: Any) -> ScoreTable:
    found: ScoreTable = _remembered(table, lambda: ScoreTable.from_json(table))
    return found


def _remembered(document: Any, read: Callable[[], Any]) -> Any:
    """A part of a document, read once for as long as the same document is asked about: a watch asks a dozen times a look. Whoever gets one
    must not add to it, and a document that was read must not be changed."""
    known = _READ.get(id(document))
    if known is not None and known[0] is document:  # it is held, so no other has its id
        return known[1]
    made = read()
    while len(_READ) >= MOST_READ:
        _READ.pop(next(iter(_READ)), None)
    _READ[id(document)] = (document, made)
    return made


def _outcomes(score: Array, right: Array, threshold: float) -> dict[str, Any]:
    """The table of scores and outcomes, where scores are probabilities."""
    if score.min() < -ROUNDING or score.max() > 1 + ROUNDING:
        return {}
    table = ScoreTable()
    table.add(np.clip(score, 0, 1), right)
    return {"table": pooled(table, ENOUGH, int(score_bin(threshold))).to_json()}


def _feature(item: Measured, column: Column) -> dict[str, Any]:
    if item.type == "string":
        return {"type": item.type, **_categorical(column)}
    values = np.asarray(column, dtype=np.float64)
    return {"type": item.type, **({"tensor": item.feature.name} if item.summary else {}), **_numeric(values), **_range(values)}


def _numeric(values: Column) -> dict[str, Any]:
    bins = fit_numeric(values, bins=BINS)
    return {"bins": bins.to_json(), "counts": [int(count) for count in bins.count(values)]}


def _range(values: Column) -> dict[str, Any]:
    """Between which float32 all but a thousandth of the rows lie on each side, and how many lie beyond. None of few rows."""
    narrow = as_float32(values)
    finite = narrow[np.isfinite(narrow)]
    if len(finite) < 2 * ENOUGH:
        return {}
    tail = max(TAIL, ENOUGH / len(finite))
    low, high = np.quantile(finite, [tail, 1 - tail], method="inverted_cdf")
    outside = int(np.count_nonzero((narrow < low) | (narrow > high)))
    return {"range": {"low": float(low), "high": float(high), "outside": outside}}


def _categorical(column: Column) -> dict[str, Any]:
    bins = fit_categorical(column, top=CATEGORIES, least=ENOUGH)
    return {"bins": bins.to_json(), "counts": [int(count) for count in bins.count(column)]}
