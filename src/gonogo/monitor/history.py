"""What was counted, remembered: by minute for a day, by hour for 35 days, by day for 400, in one SQLite file of the store.

    history.db   bucket(ring, start, release, rolled, body)    layout(id, names)    cursor(id, revision, body)

Rules it keeps:
* A bucket holds sums (`Counts`), packed (`packing.py`). A coarser bucket is the sum of its finer ones; nothing is averaged.
* Buckets are of UTC by the time of the look, so that neither a change of the clocks nor a time zone moves anything. Increments that come
  when the clock has jumped back are added to the bucket of that time.
* What is added and how far counting has come (the cursor: the last snapshot) are one transaction. A watch that dies goes on from there:
  nothing is counted twice, and nothing is lost that the service still knows.
* Two watches of one system cannot both add: the later one is refused (ConflictError).
* It is bounded by the number of buckets of a ring, not by their age, so a clock that is wrong for a while costs at most as many buckets.
"""

from __future__ import annotations

import json
import math
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gonogo.base.clock import Clock, SystemClock
from gonogo.base.database import database_errors, file_of, open_database, transaction
from gonogo.errors import ConflictError
from gonogo.monitor.counts import SERVICE, Counts
from gonogo.monitor.packing import layout_of, names_of, pack, unpack
from gonogo.monitor.signal import Usual
from gonogo.monitor.windows import Snapshot, Windows

MINUTE, HOUR, DAY = 60, 3600, 86400
KEPT = {MINUTE: 25 * 60, HOUR: 35 * 24, DAY: 400}  #: buckets of each ring
WEEK = 7 * DAY
WEEKS = 4
SAME_HOUR, LAST_DAY = "the same hour of the week", "the 24 hours before"
LEAST_SECONDS = 1800.0  #: an hour of which less was seen does not speak for that hour
MOST_REMEMBERED = 100
TOLD_SECONDS = 3600.0  #: how long it is told that the file was lost
LEVEL = 6  #: of compression
PAGE_BYTES = 16384  #: a bucket of a minute has about a thousand, of which pages of 4096 would waste a third
SCHEMA = """
CREATE TABLE IF NOT EXISTS bucket(
  ring INTEGER NOT NULL, start INTEGER NOT NULL, release TEXT NOT NULL, rolled INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(ring, start, release)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS layout(id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS cursor(id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
"""


@dataclass(frozen=True)
class Bucket:
    """What was counted from `start` (seconds since 1970) for `length` seconds."""

    start: int
    length: int
    counts: Counts

    @property
    def end(self) -> int:
        return self.start + self.length


class History:
    """The counts of one system in the file `path`. Every method raises StorageError when the file cannot be used."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self.path = path
        self._clock: Clock = clock or SystemClock()
        self._mutex = threading.Lock()
        self._revision = 0
        self._added: dict[str, Counts] = {}  # of the windows' totals, what is in the file
        self._usual: dict[tuple[str, int], Usual] = {}
        self._layouts: dict[int, Mapping[str, Any]] = {}
        self._lost: float | None = None
        self._open()

    def close(self) -> None:
        self._connection.close()

    @property
    def lost(self) -> str:
        """For an hour after the file was found to be gone, or another one: what is told of it."""
        if self._lost is None or self._clock.monotonic() - self._lost > TOLD_SECONDS:
            return ""
        return f"the history is gone: {self.path} was removed or replaced; what was counted before is lost"

    def _open(self) -> None:
        self._connection = open_database(self.path, page_bytes=PAGE_BYTES)
        with database_errors(self.path):
            self._connection.executescript(SCHEMA)
        self._file = file_of(self.path)

    @contextmanager
    def _there(self) -> Iterator[None]:
        """Alone with the file that lies at the path: one that was removed or replaced is left, and another one begun."""
        with self._mutex:
            if file_of(self.path) != self._file:
                self._connection.close()
                self._usual.clear()
                self._layouts.clear()
                self._open()
                self._lost = self._clock.monotonic()
                with database_errors(self.path):
                    row = self._connection.execute("SELECT revision FROM cursor").fetchone()
                self._revision = 0 if row is None else int(row[0])
            yield

    # -- writing -------------------------------------------------------------------------------------------------------------

    def restore(self, windows: Windows) -> None:
        """Fill new windows with the last day, and learn where counting stands. Snapshots are stamped with the clock's steady time."""
        moment, steady = self._clock.now().timestamp(), self._clock.monotonic()
        minutes: dict[int, dict[str, Counts]] = {}
        with self._there(), database_errors(self.path):
            row = self._connection.execute("SELECT revision, body FROM cursor").fetchone()
            for start, release, body in self._connection.execute(
                "SELECT start, release, body FROM bucket WHERE ring = ? AND start BETWEEN ? AND ? ORDER BY start",
                (MINUTE, int(moment) - KEPT[MINUTE] * MINUTE, int(moment)),
            ):
                minutes.setdefault(start, {})[release] = self._unpacked(body)
        self._revision = 0 if row is None else int(row[0])
        last = None if row is None else _snapshot(_json(row[1]), moment, steady)
        windows.begin(last, ((steady - max(0.0, moment - start - MINUTE), grown) for start, grown in minutes.items()))
        self._added = dict(windows.totals)

    def add(self, windows: Windows) -> None:
        """Write down what the windows have counted since the last time. Raises ConflictError when another watch has
        written meanwhile: then what this one has counted since is left to the other."""
        now = self._clock.now()
        totals = dict(windows.totals)
        grown = {release: counts.plus(self._added.get(release, Counts()), -1) for release, counts in totals.items()}
        minute = _floor(now.timestamp(), MINUTE)
        try:
            with self._there(), transaction(self._connection, self.path):
                self._advance(windows.last, now)
                for release, counts in grown.items():
                    if (counts.looks or counts.n) and self._add(MINUTE, minute, release, counts):
                        self._roll(minute, release, counts)
                if self._close_minutes(minute):
                    self._forget()
        except BaseException as error:
            self._layouts.clear()  # a number that was given is not, when what gave it is undone
            if isinstance(error, ConflictError):
                self._added = totals
            raise
        self._revision += 1
        self._added = totals

    def _advance(self, last: Snapshot | None, now: datetime) -> None:
        row = self._connection.execute("SELECT revision FROM cursor").fetchone()
        stored = 0 if row is None else int(row[0])
        if stored != self._revision:
            self._revision = stored
            raise ConflictError("another watch of this system writes its history.", hint="Let one process watch, and stop the other.")
        releases = {} if last is None else {release: counts.to_json() for release, counts in last.releases.items()}
        body = _packed(None if last is None else {"boot_id": last.boot_id, "time": now.timestamp(), "releases": releases})
        self._connection.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?, ?)", (stored + 1, body))

    def _add(self, ring: int, start: int, release: str, counts: Counts) -> bool:
        """Add to a bucket. True when it was already added up into the coarser ones."""
        key = (ring, start, release)
        row = self._connection.execute("SELECT rolled, body FROM bucket WHERE ring = ? AND start = ? AND release = ?", key).fetchone()
        rolled, before = (0, Counts()) if row is None else (int(row[0]), self._unpacked(row[1]))
        total = before.plus(counts)
        body = pack(total, self._layout(names_of(total)))
        self._connection.execute("INSERT OR REPLACE INTO bucket VALUES (?, ?, ?, ?, ?)", (*key, rolled, body))
        return bool(rolled)

    def _layout(self, names: str) -> int:
        """The number under which the names of a bucket are kept."""
        self._connection.execute("INSERT OR IGNORE INTO layout(names) VALUES (?)", (names,))
        return int(self._connection.execute("SELECT id FROM layout WHERE names = ?", (names,)).fetchone()[0])

    def _unpacked(self, body: bytes) -> Counts:
        layout = layout_of(body)
        if layout is not None and layout not in self._layouts:
            row = self._connection.execute("SELECT names FROM layout WHERE id = ?", (layout,)).fetchone()
            if row is None:
                raise ValueError(f"a bucket is damaged: nobody knows its layout {layout}")
            self._layouts[layout] = json.loads(row[0])
        return unpack(body, None if layout is None else self._layouts[layout])

    def _roll(self, minute: int, release: str, counts: Counts) -> None:
        for ring in (HOUR, DAY):
            self._add(ring, _floor(minute, ring), release, counts)

    def _close_minutes(self, minute: int) -> bool:
        """Add all minutes but the present one to their hours and days, once. True when there were any."""
        rows = self._connection.execute(
            "SELECT start, release, body FROM bucket WHERE ring = ? AND rolled = 0 AND start <> ?", (MINUTE, minute)
        ).fetchall()
        for start, release, body in rows:
            self._roll(start, release, self._unpacked(body))
            self._connection.execute("UPDATE bucket SET rolled = 1 WHERE ring = ? AND start = ? AND release = ?", (MINUTE, start, release))
        return bool(rows)

    def _forget(self) -> None:
        for ring, most in KEPT.items():
            oldest = self._connection.execute(
                "SELECT start FROM bucket WHERE ring = ? GROUP BY start ORDER BY start DESC LIMIT 1 OFFSET ?", (ring, most - 1)
            ).fetchone()
            if oldest is not None:
                self._connection.execute("DELETE FROM bucket WHERE ring = ? AND start < ?", (ring, oldest[0]))

    # -- reading -------------------------------------------------------------------------------------------------------------

    def window(self, release: str, seconds: float) -> Counts:
        """What was counted in the last so many seconds, up to one bucket more: of a minute for a day, of an hour for 35 days, else of a
        day. What was counted in the last minute may still be missing."""
        now = self._clock.now()
        total = Counts()
        for _, counts in self._buckets(release, now.timestamp() - seconds, now.timestamp(), longest=DAY):
            total = total.plus(counts)
        return total

    def series(self, release: str, since: datetime, until: datetime, step: timedelta) -> list[tuple[datetime, Counts]]:
        """Counts by step, each with its beginning, oldest first; steps in which nobody looked are left out. A bucket belongs to the step
        in which it ends. Buckets are not longer than a step, so a step of less than an hour finds only the last day. Raises ValueError
        for a step that is no whole number of minutes."""
        every, low = int(step.total_seconds()), int(since.timestamp())
        if every < MINUTE or every % MINUTE:
            raise ValueError(f"a step of {step} is no whole number of minutes")
        found: dict[int, Counts] = {}
        for start, counts in self._buckets(release, low, until.timestamp(), longest=every):
            at = low + _floor(max(0, start - low), every)
            found[at] = found.get(at, Counts()).plus(counts)
        return [(datetime.fromtimestamp(at, UTC), counts) for at, counts in sorted(found.items())]

    def buckets(self, release: str, since: float, until: float) -> list[Bucket]:
        """All that end after `since` and by `until`, oldest first: every time is in one bucket, of the finest ring that still holds it."""
        found: list[Bucket] = []
        begin = until
        for ring, coarser in ((MINUTE, HOUR), (HOUR, DAY), (DAY, 0)):
            end, begin = begin, min(until, max(since, self._holds_from(ring, coarser))) if coarser else since
            rows = self._rows(ring, release, math.floor(begin) - ring + 1 if begin == since else math.ceil(begin), math.floor(end) - ring)
            found = [*(Bucket(start, ring, counts) for start, counts in rows), *found]
            if begin <= since:
                break
        return found

    def minutes_from(self) -> datetime:
        """Since when every minute is still there by itself; now when none is."""
        first = self._holds_from(MINUTE, HOUR)
        return self._clock.now() if math.isinf(first) else datetime.fromtimestamp(first, UTC)

    def _holds_from(self, ring: int, coarser: int) -> float:
        """The first bucket of the coarser ring of which this one still has everything; infinity when it has nothing."""
        with self._there(), database_errors(self.path):
            first, kept = self._connection.execute(
                "SELECT min(start), count(DISTINCT start) FROM bucket WHERE ring = ?", (ring,)
            ).fetchone()
        if first is None:
            return math.inf
        return float(_floor(first + coarser - 1, coarser) if kept >= KEPT[ring] else _floor(first, coarser))

    def releases(self) -> list[str]:
        """Every release that is remembered."""
        with self._there(), database_errors(self.path):
            rows = self._connection.execute("SELECT DISTINCT release FROM bucket WHERE release <> ? ORDER BY release", (SERVICE,))
            return [str(row[0]) for row in rows]

    def same_hour_of_week(self, release: str, moment: datetime, weeks: int = WEEKS) -> Counts:
        """The sum of the hours that began whole weeks before the hour of `moment`, those left out that were hardly seen."""
        total, hour = Counts(), _floor(moment.timestamp(), HOUR)
        for back in range(1, weeks + 1):
            start = hour - back * WEEK
            for _, counts in self._rows(HOUR, release, start, start):
                total = total.plus(counts) if counts.seconds >= LEAST_SECONDS else total
        return total

    def usual(self, release: str, before: datetime) -> Usual:
        """See `signal.Past`. Read anew every five minutes."""
        key = (release, _floor(before.timestamp(), 300))
        if key not in self._usual:
            if len(self._usual) > MOST_REMEMBERED:
                self._usual.clear()
            weeks, total, end = self.same_hour_of_week(release, before), Counts(), before.timestamp()
            if not weeks.seconds:
                for _, counts in self._rows(MINUTE, release, int(end - DAY), int(end - MINUTE)):
                    total = total.plus(counts)
            self._usual[key] = Usual(weeks, SAME_HOUR) if weeks.seconds else Usual(total, LAST_DAY)
        return self._usual[key]

    def _buckets(self, release: str, since: float, until: float, *, longest: int) -> list[tuple[int, Counts]]:
        """Buckets that end after `since` and begin before `until`, of the finest ring that reaches so far back, none longer than
        `longest`."""
        age = self._clock.now().timestamp() - since
        rings = [ring for ring in KEPT if ring <= longest]
        ring = next((ring for ring in rings if age <= (KEPT[ring] - 1) * ring), rings[-1])
        return self._rows(ring, release, int(since) - ring + 1, math.ceil(until) - 1)

    def _rows(self, ring: int, release: str, first: int, last: int) -> list[tuple[int, Counts]]:
        """Buckets that begin from `first` to `last`, oldest first."""
        with self._there(), database_errors(self.path):
            rows = self._connection.execute(
                "SELECT start, body FROM bucket WHERE ring = ? AND start BETWEEN ? AND ? AND release = ? ORDER BY start",
                (ring, first, last, release),
            ).fetchall()
            return [(int(start), self._unpacked(body)) for start, body in rows]


def _floor(moment: float, step: int) -> int:
    return int(moment // step) * step


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":"), allow_nan=False).encode(), LEVEL)


def _json(body: bytes) -> Any:
    """Raises ValueError when it is damaged."""
    try:
        return json.loads(zlib.decompress(body))
    except zlib.error as error:
        raise ValueError(f"a bucket is damaged: {error}") from error


def _snapshot(data: Mapping[str, Any] | None, moment: float, steady: float) -> Snapshot | None:
    if data is None:
        return None
    releases = {release: Counts.from_json(counts) for release, counts in data["releases"].items()}
    return Snapshot(steady - max(0.0, moment - data["time"]), data["boot_id"], releases)
