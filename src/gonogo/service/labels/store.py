"""The label store: what was predicted, one small record a row, and what was true, whenever that becomes known.

One SQLite file. The prediction log's writer records predictions (`record`), `POST /feedback` and `gonogo feedback` bring labels (`take`),
the watch reads counts (`counts`). Rules it keeps:

* A label and a prediction meet in whatever order they come. A label whose prediction is not known waits.
* The last label of a row wins: a correction takes the old one out of every count and puts the new one in.
* Counts are integers by the hour in which the prediction was made (its cohort), so that hours, releases and stores are added exactly.
* Recording a spool again, after a crash, changes nothing.
* A label is one of the classes of the release that predicted, or it is refused by name. Nothing is guessed.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gonogo.base.database import database_errors, open_database, transaction
from gonogo.model.runtime import Array
from gonogo.service.labels.booking import Booking, StoredRow
from gonogo.stats.score_table import ScoreTable

HOUR = 3600
AT_ONCE = 10_000  #: rows in a transaction, so that labels and predictions get their turns
MOST_LABELS = 10_000  #: in one request
NOT_SAID = -1  #: the row of a label that names none

SCHEMA = """
CREATE TABLE IF NOT EXISTS release(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, classes TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS spool(name TEXT PRIMARY KEY, frames INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prediction(
  id TEXT NOT NULL, row INTEGER NOT NULL, rows INTEGER NOT NULL, release INTEGER NOT NULL, hour INTEGER NOT NULL,
  score REAL NOT NULL, predicted INTEGER NOT NULL, actual INTEGER, PRIMARY KEY(id, row)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting(
  id TEXT NOT NULL, row INTEGER NOT NULL, label TEXT NOT NULL, hour INTEGER NOT NULL, PRIMARY KEY(id, row)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cohort(release INTEGER, hour INTEGER, rows INTEGER NOT NULL, PRIMARY KEY(release, hour)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scored(
  release INTEGER, hour INTEGER, bin INTEGER, outcome INTEGER, n INTEGER NOT NULL, total INTEGER NOT NULL,
  PRIMARY KEY(release, hour, bin, outcome)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS confused(
  release INTEGER, hour INTEGER, predicted INTEGER, actual INTEGER, n INTEGER NOT NULL, PRIMARY KEY(release, hour, predicted, actual)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lost(why TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_LOSE = "INSERT INTO lost VALUES(?,?) ON CONFLICT DO UPDATE SET n = n + excluded.n"


class Label(NamedTuple):
    """What was true of a row of a prediction. `row` may be left out (None) where the request had one row."""

    prediction_id: str
    label: str
    row: int | None = None


@dataclass
class Taken:
    """What came of labels: joined now, changing an earlier one, the same as before, waiting for their prediction, refused (place, why)."""

    joined: int = 0
    changed: int = 0
    same: int = 0
    waiting: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


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


class LabelStore:
    """The file `path`, made if it is not there. Safe for several processes, each with its own. Every method raises StorageError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = open_database(path)
        with database_errors(path):
            self._connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}COMMIT;")

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    # -- predictions ------------------------------------------------------------------------------------------------------------

    def record(self, spool: str, frames: Iterable[Mapping[str, Any]]) -> int:
        """Record the prediction frames of a spool (`prediction_log/frames.py`); how many rows were new. Goes on where it was cut off."""
        new = 0
        waiting: list[Mapping[str, Any]] = []
        rows = done = 0
        with database_errors(self.path):
            begun = self._connection.execute("SELECT frames FROM spool WHERE name = ?", (spool,)).fetchone()
        for number, frame in enumerate(frames, start=1):
            if begun is not None and number <= begun[0]:
                continue
            waiting.append(frame)
            rows += sum(frame.get("rows", ()))
            done = number
            if rows >= AT_ONCE:
                new += self._record(spool, waiting, done)
                waiting, rows = [], 0
        if waiting:
            new += self._record(spool, waiting, done)
        return new

    def _record(self, spool: str, frames: Sequence[Mapping[str, Any]], done: int) -> int:
        with transaction(self._connection, self.path):
            cohorts: Counter[tuple[int, int]] = Counter()
            for frame in frames:
                if frame["kind"] == "predictions":
                    release, hour = self._release(frame["release"], frame["classes"]), int(frame["time"]) // HOUR
                    start = self._connection.total_changes
                    self._connection.executemany("INSERT OR IGNORE INTO prediction VALUES(?,?,?,?,?,?,?,NULL)", _rows(frame, release, hour))
                    cohorts[release, hour] += self._connection.total_changes - start
            self._connection.executemany(
                "INSERT INTO cohort VALUES(?,?,?) ON CONFLICT DO UPDATE SET rows = rows + excluded.rows",
                [(*key, count) for key, count in cohorts.items()],
            )
            self._connection.execute(
                "INSERT INTO spool VALUES(?,?) ON CONFLICT DO UPDATE SET frames = max(frames, excluded.frames)", (spool, done)
            )
            self._join_waiting()
        return cohorts.total()

    def _release(self, name: str, classes: Sequence[str]) -> int:
        self._connection.execute("INSERT OR IGNORE INTO release(name, classes) VALUES(?,?)", (name, json.dumps(list(classes))))
        return int(self._connection.execute("SELECT number FROM release WHERE name = ?", (name,)).fetchone()[0])

    def _join_waiting(self) -> None:
        """Labels that came before their predictions."""
        found = self._connection.execute(
            "SELECT w.row, w.label, p.id, p.row, p.rows, p.release, p.hour, p.score, p.predicted, p.actual FROM waiting w"
            " JOIN prediction p ON p.id = w.id AND p.row = max(w.row, 0)"
        ).fetchall()
        if not found:
            return
        booking = Booking(self._connection)
        classes = self._classes()
        for asked, label, *stored in found:
            row = StoredRow(*stored)
            if _why_not(asked, label, row, classes) is None:
                booking.move(row, classes[row.release].index(label))
            else:
                self._connection.execute(_LOSE, ("refused", 1))
            self._connection.execute("DELETE FROM waiting WHERE id = ? AND row = ?", (row.id, asked))
        booking.write()

    # -- labels -----------------------------------------------------------------------------------------------------------------

    def take(self, labels: Sequence[Label], now: float) -> Taken:
        """Take labels at `now` (seconds since 1970): all that can be taken are, and are on disk when this returns; the others are named."""
        taken = Taken()
        for start in range(0, len(labels), AT_ONCE):
            with transaction(self._connection, self.path):
                self._take(labels[start : start + AT_ONCE], start, int(now) // HOUR, taken)
        return taken

    def _take(self, labels: Sequence[Label], start: int, hour: int, taken: Taken) -> None:
        booking = Booking(self._connection)
        classes = self._classes()
        known = {label for names in classes.values() for label in names}
        fresh: dict[tuple[str, int], int] = {}  # what this call has given rows that are read again before they are written
        for place, (prediction_id, label, asked) in enumerate(labels, start=start):
            row = NOT_SAID if asked is None else asked
            found = self._connection.execute("SELECT * FROM prediction WHERE id = ? AND row = ?", (prediction_id, max(row, 0))).fetchone()
            if found is None:
                if (why := self._why_not_wait(prediction_id, row, label, known)) is not None:
                    taken.refused.append((place, why))
                    continue
                self._connection.execute("INSERT OR REPLACE INTO waiting VALUES(?,?,?,?)", (prediction_id, row, label, hour))
                taken.waiting += 1
                continue
            stored = StoredRow(*found)
            stored = stored._replace(actual=fresh.get((stored.id, stored.row), stored.actual))
            if (why := _why_not(row, label, stored, classes)) is not None:
                taken.refused.append((place, why))
                continue
            actual = classes[stored.release].index(label)
            if stored.actual == actual:
                taken.same += 1
                continue
            taken.changed += stored.actual is not None
            taken.joined += stored.actual is None
            fresh[stored.id, stored.row] = actual
            booking.move(stored, actual)
        booking.write()

    def _why_not_wait(self, prediction_id: str, row: int, label: str, known: set[str]) -> str | None:
        """Why a label without a prediction cannot ever meet one."""
        if known and label not in known:
            return f"{label!r} is no class of any release ({_listed(known)})"
        first = self._connection.execute("SELECT rows FROM prediction WHERE id = ? AND row = 0", (prediction_id,)).fetchone()
        return None if first is None else f"the prediction {prediction_id} has no row {row}: it has {first[0]}, from 0"

    def _classes(self) -> dict[int, tuple[str, ...]]:
        found = self._connection.execute("SELECT number, classes FROM release")
        return {int(number): tuple(json.loads(classes)) for number, classes in found}

    # -- counts -----------------------------------------------------------------------------------------------------------------

    def releases(self) -> list[str]:
        with database_errors(self.path):
            return [str(name) for (name,) in self._connection.execute("SELECT name FROM release ORDER BY number")]

    def counts(self, release: str, since: float, until: float) -> LabelCounts | None:
        """Of predictions made in the hours that begin from `since` (inclusive) to `until` (exclusive), seconds since 1970. None for a
        release that has predicted nothing."""
        hours = (-(-int(since) // HOUR), -(-int(until) // HOUR))
        with database_errors(self.path):
            known = self._connection.execute("SELECT number, classes FROM release WHERE name = ?", (release,)).fetchone()
            if known is None:
                return None
            number, classes = int(known[0]), tuple(json.loads(known[1]))
            within = "WHERE release = ? AND hour >= ? AND hour < ?"
            ask = self._connection.execute
            rows = ask(f"SELECT coalesce(sum(rows), 0) FROM cohort {within}", (number, *hours)).fetchone()[0]  # noqa: S608 - constants
            scored = ask(f"SELECT bin, outcome, sum(n), sum(total) FROM scored {within} GROUP BY 1, 2", (number, *hours))  # noqa: S608
            table = ScoreTable()
            for index, outcome, count, total in scored:
                table.counts[index, outcome], table.sums[index, outcome] = count, total
            confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
            confused = ask(f"SELECT predicted, actual, sum(n) FROM confused {within} GROUP BY 1, 2", (number, *hours))  # noqa: S608
            for predicted, actual, count in confused:
                confusion[predicted, actual] = count
        return LabelCounts(int(rows), int(confusion.sum()), table, confusion, classes)

    def labelled(self) -> bool:
        """Whether any prediction has a label, or had one."""
        with database_errors(self.path):
            return self._connection.execute("SELECT 1 FROM confused LIMIT 1").fetchone() is not None

    def version(self) -> int:
        """Another number as soon as another process, or another store of this one, has changed the file."""
        with database_errors(self.path):
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def waiting(self) -> int:
        """Labels whose predictions are not known."""
        with database_errors(self.path):
            return int(self._connection.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def lost(self) -> dict[str, int]:
        """Labels that were taken and came to nothing: `refused` when their prediction came, `expired` because it never did."""
        with database_errors(self.path):
            return {"refused": 0, "expired": 0, **dict(self._connection.execute("SELECT why, n FROM lost"))}

    def forget(self, before: float) -> None:
        """Remove predictions made, and labels waiting since, before a time (seconds since 1970). What they were counted as stays."""
        hour = int(before) // HOUR
        with transaction(self._connection, self.path):
            self._connection.execute("DELETE FROM prediction WHERE hour < ?", (hour,))
            expired = self._connection.execute("DELETE FROM waiting WHERE hour < ?", (hour,)).rowcount
            self._connection.execute(_LOSE, ("expired", expired))
            self._connection.execute("DELETE FROM spool WHERE name < ?", (f"{int(before * 1e9):020d}",))


def _rows(frame: Mapping[str, Any], release: int, hour: int) -> Iterable[tuple[Any, ...]]:
    counts, classes = frame["rows"], len(frame["classes"])
    scores = np.frombuffer(frame["scores"], dtype=np.float64).reshape(sum(counts), classes)
    predicted = scores.argmax(axis=1)
    score = scores[:, 1] if classes == 2 else scores.max(axis=1)
    at = 0
    for prediction_id, count in zip(frame["ids"], counts, strict=True):
        for row in range(count):
            yield prediction_id, row, count, release, hour, float(score[at]), int(predicted[at])
            at += 1


def _why_not(asked: int, label: str, row: StoredRow, classes: Mapping[int, Sequence[str]]) -> str | None:
    """Why the label cannot be that of the row; None when it can."""
    if asked == NOT_SAID and row.rows > 1:
        return f"the prediction {row.id} has {row.rows} rows: say which (row 0 to {row.rows - 1})"
    if label not in classes[row.release]:
        return f"{label!r} is no class of the release that predicted ({_listed(classes[row.release])})"
    return None


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:10]) + (" …" if len(shown) > 10 else "")
