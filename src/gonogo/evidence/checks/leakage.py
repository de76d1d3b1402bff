"""Does one feature alone give the answer away?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gonogo.base.table import Column, TableFiles
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import missing
from gonogo.model.rows import class_indices
from gonogo.model.schema import Feature
from gonogo.model.summaries import summary_columns
from gonogo.stats.classification import roc_auc, roc_auc_delong

Truth = np.ndarray[Any, np.dtype[np.bool_]]
LEVEL = 0.95
MOST_CELLS, LEAST_ROWS = 20_000_000, 500  #: of tables with tensors so many values are read, and so many rows at least
MOST_ELEMENTS = 2_000  #: of a tensor


class Leakage(Check):
    """Is there a feature that alone predicts the target too well to be true?

    For each feature: the ROC-AUC of its values, in whichever direction is better, and that of whether it is missing; against each class
    in turn. Text is replaced by the share of the class among the even rows with that text, and measured on the odd rows, so that an
    identifier that never repeats predicts nothing. Of a tensor each summary of a channel and each element (`window[104].close`) stands for
    itself; of more than 2,000 elements so many, evenly spread.

    Tables of more than `max_rows` rows are measured on about that many, as many of each class as there are or as fit: n is their number,
    and the interval (DeLong) says how far their figure may lie from that of all rows.
    """

    name = "leakage"
    facts: ClassVar = {"max_single_auc": "largest ROC-AUC of a single feature, with its 95 % interval", "feature": "that feature"}
    options: ClassVar = {"max_rows": 200_000}

    def measure(self, project: ProjectView, bundle: BundleView, train_file: Path) -> Measurement:
        names, target = bundle.schema.feature_names, project.data.target
        most = min(self.chosen["max_rows"], max(LEAST_ROWS, MOST_CELLS // bundle.schema.width))
        with TableFiles(train=train_file) as tables:
            taken = tables.sample("train", [*names, target], most, by=target)
        y = class_indices(bundle.schema, taken.column(target))
        classes = np.unique(y)
        if len(classes) < 2:
            raise DataError("the training rows are all of one class.")
        classes = classes[1:] if len(classes) == 2 else classes
        columns = (pair for feature in bundle.schema.features for pair in _columns(feature, taken.column(feature.name)))
        found = {name: max((_best(column, y == one) for one in classes), key=lambda one: one[0]) for name, column in columns}
        best = max(found, key=lambda name: found[name][0])
        _, truth, scores = found[best]
        area, low, high = roc_auc_delong(truth.astype(np.int64), scores, LEVEL) if len(scores) else (0.5, 0.5, 0.5)
        top = sorted(((name, one[0]) for name, one in found.items()), key=lambda pair: -pair[1])[:20]
        return Measurement(
            {"max_single_auc": Fact(area, n=taken.rows, low=low, high=high, level=LEVEL), "feature": Fact(best)},
            (f"{best!r} alone has a ROC-AUC of {area:.4f}",) if area > 0.5 else (),
            pictures={"single_auc": {"kind": "bars", "title": "ROC-AUC alone", "items": [{"name": n, "value": v} for n, v in top]}},
        )


def _columns(feature: Feature, column: Column) -> Iterator[tuple[str, Column]]:
    """What may tell the target alone, by name: the feature, or of a tensor its summaries and its elements."""
    if feature.tensor is None:
        yield feature.name, column
        return
    yield from summary_columns(feature, column).items()
    tensor = feature.tensor
    for at in range(0, column.shape[1], 1 + (column.shape[1] - 1) // MOST_ELEMENTS):
        place = [int(index) for index in np.unravel_index(at, tensor.shape)]
        channel = "" if tensor.axis is None else f".{tensor.channels[place.pop(tensor.axis)]}"
        yield f"{feature.name}{place}{channel}", column[:, at].astype(np.float64)


def _best(column: Column, y: Truth) -> tuple[float, Truth, Column]:
    """The largest AUC that can be had from the column, with the rows and the scores that it was measured on; 0.5 and none without any."""
    ways = [(y, missing(column).astype(np.float64))]
    if column.dtype == object:
        ways.append(_text_scores(column, y))
    else:
        present = ~missing(column)
        values = column[present].astype(np.int64).astype(np.float64) if column.dtype.kind == "M" else column[present]
        if np.isinf(values).any():
            raise DataError("a feature holds infinities.")
        ways.append((y[present], values))
    nothing = (0.5, np.empty(0, dtype=np.bool_), np.empty(0))
    return max((_either_way(*way) for way in ways if _tells(*way)), key=lambda one: one[0], default=nothing)


def _text_scores(column: Column, y: Truth) -> tuple[Truth, Column]:
    """The odd rows, each with the share of the class among the even rows of its text."""
    even = np.arange(len(y)) % 2 == 0
    prior = float(y[even].mean()) if even.any() else 0.5
    counts: dict[Any, list[int]] = {}
    for value, label in zip(column[even], y[even], strict=True):
        count = counts.setdefault(value, [0, 0])
        count[0] += int(label)
        count[1] += 1
    shares = {value: hits / rows for value, (hits, rows) in counts.items()}
    return y[~even], np.array([shares.get(value, prior) for value in column[~even]], dtype=np.float64)


def _tells(y: Truth, scores: Column) -> bool:
    """Whether there is anything to tell apart, and to tell it by."""
    return len(y) > 0 and not y.all() and bool(y.any()) and not np.all(scores == scores[0])


def _either_way(y: Truth, scores: Column) -> tuple[float, Truth, Column]:
    area = float(roc_auc(y.astype(np.int64), scores))
    return (area, y, scores) if area >= 0.5 else (1.0 - area, y, -scores)
