"""Labels given and taken back in one transaction, added up before they are written."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from typing import NamedTuple

import numpy as np

from gonogo.stats.score_table import fixed_point, score_bin


class StoredRow(NamedTuple):
    """A prediction as it is stored."""

    id: str
    row: int
    rows: int
    release: int
    hour: int
    score: float
    predicted: int
    actual: int | None
    slices: int  #: the number of its combination of slices; 0 for none


class Booking:
    """Labels given and taken back in one transaction, added up before they are written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._given: list[tuple[int, str, int]] = []
        self._moves: list[tuple[StoredRow, int, int]] = []  # row, class, 1 or -1

    def move(self, row: StoredRow, actual: int) -> None:
        """Count `row` as `actual`, and no longer as what it was counted as."""
        if row.actual is not None:
            self._moves.append((row, row.actual, -1))
        self._moves.append((row, actual, 1))
        self._given.append((actual, row.id, row.row))

    def write(self) -> None:
        if not self._moves:
            return
        scores = np.array([row.score for row, _, _ in self._moves])
        scored: dict[tuple[int, ...], list[int]] = {}
        confused: Counter[tuple[int, ...]] = Counter()
        within = {
            int(number): tuple(json.loads(parts)) for number, parts in self._connection.execute("SELECT number, parts FROM combination")
        }
        binary = {
            int(number): len(json.loads(classes)) == 2
            for number, classes in self._connection.execute("SELECT number, classes FROM release")
        }
        for (row, actual, sign), index, total in zip(self._moves, score_bin(scores).tolist(), fixed_point(scores).tolist(), strict=True):
            outcome = actual == 1 if binary[row.release] else actual == row.predicted
            for counted in (row.release, *within.get(row.slices, ())):
                cell = scored.setdefault((counted, row.hour, index, int(outcome)), [0, 0])
                cell[0] += sign
                cell[1] += sign * total
                confused[counted, row.hour, row.predicted, actual] += sign
        self._connection.executemany("UPDATE prediction SET actual = ? WHERE id = ? AND row = ?", self._given)
        self._connection.executemany(
            "INSERT INTO scored VALUES(?,?,?,?,?,?) ON CONFLICT DO UPDATE SET n = n + excluded.n, total = total + excluded.total",
            [(*key, *cell) for key, cell in scored.items()],
        )
        self._connection.executemany(
            "INSERT INTO confused VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [(*key, count) for key, count in confused.items()],
        )
