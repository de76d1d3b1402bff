"""How much of what all columns say about the target do the model's features still say?"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Numbers, ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.schema import Feature, Schema, Tensor
from gonogo.model.summaries import summary_columns

BINS = 10
REPEATS = 5
SAMPLE = 20_000


class InformationDrop(Check):
    """Did the selection of features throw information away?

    Decision U04: the sum over columns of the mutual information with the target (nats, ten quantile bins, Miller and Madow's correction
    of the bias), of all columns of the training table against those that the model uses; the median of five seeded samples. Of a tensor the
    summaries of its channels are columns; of one that the model does not use, mean and spread. Columns that could never be a feature (an
    outcome, a row number) are named by the option `exclude`.
    """

    name = "information_drop"
    facts: ClassVar = {
        "information_all": "mutual information of all columns with the target, summed, nats",
        "information_kept": "that of the model's features",
        "information_drop": "share that the model's features lack",
        "features_all": "columns that were compared",
        "features_kept": "columns that the model uses",
    }
    options: ClassVar = {"exclude": []}

    def measure(self, train: Table, project: ProjectView, bundle: BundleView) -> Measurement:
        data = project.data
        never = {data.target, data.time, getattr(data, "group", None), *self.chosen["exclude"]}
        kept = {item.name for item in bundle.schema.measured}
        columns = {
            name: column
            for own, values in train.columns.items()
            if own not in never
            for name, column in _as_measured(own, values, bundle.schema).items()
        }
        if train.rows < 2 * BINS:
            raise DataError(f"the training table has {train.rows} rows.", hint=f"At least {2 * BINS} are needed to measure information.")
        target = _codes(train.column(data.target))
        said = {name: _information(column, target) for name, column in columns.items()}
        everything = math.fsum(said.values())
        if everything <= 0:
            raise DataError("no column says anything about the target.", hint="Is `data.target` the right column?")
        used = math.fsum(value for name, value in said.items() if name in kept)
        removed = sorted(((value, name) for name, value in said.items() if name not in kept), reverse=True)
        ranked = sorted(((value, name) for name, value in said.items()), reverse=True)[:20]
        return Measurement(
            {
                "information_all": Fact(everything, n=train.rows),
                "information_kept": Fact(used, n=train.rows),
                "information_drop": Fact(1 - used / everything, n=train.rows),
                "features_all": Fact(len(columns)),
                "features_kept": Fact(len(kept & said.keys())),
            },
            tuple(f"removed: {name} ({value / everything:.1%} of the information)" for value, name in removed),
            pictures={
                "information": {
                    "kind": "bars",
                    "title": "Mutual information with the target, nats",
                    "items": [{"name": name, "value": value} for value, name in ranked],
                }
            },
        )


def _as_measured(name: str, column: Numbers, schema: Schema) -> dict[str, Numbers]:
    """A column of the table, or the summaries of one of tensors."""
    if column.ndim == 1:
        return {name: column}
    known = [feature for feature in schema.features if feature.name == name]
    feature = known[0] if known else Feature(name, "float", True, name, 0, Tensor((column.shape[1],)))
    return summary_columns(feature, column)


def _information(column: Numbers, y: Numbers) -> float:
    """Median over seeded samples of the corrected mutual information, nats; never negative."""
    x = _codes(column)
    found = []
    for seed in range(REPEATS):
        rows = np.random.default_rng(seed).permutation(len(y))[: min(len(y), SAMPLE)]
        found.append(_mutual(x[rows], y[rows]))
    return max(0.0, float(np.median(found)))


def _codes(column: Numbers) -> Numbers:
    """Small whole numbers for the values of a column: quantile bins for many numbers, one code per value otherwise; missing is a value."""
    if column.dtype.kind in "fiu":
        values = column.astype(np.float64)
        known = values[np.isfinite(values)]
        if len(np.unique(known)) > BINS:
            edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
            return np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), BINS + 1)
    texts: Numbers = np.asarray([str(value) for value in column])
    values_of, codes, counts = np.unique(texts, return_inverse=True, return_counts=True)
    if len(values_of) <= 2 * BINS:
        return np.asarray(codes)
    common = np.argsort(-counts, kind="stable")[: 2 * BINS]
    place: Numbers = np.full(len(values_of), 2 * BINS)
    place[common] = np.arange(len(common))
    return np.asarray(place[codes])


def _mutual(x: Numbers, y: Numbers) -> float:
    """Plug-in mutual information less Miller and Madow's bias (r - 1)(c - 1) / 2n."""
    table: np.ndarray[Any, np.dtype[np.float64]] = np.zeros((int(x.max()) + 1, int(y.max()) + 1))
    np.add.at(table, (x, y), 1.0)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n = table.sum()
    joint = table / n
    outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    filled = joint > 0
    bias = (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * n)
    return float((joint[filled] * np.log(joint[filled] / outer[filled])).sum() - bias)
