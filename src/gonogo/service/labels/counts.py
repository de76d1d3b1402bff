"""What the label store has counted, added up over hours."""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import dataclass

import numpy as np

from gonogo.model.runtime import Array
from gonogo.stats.score_table import ScoreTable


@dataclass(frozen=True)
class LabelCounts:
    """Of the predictions of a release over some hours: how many rows, how many of them labelled, the scores by outcome, and the confusion
    matrix [predicted, actual]. The outcome is that of the last class of a binary task; of more classes, that the highest score was right.
    """

    rows: int
    labelled: int
    table: ScoreTable
    confusion: Array
    classes: tuple[str, ...]

    @property
    def coverage(self) -> float | None:
        return self.labelled / self.rows if self.rows else None


def read_counts(connection: sqlite3.Connection, name: str, first: int, end: int) -> LabelCounts | None:
    """Of the release (or slice) of that name, from the hour `first` to before the hour `end` (since 1970). None when it is not known."""
    known = connection.execute("SELECT number, classes FROM release WHERE name = ?", (name,)).fetchone()
    if known is None:
        return None
    number, classes = int(known[0]), tuple(json.loads(known[1]))
    ask, of = connection.execute, (number, first, end)
    within = "WHERE release = ? AND hour >= ? AND hour < ?"
    rows = ask(f"SELECT coalesce(sum(rows), 0) FROM cohort {within}", of).fetchone()[0]  # noqa: S608 - constants
    table = ScoreTable()
    for index, outcome, count, total in ask(f"SELECT bin, outcome, sum(n), sum(total) FROM scored {within} GROUP BY 1, 2", of):  # noqa: S608
        table.counts[index, outcome], table.sums[index, outcome] = count, total
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for predicted, actual, count in ask(f"SELECT predicted, actual, sum(n) FROM confused {within} GROUP BY 1, 2", of):  # noqa: S608
        confusion[predicted, actual] = count
    return LabelCounts(int(rows), int(confusion.sum()), table, confusion, classes)


def sample_labels(connection: sqlite3.Connection, release: str, hours: tuple[int, int], most: int) -> list[tuple[str, int, str]]:
    """(prediction id, row, label) of labelled predictions of the hours from the first to before the second: all, or `most` of them."""
    known = connection.execute("SELECT number, classes FROM release WHERE name = ?", (release,)).fetchone()
    if known is None:
        return []
    chosen: list[tuple[str, int, int]] = []
    generator = random.Random(0)  # noqa: S311 - a sample, no secret
    question = "SELECT id, row, actual FROM prediction WHERE release = ? AND hour >= ? AND hour < ? AND actual IS NOT NULL"
    for number, row in enumerate(connection.execute(question, (known[0], *hours))):
        if number < most:
            chosen.append(row)
        elif (place := generator.randrange(number + 1)) < most:
            chosen[place] = row
    classes = json.loads(known[1])
    return [(name, row, classes[actual]) for name, row, actual in chosen]
