"""Do windows of the tables share time?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.base.table import TableFiles
from gonogo.errors import DataError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import same_kinds
from gonogo.evidence.times import read_times


class WindowOverlap(Check):
    """Is every window of the later tables made of other moments than the windows of the tables before?

    Each row stands for the window that ends at its time and is `seconds` long, or as long as `rows` rows of the training table, at the
    middle one of the distances between them. Two windows share time when their ends are less than a window apart. Windows of different
    groups (`data.group`) share nothing. A row without a time, or without its group, is not shown to be apart and counts.
    """

    name = "window_overlap"
    options: ClassVar = {"seconds": 0.0, "rows": 0}
    facts: ClassVar = {
        "overlapping_windows": "test and validation windows that share time with a window of a table before theirs",
        "window_seconds": "length of a window",
        "n": "test and validation windows",
    }

    def measure(self, project: ProjectView, train_file: Path, test_file: Path, validation_file: Path | None = None) -> Measurement:
        if (self.chosen["seconds"] > 0) == (self.chosen["rows"] > 0):
            raise UsageError("a window has a length.", hint="Give window_overlap one of the options `seconds` and `rows`.")
        with TableFiles(train=train_file, validation=validation_file, test=test_file) as tables:
            times = read_times(project, tables)
            group = project.data.group
            if group is not None:
                same_kinds(tables, [group])
            ends = {
                table: f"SELECT {found.seconds} AS t, {'0' if group is None else tables.column(table, group)} AS g FROM {table}"  # noqa: S608
                for table, found in times.items()
            }
            length = self.chosen["seconds"] or self.chosen["rows"] * _step(tables, ends["train"])
            order = list(times)
            shared = {table: _shared(tables, ends, order[: order.index(table)], table, length) for table in order[1:]}
            rows = sum(tables.rows[table] for table in shared)
        return Measurement(
            {
                "overlapping_windows": Fact(sum(shared.values())),
                "window_seconds": Fact(float(length), "s"),
                "n": Fact(rows),
            },
            tuple(f"{count} {table} windows share time with windows before them" for table, count in shared.items() if count),
        )


def _step(tables: TableFiles, ends: str) -> float:
    """The middle one of the distances in seconds between consecutive training rows of a group, those at one moment left out."""
    steps = f"SELECT t - lag(t) OVER (PARTITION BY g ORDER BY t) AS step FROM ({ends}) WHERE t IS NOT NULL"  # noqa: S608 - quoted
    [(step,)] = tables.ask(f"SELECT median(step) FROM ({steps}) WHERE step > 0")  # noqa: S608
    if step is None:
        raise DataError("train: no row follows another in time, so a number of rows has no length.", hint="Give `seconds` instead.")
    return float(step)


def _shared(tables: TableFiles, ends: Mapping[str, str], before: list[str], table: str, length: float) -> int:
    """Windows of a table that end less than a length after or before the nearest end in the tables before it."""
    seen = " UNION ALL ".join(ends[name] for name in before)
    if tables.ask(f"FROM ({seen}) WHERE t IS NULL OR g IS NULL LIMIT 1"):
        return tables.rows[table]
    [(near, unknown)] = tables.ask(
        f"WITH own AS ({ends[table]}), seen AS (SELECT t AS s, g FROM ({seen})), near AS (SELECT count(*) FROM own "  # noqa: S608 - quoted
        "ASOF LEFT JOIN seen AS sooner ON own.g = sooner.g AND own.t >= sooner.s "
        "ASOF LEFT JOIN seen AS later ON own.g = later.g AND own.t <= later.s "
        f"WHERE own.t - sooner.s < {length!r}::DOUBLE OR later.s - own.t < {length!r}::DOUBLE) "
        "SELECT (FROM near), (SELECT count(*) FROM own WHERE t IS NULL OR g IS NULL)"
    )
    return int(near + unknown)
