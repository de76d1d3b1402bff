"""Was the model evaluated on a later period than it was trained on?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from gonogo.base.table import TableFiles
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.declared import declared_file, read_structured
from gonogo.evidence.inputs import ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.times import Times, read_times, written_seconds

ENDS = {"train": "train_end", "validation": "val_end", "test": "test_end"}  #: what the split file calls each table's end


class TemporalSplit(Check):
    """Does every test row come after the last training and validation row, and every validation row after the last training row?

    Times are dates or timestamps, or numbers of seconds. A row without a time cannot be shown to be later and counts as overlapping;
    when a row of an earlier table has none, that is every row. `data.embargo` is the time that must lie between the tables; rows of a
    later table that come sooner break it. `files.splits` may name a file with train_end, val_end and test_end: these must be in
    order, and no table may go on after its end.
    """

    name = "temporal_split"
    facts: ClassVar = {
        "gap_seconds": "seconds from the last training row to the first test row; negative when they overlap",
        "overlap_rows": "test and validation rows that are not later than all rows of the tables before theirs, or have no time",
        "missing_times": "rows without a time in any of the tables",
        "n": "test and validation rows",
        "in_order": "whether the ends of training, validation and test follow each other: those of the split file, or the last rows",
        "rows_after_end": "rows that lie after their table's end in the split file; only with such a file",
        "embargo_seconds": "the declared embargo; 0 when none is declared",
        "embargo_violations": "test and validation rows that are not later than the tables before theirs by at least the embargo",
    }

    def measure(
        self,
        project: ProjectView,
        train_file: Path,
        test_file: Path,
        validation_file: Path | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> Measurement:
        embargo = project.data.embargo or 0.0
        declared = _ends(declared_file(files, "splits")) if files and "splits" in files else {}
        with TableFiles(train=train_file, validation=validation_file, test=test_file) as tables:
            times = read_times(project, tables)
            early = {table: _closer(tables, times, table, None) for table in list(times)[1:]}
            hasty = {table: _closer(tables, times, table, embargo) for table in list(times)[1:]} if embargo else early
            late = {table: _after(tables, times, table, declared[table]) for table in times if table in declared}
            rows = sum(tables.rows[table] for table in early)
        gone = {table: found.missing for table, found in times.items()}
        ends = list(declared.values()) or [found.last for found in times.values()]
        findings = [f"{count} {table} rows are not shown to be later than the rows before them" for table, count in early.items() if count]
        if embargo:
            findings += [f"{count} {table} rows come within the embargo of {embargo:g} s" for table, count in hasty.items() if count]
        findings += [f"{count} {table} rows lie after {ENDS[table]}" for table, count in late.items() if count]
        findings += [f"{count} {table} rows have no time" for table, count in gone.items() if count]
        return Measurement(
            {
                "gap_seconds": Fact(times["test"].first - times["train"].last, "s"),
                "overlap_rows": Fact(sum(early.values())),
                "missing_times": Fact(sum(gone.values())),
                "n": Fact(rows),
                "in_order": Fact(all(a < b for a, b in pairwise(ends))),
                **({"rows_after_end": Fact(sum(late.values()))} if declared else {}),
                "embargo_seconds": Fact(embargo, "s"),
                "embargo_violations": Fact(sum(hasty.values())),
            },
            tuple(findings),
        )


def _closer(tables: TableFiles, times: Mapping[str, Times], table: str, least: float | None) -> int:
    """Rows of a table that are not shown to lie `least` seconds (None: at all) after every row of the tables before it."""
    before = [times[name] for name in list(times)[: list(times).index(table)]]
    if any(found.missing for found in before):
        return tables.rows[table]
    last, x = max(found.last for found in before), times[table].seconds
    later = f"{x} > {last!r}::DOUBLE" if least is None else f"{x} - {last!r}::DOUBLE >= {least!r}::DOUBLE"
    [(rows,)] = tables.ask(f"SELECT count(*) FILTER (NOT coalesce({later}, false)) FROM {table}")  # noqa: S608 - names are quoted
    return int(rows)


def _after(tables: TableFiles, times: Mapping[str, Times], table: str, end: float) -> int:
    [(rows,)] = tables.ask(f"SELECT count(*) FILTER ({times[table].seconds} > {end!r}::DOUBLE) FROM {table}")  # noqa: S608 - names are quoted
    return int(rows)


def _ends(path: Path) -> dict[str, float]:
    """The ends of the split file in seconds, by table. Raises DataError when it is unreadable, or an end is missing or no time."""
    document = read_structured(path)
    if not isinstance(document, dict):
        raise DataError(f"{path} is no map of ends to times.")
    return {table: _seconds(path, key, document.get(key)) for table, key in ENDS.items()}


def _seconds(path: Path, key: str, value: Any) -> float:
    try:
        return written_seconds(value)
    except ValueError:
        raise DataError(f"{path}: {key} is {value!r}, which is no time.", hint="Write it as 2026-01-31T12:00:00.") from None
