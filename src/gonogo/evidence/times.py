"""Times as seconds: those of a table's time column, and those that stand in a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gonogo.base.numbers import is_finite_number
from gonogo.base.table import TableFiles
from gonogo.errors import DataError, UsageError
from gonogo.evidence.inputs import ProjectView


@dataclass(frozen=True)
class Times:
    """One table's times: `seconds` is SQL, NULL where a row has none; `missing` counts these; `first` and `last` are the ends."""

    seconds: str
    missing: int
    first: float
    last: float


def written_seconds(value: Any) -> float:
    """A time of ISO 8601 as seconds since 1970, UTC where it names no zone; a finite number is taken as seconds. Raises ValueError."""
    if is_finite_number(value):
        return float(value)
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_times(project: ProjectView, tables: TableFiles) -> dict[str, Times]:
    """The times of every table. Raises UsageError when the project declares no time column, DataError when a table has no usable times.

    Times are dates or timestamps, or numbers of seconds; text and infinities are none.
    """
    name = project.data.time
    if name is None:
        raise UsageError("the project declares no time column.", hint="Add `data.time` to gonogo.yaml.")
    found: dict[str, Times] = {}
    for table in tables.files:
        column = tables.column(table, name)
        kind = tables.kind(table, name)
        if kind is None:
            raise DataError(f"{table}: the time column {name!r} is empty.")
        if kind == "text":
            raise DataError(f"{table}: the time column {name!r} holds text.", hint="Write times as 2026-01-31 or 2026-01-31T12:00:00.")
        seconds = column if kind == "number" else f"(epoch_us({column}) / 1e6)"
        sql = f"SELECT count(*) - count({seconds}), min({seconds}), max({seconds}), count(*) FILTER (NOT isfinite({column})) FROM {table}"  # noqa: S608
        [(missing, first, last, infinite)] = tables.ask(sql)
        if infinite:
            raise DataError(f"{table}: the time column {name!r} holds infinities.")
        found[table] = Times(seconds, int(missing), float(first), float(last))
    return found
