"""Do two of the tables come from the same world?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from gonogo.base.table import Column, TableFiles
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import same_kinds
from gonogo.model.summaries import measured_table
from gonogo.stats.bins import fit_categorical, fit_numeric
from gonogo.stats.drift import psi, psi_interval, psi_p_value

ROWS = 200_000  #: of each table; larger ones are measured on about that many
MOST_CELLS = 100_000_000  #: values of each table that are read: of windows, fewer rows
LEVEL = 0.95


class DriftBetween(Check):
    """Are the features of the validation and the test table distributed alike?

    For each feature the population stability index over ten bins of the validation table (twenty categories), missing values in a bin of
    their own; of a tensor for each summary of its channels (`window.close.mean`). A p-value says whether tables of these sizes would differ
    as much by chance; it is multiplied by the number of features.
    """

    name = "drift_between"
    facts: ClassVar = {
        "max_psi": "largest PSI of a feature between the validation and the test table, with its 95 % interval",
        "feature": "that feature",
        "p_value": "chance that any feature differs as much as the most significant one, were the tables alike",
        "validation_rows": "validation rows that were measured",
        "test_rows": "test rows that were measured",
    }

    def measure(self, bundle: BundleView, validation_file: Path, test_file: Path) -> Measurement:
        own, names = bundle.schema.feature_names, [item.name for item in bundle.schema.measured]
        if not names:
            raise DataError("the model has no features, so nothing can drift.")
        rows = min(ROWS, MOST_CELLS // bundle.schema.width)
        with TableFiles(validation=validation_file, test=test_file) as tables:
            same_kinds(tables, own)
            validation, test = (measured_table(bundle.schema, tables.sample(title, own, rows)) for title in ("validation", "test"))
        found = {name: _drift(validation.column(name), test.column(name)) for name in names}
        worst = max(names, key=lambda name: found[name][0])
        value, low, high, _ = found[worst]
        ranked = sorted(found.items(), key=lambda pair: -pair[1][0])
        return Measurement(
            {
                "max_psi": Fact(value, n=min(validation.rows, test.rows), low=low, high=high, level=LEVEL),
                "feature": Fact(worst),
                "p_value": Fact(min(1.0, len(names) * min(one[3] for one in found.values()))),
                "validation_rows": Fact(validation.rows),
                "test_rows": Fact(test.rows),
            },
            (f"{worst!r} differs most: PSI {value:.3f}",),
            pictures={
                "psi": {"kind": "bars", "title": "PSI", "items": [{"name": name, "value": one[0]} for name, one in ranked[:20]]},
            },
        )


def _drift(reference: Column, current: Column) -> tuple[float, float, float, float]:
    """PSI, its interval and its p-value of one column."""
    if object in (reference.dtype, current.dtype):
        reference, current = (column if column.dtype == object else np.full(len(column), None) for column in (reference, current))
        bins = fit_categorical(reference)
    else:
        reference, current = _numbers(reference), _numbers(current)
        bins = fit_numeric(reference)
    p, q = bins.count(reference), bins.count(current)
    value = psi(p, q)
    used = int(((p + q) > 0).sum())
    return value, *psi_interval(p, q, LEVEL), psi_p_value(value, len(current), len(reference), used)


def _numbers(column: Column) -> Column:
    """Times as seconds; NaN where there is none."""
    if column.dtype.kind != "M":
        return column
    seconds = column.astype(np.int64) / 1e6
    seconds[np.isnat(column)] = np.nan
    return seconds
