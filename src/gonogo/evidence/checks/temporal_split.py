"""Was the model evaluated on a later period than it was trained on?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import missing


class TemporalSplit(Check):
    """Does every test (and validation) row come after the last training row?

    Times are dates or timestamps, or numbers of seconds. A row without a time cannot be shown to be later and counts as overlapping;
    when training rows have none, that is every row.
    """

    name = "temporal_split"
    facts: ClassVar = {
        "gap_seconds": "seconds from the last training row to the first test row; negative when they overlap",
        "overlap_rows": "test and validation rows that are not later than the last training row, or have no time",
        "missing_times": "rows without a time in any of the tables",
        "n": "test and validation rows",
    }

    def measure(self, project: ProjectView, train: Table, test: Table, validation: Table | None = None) -> Measurement:
        if project.data.time is None:
            raise UsageError("the project declares no time column.", hint="Add `data.time` to gonogo.yaml.")
        trained = _seconds(train, project.data.time, "train")
        tested = _seconds(test, project.data.time, "test")
        later = tested if validation is None else np.concatenate([tested, _seconds(validation, project.data.time, "validation")])
        last, first = np.nanmax(trained), np.nanmin(tested)
        missing_times = int(np.isnan(trained).sum() + np.isnan(later).sum())
        overlap = len(later) if np.isnan(trained).any() else int((~(later > last)).sum())
        findings = [f"{overlap} of {len(later)} rows are not shown to be later than the last training row"] if overlap else []
        if np.isnan(trained).any():
            findings.append(f"{int(np.isnan(trained).sum())} training rows have no time, so they may be later than any test row")
        return Measurement(
            {
                "gap_seconds": Fact(float(first - last)),
                "overlap_rows": Fact(overlap),
                "missing_times": Fact(missing_times),
                "n": Fact(len(later)),
            },
            tuple(findings),
        )


def _seconds(table: Table, name: str, title: str) -> Column:
    """The time column as seconds, NaN for missing. Raises DataError when it is text, or has no time at all."""
    column = table.column(name)
    gone = missing(column)
    if gone.all():
        raise DataError(f"{title}: the time column {name!r} is empty.")
    if column.dtype.kind == "M":
        seconds = column.astype("datetime64[us]").astype(np.int64).astype(np.float64) / 1e6
        seconds[gone] = np.nan
        return seconds
    if column.dtype != np.float64:
        raise DataError(f"{title}: the time column {name!r} holds text.", hint="Write times as 2026-01-31 or 2026-01-31T12:00:00.")
    if np.isinf(column).any():
        raise DataError(f"{title}: the time column {name!r} holds infinities.")
    return column
