"""Domains of columns as words: `label in {0, 1}` (these values) or `age in [0, 120]` (this closed interval)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gonogo.base.table import TableFiles, literal
from gonogo.errors import UsageError

_WORDS = re.compile(r"\s*(?P<column>.+?)\s+in\s+(?:\{(?P<values>[^{}]+)\}|\[(?P<low>[^,\[\]]+),(?P<high>[^,\[\]]+)\])\s*")


@dataclass(frozen=True)
class Domain:
    """One column and where its values must lie: one of `values`, or between `low` and `high`."""

    text: str
    column: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Domain:
        """Raises UsageError when the words say no domain."""
        found = _WORDS.fullmatch(text)
        if found is None:
            raise UsageError(f"{text!r} is no domain.", hint="Write `label in {0, 1}` or `age in [0, 120]`.")
        if found["values"] is not None:
            return cls(text, found["column"], tuple(value.strip() for value in found["values"].split(",")))
        low, high = _number(text, found["low"]), _number(text, found["high"])
        if not low <= high:
            raise UsageError(f"{text!r}: the interval is empty.", hint="Write the smaller number first.")
        return cls(text, found["column"], low=low, high=high)

    def violations(self, tables: TableFiles, table: str) -> int:
        """Rows whose value lies elsewhere or is missing: all, when the table lacks the column."""
        if not tables.has(table, self.column):
            return tables.rows[table]
        column, kind = tables.column(table, self.column), tables.kinds[table][self.column]
        if kind == "number" and self.values:
            inside = f"{column} IN ({', '.join(f'{_number(self.text, value)!r}::DOUBLE' for value in self.values)})"
        elif self.values:
            inside = f"CAST({column} AS VARCHAR) IN ({', '.join(map(literal, self.values))})"
        elif kind == "number":
            inside = f"{column} BETWEEN {self.low!r}::DOUBLE AND {self.high!r}::DOUBLE"
        else:
            return tables.rows[table]
        [(rows,)] = tables.ask(f"SELECT count(*) FILTER (NOT coalesce({inside}, false)) FROM {table}")  # noqa: S608 - quoted
        return int(rows)


def _number(text: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise UsageError(f"{text!r}: {word.strip()!r} is no number.", hint="The column holds numbers; write numbers.")
    return value
