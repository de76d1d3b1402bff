"""How clean are the tables, and is every column covered by a rule?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import missing, row_keys


class DataQuality(Check):
    """Is the data clean, and is every feature watched by at least one rule?

    The rules: not missing; finite (numbers); seen in training: inside its range (numbers) or among its values (text). A rule counts
    for a column only where it could be applied, so a column without any value in the training table has fewer.
    """

    name = "data_quality"
    facts: ClassVar = {
        "rules_per_column": "rules that watch the least watched feature",
        "worst_missing": "largest share of missing values of a feature in either table",
        "worst_column": "the feature with that share",
        "non_finite": "infinite values in the features of both tables",
        "out_of_range_share": "largest share, over features, of test values that training never saw: out of its range, or unknown text",
        "duplicate_rows": "training rows that repeat an earlier one in all features and the target",
        "duplicate_share": "share of such rows",
    }

    def measure(self, project: ProjectView, train: Table, test: Table, bundle: BundleView) -> Measurement:
        names = bundle.schema.feature_names
        if train.rows == 0 or test.rows == 0 or not names:
            raise DataError("a table has no rows, or the model has no features: there is nothing to judge the data by.")
        columns = [_watch(name, train.column(name), test.column(name)) for name in names]
        unique = len(np.unique(row_keys(train, (*names, project.data.target))))
        worst = max(columns, key=lambda column: column.missing)
        findings = [f"{c.name!r}: {c.infinite} infinite value(s)" for c in columns if c.infinite]
        findings += [f"{c.name!r}: {c.unseen:.1%} of the test values were never seen in training" for c in columns if c.unseen > 0]
        return Measurement(
            {
                "rules_per_column": Fact(min(column.rules for column in columns)),
                "worst_missing": Fact(worst.missing, n=train.rows + test.rows),
                "worst_column": Fact(worst.name),
                "non_finite": Fact(sum(column.infinite for column in columns)),
                "out_of_range_share": Fact(max(column.unseen for column in columns), n=test.rows),
                "duplicate_rows": Fact(train.rows - unique),
                "duplicate_share": Fact((train.rows - unique) / train.rows, n=train.rows),
            },
            tuple(findings),
            pictures={"missing": {"kind": "bars", "title": "missing", "items": [{"name": c.name, "value": c.missing} for c in columns]}},
        )


@dataclass(frozen=True)
class _Watched:
    name: str
    rules: int
    missing: float
    infinite: int
    unseen: float


def _watch(name: str, train: Column, test: Column) -> _Watched:
    share = max(float(missing(train).mean()), float(missing(test).mean()))
    known, asked = train[~missing(train)], test[~missing(test)]
    if train.dtype.kind != test.dtype.kind and len(known) and len(asked):
        raise DataError(f"the column {name!r} holds {train.dtype} in the training table and {test.dtype} in the test table.")
    if train.dtype == object:
        values = set(known)
        unseen = sum(value not in values for value in asked)
        return _Watched(name, 1 + bool(len(known)), share, 0, unseen / max(len(asked), 1))
    infinite = 0
    if train.dtype.kind == "f":
        infinite = int(np.isinf(known).sum()) + (int(np.isinf(asked).sum()) if asked.dtype.kind == "f" else 0)
        known = known[np.isfinite(known)]
    if not len(known):
        return _Watched(name, 2, share, infinite, 1.0 if len(asked) else 0.0)
    outside = int(((asked < known.min()) | (asked > known.max())).sum()) if len(asked) else 0
    return _Watched(name, 3, share, infinite, outside / max(len(asked), 1))
