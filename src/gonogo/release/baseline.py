"""The baseline: frozen bins and counts of every feature and of the score, against which live traffic is compared.

Bins are fixed once, here, so that counts of later windows can be added and compared (research: monitoring, sections 2.1 and 3.1). No row
of a table is in it: numeric edges are quantiles as float32, and a category that fewer than `ENOUGH` rows share goes to "other". The last
of a feature's counts is that of missing values.

Features are counted on the training table, because that is what the model knows. The score is counted on the test table: a forest is
more certain on the rows that it was grown on than it will be on any other, and that would look like drift.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.model.runtime import Array
from gonogo.model.schema import Feature, Schema
from gonogo.stats.bins import fit_categorical, fit_numeric

FORMAT = "gonogo-baseline/1"
ENOUGH = 5
BINS = 10
CATEGORIES = 20


def make_baseline(
    schema: Schema, table: Table, scores: Array, labels: Array, *, source: str = "train", score_source: str = "test"
) -> dict[str, Any]:
    """The document baseline.json.

    `table` holds the features' columns; `scores` float64 [n, classes] and `labels` int64 [n] (class indices) are of the rows that the
    score is counted on. The score is that of the last class of a binary task, else the highest of each row.
    """
    binary = schema.task == "binary-classification"
    score = scores[:, 1] if binary else scores.max(axis=1)
    shares = np.bincount(labels, minlength=len(schema.classes)) / len(labels)
    return {
        "format": FORMAT,
        "source": source,
        "rows": table.rows,
        "features": {feature.name: _feature(feature, table.column(feature.name)) for feature in schema.features},
        "score": {"source": score_source, "rows": len(score), "of": "last class" if binary else "highest", **_numeric(score)},
        "classes": {name: float(share) for name, share in zip(schema.classes, shares, strict=True)},
    }


def _feature(feature: Feature, column: Column) -> dict[str, Any]:
    if feature.type == "string":
        return {"type": feature.type, **_categorical(column)}
    return {"type": feature.type, **_numeric(np.asarray(column, dtype=np.float64))}


def _numeric(values: Column) -> dict[str, Any]:
    bins = fit_numeric(values, bins=BINS)
    return {"bins": bins.to_json(), "counts": [int(count) for count in bins.count(values)]}


def _categorical(column: Column) -> dict[str, Any]:
    bins = fit_categorical(column, top=CATEGORIES, least=ENOUGH)
    return {"bins": bins.to_json(), "counts": [int(count) for count in bins.count(column)]}
