"""The label store: what was predicted, one small record a row, and what was true, whenever that becomes known.

One SQLite file. The prediction log's writer records predictions (`record`), `POST /feedback` and `gonogo feedback` bring labels (`take`),
the watch reads counts (`counts`). Rules it keeps:

* A label and a prediction meet in whatever order they come. A label whose prediction is not known waits.
* The last label of a row wins: a correction takes the old one out of every count and puts the new one in.
* Counts are integers by the hour in which the prediction was made (its cohort), so that hours, releases and stores are added exactly.
* Recording a spool again, after a crash, changes nothing.
* A label is one of the classes of the release that predicted, or it is refused by name. Nothing is guessed.
* A declared slice of a release is counted like a release of its own, called RELEASE#FEATURE=VALUE. A prediction remembers in which slices
  it was by one small number, never by the values of its features.
* What a shadow computed for a request is called shadow-ID, and gets the label of ID as well, whatever comes first.
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

from gonogo.base.database import database_errors, file_of, open_database, transaction
from gonogo.model.slices import Slices
from gonogo.service.labels.booking import Booking, StoredRow
from gonogo.service.labels.counts import LabelCounts, read_counts, sample_labels
from gonogo.service.labels.rows import rows_of, slices_of

HOUR = 3600
AT_ONCE = 10_000  #: rows in a transaction, so that labels and predictions get their turns
MOST_LABELS = 10_000  #: in one request
OF = "#"  #: between a release and its slice
SHADOW = "shadow-"  #: before the id of a request that a shadow got a copy of
NOT_SAID = -1  #: the row of a label that names none

SCHEMA = """
CREATE TABLE IF NOT EXISTS release(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, classes TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS spool(name TEXT PRIMARY KEY, frames INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prediction(
  id TEXT NOT NULL, row INTEGER NOT NULL, rows INTEGER NOT NULL, release INTEGER NOT NULL, hour INTEGER NOT NULL,
  score REAL NOT NULL, predicted INTEGER NOT NULL, actual INTEGER, slices INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(id, row)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS combination(number INTEGER PRIMARY KEY, parts TEXT NOT NULL UNIQUE) STRICT;
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


class LabelStore:
    """The file `path`, made if it is not there. Safe for several processes, each with its own. Every method raises StorageError.

    `slices` are told apart in what this one records.
    """

    def __init__(self, path: Path, slices: Slices | None = None) -> None:
        self.path = path
        self._slices = slices or {}
        self._connection = open_database(path)
        self._file = file_of(path)
        with database_errors(path):
            self._connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}COMMIT;")
        with transaction(self._connection, path):  # a file from before there were slices
            if "slices" not in [column[1] for column in self._connection.execute("PRAGMA table_info(prediction)")]:
                self._connection.execute("ALTER TABLE prediction ADD COLUMN slices INTEGER NOT NULL DEFAULT 0")

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    def still_there(self) -> bool:
        """False when the file was removed or replaced: what is written here would be lost."""
        return file_of(self.path) == self._file

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
            new = sum(self._record_frame(frame, cohorts) for frame in frames if frame["kind"] == "predictions")
            self._connection.executemany(
                "INSERT INTO cohort VALUES(?,?,?) ON CONFLICT DO UPDATE SET rows = rows + excluded.rows",
                [(*key, count) for key, count in cohorts.items()],
            )
            self._connection.execute(
                "INSERT INTO spool VALUES(?,?) ON CONFLICT DO UPDATE SET frames = max(frames, excluded.frames)", (spool, done)
            )
            self._join_waiting()
            self._join_shadows(frames)
        return new

    def _record_frame(self, frame: Mapping[str, Any], cohorts: Counter[tuple[int, int]]) -> int:
        """How many of its rows were new; they are added to `cohorts`, by (release or slice, hour)."""
        release, hour = self._release(frame["release"], frame["classes"]), int(frame["time"]) // HOUR
        combinations, parts = self._combinations(frame)
        new = 0
        for row, combination in zip(rows_of(frame, release, hour), combinations, strict=True):
            if self._connection.execute("INSERT OR IGNORE INTO prediction VALUES(?,?,?,?,?,?,?,NULL,?)", (*row, combination)).rowcount:
                new += 1
                for part in parts[combination]:
                    cohorts[part, hour] += 1
        cohorts[release, hour] += new
        return new

    def _combinations(self, frame: Mapping[str, Any]) -> tuple[list[int], dict[int, list[int]]]:
        """The number of each row's combination of slices, 0 for none, and which slices each is made of."""
        names, within = slices_of(frame, self._slices)
        kinds, which = np.unique(within, axis=0, return_inverse=True)
        numbers, parts = [], {}
        for kind in kinds:
            of = [self._release(f"{frame['release']}{OF}{names[place]}", frame["classes"]) for place in np.flatnonzero(kind).tolist()]
            number = self._combination(json.dumps(of)) if of else 0
            numbers.append(number)
            parts[number] = of
        return [numbers[place] for place in which.ravel().tolist()], parts

    def _combination(self, parts: str) -> int:
        self._connection.execute("INSERT OR IGNORE INTO combination(parts) VALUES(?)", (parts,))
        return int(self._connection.execute("SELECT number FROM combination WHERE parts = ?", (parts,)).fetchone()[0])

    def _release(self, name: str, classes: Sequence[str]) -> int:
        self._connection.execute("INSERT OR IGNORE INTO release(name, classes) VALUES(?,?)", (name, json.dumps(list(classes))))
        return int(self._connection.execute("SELECT number FROM release WHERE name = ?", (name,)).fetchone()[0])

    def _join_waiting(self) -> None:
        """Labels that came before their predictions."""
        found = self._connection.execute(
            "SELECT w.row, w.label, p.* FROM waiting w JOIN prediction p ON p.id = w.id AND p.row = max(w.row, 0)"
        ).fetchall()
        if not found:
            return
        booking = Booking(self._connection)
        classes, shadows = self._classes(), self._shadows()
        for asked, label, *stored in found:
            row = StoredRow(*stored)
            if _why_not(asked, label, row, classes) is None:
                booking.move(row, classes[row.release].index(label))
                self._label_shadow(booking, row.id, row.row, label, classes, shadows)
            else:
                self._connection.execute(_LOSE, ("refused", 1))
            self._connection.execute("DELETE FROM waiting WHERE id = ? AND row = ?", (row.id, asked))
        booking.write()

    def _join_shadows(self, frames: Sequence[Mapping[str, Any]]) -> None:
        """What shadows computed for requests that have their labels already."""
        ids = [name for frame in frames if frame["kind"] == "predictions" for name in frame["ids"] if name.startswith(SHADOW)]
        if not ids:
            return
        booking, classes = Booking(self._connection), self._classes()
        for name in ids:
            for row, label, release in self._connection.execute(
                "SELECT row, actual, release FROM prediction WHERE id = ? AND actual IS NOT NULL", (name.removeprefix(SHADOW),)
            ).fetchall():
                self._label_shadow(booking, name.removeprefix(SHADOW), row, classes[release][label], classes, {})
        booking.write()

    def _shadows(self) -> dict[tuple[str, int], int] | None:
        """None when no shadow has computed anything; else a place to remember what they were labelled in this transaction."""
        some = self._connection.execute("SELECT 1 FROM prediction WHERE id >= ? AND id < ? LIMIT 1", (SHADOW, SHADOW[:-1] + ".")).fetchone()
        return None if some is None else {}

    def _label_shadow(
        self,
        booking: Booking,
        prediction_id: str,
        place: int,
        label: str,
        classes: Mapping[int, Sequence[str]],
        fresh: dict[tuple[str, int], int] | None,
    ) -> None:
        """Give the label of a row to what a shadow computed for it. A class that the shadow does not know is lost."""
        if fresh is None:
            return
        found = self._connection.execute("SELECT * FROM prediction WHERE id = ? AND row = ?", (SHADOW + prediction_id, place)).fetchone()
        if found is None:
            return
        row = StoredRow(*found)
        row = row._replace(actual=fresh.get((row.id, row.row), row.actual))
        if label not in classes[row.release]:
            self._connection.execute(_LOSE, ("refused", 1))
            return
        actual = classes[row.release].index(label)
        if row.actual != actual:
            fresh[row.id, row.row] = actual
            booking.move(row, actual)

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
        classes, shadows = self._classes(), self._shadows()
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
                self._label_shadow(booking, prediction_id, max(row, 0), label, classes, shadows)
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
            self._label_shadow(booking, prediction_id, stored.row, label, classes, shadows)
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
            found = self._connection.execute("SELECT name FROM release WHERE instr(name, ?) = 0 ORDER BY number", (OF,))
            return [str(name) for (name,) in found]

    def slices(self, release: str) -> tuple[str, ...]:
        """The slices that rows of the release were in, sorted."""
        with database_errors(self.path):
            found = self._connection.execute("SELECT name FROM release WHERE instr(name, ?) = 1", (release + OF,))
            return tuple(sorted(str(name).removeprefix(release + OF) for (name,) in found))

    def counts(self, release: str, since: float, until: float, part: str = "") -> LabelCounts | None:
        """Of predictions made in the hours that begin from `since` (inclusive) to `until` (exclusive), seconds since 1970; of the slice
        `part` when it is named. None for a release that has predicted nothing."""
        hours = (-(-int(since) // HOUR), -(-int(until) // HOUR))
        with database_errors(self.path):
            return read_counts(self._connection, f"{release}{OF}{part}" if part else release, *hours)

    def labels(self, release: str, since: float, until: float, most: int) -> list[tuple[str, int, str]]:
        """(prediction id, row, label) of predictions made in the hours from `since` to before `until`: all that have a label, or `most` of
        them, chosen by chance and the same ones each time."""
        with database_errors(self.path):
            return sample_labels(self._connection, release, (-(-int(since) // HOUR), -(-int(until) // HOUR)), most)

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
