"""Is the model good enough on every part of the data?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.quality import lowest_fact, roc_auc_fact, share_fact
from gonogo.evidence.inputs import BundleView, Numbers, Scores
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import missing

MOST_VALUES = 12  #: a column of more different values is cut into quarters, or, when it is text, its most frequent values are taken


class Slices(Check):
    """How good is the model on its worst slice of the test table?

    A slice is all rows with one value of a column, or with a value in one quarter of a column of many numbers, or without a value. The
    columns are those named, by default every feature of the model that is a single value (no window, no image). The interval of the worst
    slice holds for all slices together (Bonferroni), because the worst one was picked. Slices of fewer than `min_rows` rows are counted and
    not measured.
    """

    name = "slices"
    facts: ClassVar = {
        "slices": "slices that were measured",
        "slices_too_small": "slices of fewer rows than `min_rows`, which were not",
        "slices_without_auc": "measured slices without rows of every class, for which there is no ROC-AUC",
        "worst_slice": "the slice of the lowest accuracy",
        "worst_slice_accuracy": "its accuracy, with interval",
        "worst_slice_accuracy_gap": "accuracy on all rows minus that",
        "worst_slice_auc": "lowest ROC-AUC of a slice, with interval; not there when no slice has rows of every class",
        "worst_slice_gap": "ROC-AUC on all rows minus that",
    }
    options: ClassVar = {"columns": [], "min_rows": 50, "level": 0.95}

    def measure(self, bundle: BundleView, test: Table, scores_test: Scores) -> Measurement:
        usable, least, level = scores_test.usable(), int(self.chosen["min_rows"]), float(self.chosen["level"])
        if least < 2 or not 0.5 <= level < 1 or test.rows != len(usable.y):
            raise DataError("slices need at least two rows, a level of confidence like 0.95, and a score for every row.")
        columns = list(self.chosen["columns"]) or [feature.name for feature in bundle.schema.features if feature.tensor is None]
        if tensors := [name for name in columns if test.column(name).ndim > 1]:
            raise DataError(
                f"{', '.join(tensors)} holds tensors, and slices are of single values.", hint="Name other columns in `columns`."
            )
        if not columns:
            raise DataError("every feature of the model is a tensor, and slices are of single values.", hint="Name columns in `columns`.")
        found = [(name, rows) for column in columns for name, rows in _slices(column, test.column(column))]
        measured = [(name, rows) for name, rows in found if rows.sum() >= least]
        if not measured:
            raise DataError(f"no slice has {least} rows.", hint="Name other columns, take a larger test table, or lower `min_rows`.")
        right = usable.predicted == usable.y
        every = 1 - (1 - level) / len(measured)
        shares = [share_fact(int(right[rows].sum()), int(rows.sum()), every) for _, rows in measured]
        whole = [rows for _, rows in measured if len(np.unique(usable.y[rows])) == len(usable.classes)]
        areas = [roc_auc_fact(usable.y[rows], usable.scores[rows], every) for rows in whole]
        worst = min(range(len(measured)), key=lambda index: float(shares[index].value))
        accuracy, share = float(right.mean()), lowest_fact(shares, level)
        facts = {
            "slices": Fact(len(measured)),
            "slices_too_small": Fact(len(found) - len(measured)),
            "slices_without_auc": Fact(len(measured) - len(areas)),
            "worst_slice": Fact(measured[worst][0]),
            "worst_slice_accuracy": share,
            "worst_slice_accuracy_gap": Fact(accuracy - float(share.value)),
        }
        if areas:
            area = lowest_fact(areas, level)
            facts["worst_slice_auc"] = area
            facts["worst_slice_gap"] = Fact(float(roc_auc_fact(usable.y, usable.scores, level).value) - float(area.value))
        ranked = sorted(zip(measured, shares, strict=True), key=lambda pair: float(pair[1].value))
        return Measurement(
            facts,
            tuple(f"{name}: {int(rows.sum())} rows, fewer than {least}, not measured" for name, rows in found if rows.sum() < least),
            pictures={
                "slices": {
                    "kind": "bars",
                    "title": "accuracy on the worst slices",
                    "items": [{"name": name, "value": float(fact.value)} for (name, _), fact in ranked[:20]],
                }
            },
            isolation=usable.isolation,
        )


def _slices(name: str, column: Column) -> Iterator[tuple[str, Numbers]]:
    """The slices of one column: a name and which rows are in it."""
    absent = missing(column)
    if absent.any():
        yield f"{name} missing", absent
    present = column[~absent]
    if column.dtype == object:
        values, counts = np.unique(present.astype(str), return_counts=True)
        texts = np.where(absent, "", column).astype(str)
        for value in values[np.argsort(-counts, kind="stable")][:MOST_VALUES]:
            yield f"{name} = {value}"[:80], (texts == value) & ~absent
        return
    values = np.unique(present)
    if len(values) <= MOST_VALUES:
        for value in values:
            yield f"{name} = {value if column.dtype.kind == 'M' else format(value, 'g')}", (column == value) & ~absent
        return
    edges = np.unique(np.quantile(present.astype(np.int64) if column.dtype.kind == "M" else present, [0.25, 0.5, 0.75]))
    quarter = np.searchsorted(edges, np.where(absent, present[0], column).astype(edges.dtype), side="left")
    for index in range(len(edges) + 1):
        rows = (quarter == index) & ~absent
        if rows.any():
            shown = column[rows]
            yield f"{name} {shown.min()!s:.12} to {shown.max()!s:.12}", rows
