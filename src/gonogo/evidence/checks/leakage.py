"""Does one feature alone give the answer away?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import missing
from gonogo.model.rows import class_indices
from gonogo.stats.classification import roc_auc


class Leakage(Check):
    """Is there a feature that alone predicts the target too well to be true?

    For each feature: the ROC-AUC of its values, in whichever direction is better, and that of whether it is missing; against each class
    in turn. Text is replaced by the share of the class among the even rows with that text, and measured on the odd rows, so that an
    identifier that never repeats predicts nothing.
    """

    name = "leakage"
    facts: ClassVar = {"max_single_auc": "largest ROC-AUC of a single feature", "feature": "that feature"}
    options: ClassVar = {"max_rows": 200_000}

    def measure(self, project: ProjectView, bundle: BundleView, train: Table) -> Measurement:
        rows = np.unique(np.linspace(0, train.rows - 1, num=min(train.rows, self.chosen["max_rows"]), dtype=np.int64))
        taken = train.take(rows)
        y = class_indices(bundle.schema, taken.column(project.data.target))
        if len(np.unique(y)) < 2:
            raise DataError("the training rows are all of one class.")
        classes = np.unique(y)[1:] if len(np.unique(y)) == 2 else np.unique(y)
        found = {name: max(_auc(taken.column(name), y == one) for one in classes) for name in bundle.schema.feature_names}
        best = max(found, key=lambda name: found[name])
        top = sorted(found.items(), key=lambda pair: -pair[1])[:20]
        return Measurement(
            {"max_single_auc": Fact(found[best], n=taken.rows), "feature": Fact(best)},
            pictures={"single_auc": {"kind": "bars", "title": "ROC-AUC alone", "items": [{"name": n, "value": v} for n, v in top]}},
        )


def _auc(column: Column, y: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    gone = missing(column)
    found = [0.5, _either_way(y, gone.astype(np.float64))]
    if column.dtype == object:
        found.append(_text_auc(column, y))
    else:
        present = ~gone
        values = column[present].astype(np.int64).astype(np.float64) if column.dtype.kind == "M" else column[present]
        if np.isinf(values).any():
            raise DataError("a feature holds infinities.")
        found.append(_either_way(y[present], values))
    return max(found)


def _text_auc(column: Column, y: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    even = np.arange(len(y)) % 2 == 0
    prior = float(y[even].mean()) if even.any() else 0.5
    counts: dict[Any, list[int]] = {}
    for value, label in zip(column[even], y[even], strict=True):
        count = counts.setdefault(value, [0, 0])
        count[0] += int(label)
        count[1] += 1
    shares = {value: hits / rows for value, (hits, rows) in counts.items()}
    return _either_way(y[~even], np.array([shares.get(value, prior) for value in column[~even]], dtype=np.float64))


def _either_way(y: np.ndarray[Any, np.dtype[np.bool_]], values: Column) -> float:
    """AUC or its mirror, whichever is larger; 0.5 where there is nothing to tell apart."""
    if len(values) == 0 or y.all() or not y.any() or np.all(values == values[0]):
        return 0.5
    area = float(roc_auc(y.astype(np.int64), values))
    return max(area, 1.0 - area)
