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
    """Does every test row come after the last training and validation row, and every validation row after the last training row?

    Times are dates or timestamps, or numbers of seconds. A row without a time cannot be shown to be later and counts as overlapping;
    when a row of an earlier table has none, that is every row.
    """

    name = "temporal_split"
    facts: ClassVar = {
        "gap_seconds": "seconds from the last training row to the first test row; negative when they overlap",
        "overlap_rows": "test and validation rows that are not later than all rows of the tables before theirs, or have no time",
        "missing_times": "rows without a time in any of the tables",
        "n": "test and validation rows",
    }

    def measure(self, project: ProjectView, train: Table, test: Table, validation: Table | None = None) -> Measurement:
        if project.data.time is None:
            raise UsageError("the project declares no time column.", hint="Add `data.time` to gonogo.yaml.")
        trained, tested = _seconds(train, project.data.time, "train"), _seconds(test, project.data.time, "test")
        chosen = np.empty(0) if validation is None else _seconds(validation, project.data.time, "validation")
        early = {
            "validation": _not_later(chosen, trained),
            "test": _not_later(tested, np.concatenate([trained, chosen])),
        }
        gone = {name: int(np.isnan(times).sum()) for name, times in (("train", trained), ("validation", chosen), ("test", tested))}
        findings = [f"{rows} {name} rows are not shown to be later than the rows before them" for name, rows in early.items() if rows]
        findings += [f"{rows} {name} rows have no time" for name, rows in gone.items() if rows]
        return Measurement(
            {
                "gap_seconds": Fact(float(np.nanmin(tested) - np.nanmax(trained)), "s"),
                "overlap_rows": Fact(sum(early.values())),
                "missing_times": Fact(sum(gone.values())),
                "n": Fact(len(chosen) + len(tested)),
            },
            tuple(findings),
        )


def _not_later(times: Column, before: Column) -> int:
    """How many of the times are not shown to be later than all that were before; NaN is never shown to be."""
    return len(times) if np.isnan(before).any() else int((~(times > before.max())).sum())


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
