"""What the signals would have said at moments gone by, from the counters that the history keeps.

Rules it keeps:
* A moment is seen as the watch saw it: the same signals, over the same windows of sums, against the same baselines and what was usual then.
  What the service says of itself at a look only (memory, processor, weights) is not in the counters: those signals have no value here.
* A window is the sum of the buckets that end in it: of minutes while those are kept (25 hours), before that of hours, then of days. A
  bucket is never divided: a window that is shorter than the buckets of its time is as long as one, and its readings say so
  (`window_seconds`), so no rule that asks for the shorter one concerns them.
* Labels are those that are known now, of the cohorts that were mature then: more of them than the watch had.
* A moment at which nobody looked is left out. A release is in service when it was at the last bucket before the moment.
* Sums run from bucket to bucket, so that a window is one subtraction however long it is.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.counts import SERVICE, Counts
from gonogo.monitor.history import DAY, HOUR, LAST_DAY, MINUTE, SAME_HOUR, Bucket, History
from gonogo.monitor.judging import asked, measure
from gonogo.monitor.packing import REAL, WHOLE
from gonogo.monitor.signal import Baselines, Labels, NoLabels, Reading, Sight, Signal, Usual
from gonogo.monitor.windows import Window
from gonogo.stats.bins import Array


@dataclass(frozen=True)
class Then:
    """A moment gone by: what was measured, over `resolution` seconds at the finest, of which releases, and what could not be."""

    moment: datetime
    readings: list[Reading]
    in_service: tuple[str, ...]
    problems: list[str]
    resolution: float


def readings_over(
    history: History,
    signals: Sequence[Signal],
    baselines: Baselines,
    since: datetime,
    until: datetime,
    step: timedelta,
    rules: Sequence[Rule] = (),
    labels: Labels | None = None,
) -> Iterator[tuple[datetime, list[Reading]]]:
    """The readings of the signals, over their own windows and those that rules ask for, at every `step` from `since` to `until` (the
    present minute does not count yet), oldest first. Raises StorageError; ValueError for a step that is no whole number of minutes."""
    for then in looks_over(history, signals, baselines, since, until, step, rules, labels):
        yield then.moment, then.readings


def looks_over(
    history: History,
    signals: Sequence[Signal],
    baselines: Baselines,
    since: datetime,
    until: datetime,
    step: timedelta,
    rules: Sequence[Rule] = (),
    labels: Labels | None = None,
) -> Iterator[Then]:
    """See `readings_over`; with what else a judgement needs."""
    every = int(step.total_seconds())
    if every < MINUTE or every % MINUTE:
        raise ValueError(f"a step of {step} is no whole number of minutes")
    by_name = asked(rules, signals)
    longest = max((*(rule.window_seconds or 0.0 for rule in by_name.values()), *(signal.window_seconds for signal in signals), DAY))
    last = int(until.timestamp()) // MINUTE * MINUTE
    first = last - (last - int(since.timestamp())) // every * every
    past = _Past(history, first - longest - HOUR, last)
    for at in range(first, last + 1, every):
        if (resolution := past.looked(at, every)) is None:
            continue
        seen = _Moment(past, at, baselines, labels or NoLabels())
        problems: list[str] = []
        readings = measure(signals, by_name, seen.sight, problems)
        told = {(reading.signal, *sorted(reading.labels.items()), seen.seconds(reading.window_seconds)): reading for reading in readings}
        spans = [replace(reading, window_seconds=seen.seconds(reading.window_seconds)) for reading in told.values()]
        yield Then(seen.now, spans, seen.in_service, problems, resolution)


class _Past:
    """Running sums of every release that was counted in a time, and what was usual before it (`signal.Past`)."""

    def __init__(self, history: History, since: float, until: float) -> None:
        self._history = history
        self._weeks: dict[tuple[str, int], Counts] = {}
        found = {release: history.buckets(release, since, until) for release in (SERVICE, *history.releases())}
        self.sums = {release: _Sums(buckets) for release, buckets in found.items() if buckets}

    def looked(self, at: int, within: int) -> int | None:
        """The length of the last bucket of the service before `at`; None when it ended longer ago than `within` and than itself."""
        bucket = self.sums[SERVICE].last(at) if SERVICE in self.sums else None
        return bucket.length if bucket is not None and bucket.end > at - max(within, bucket.length) else None

    def same_hour_of_week(self, release: str, moment: datetime) -> Counts:
        key = (release, int(moment.timestamp()) // HOUR)
        if key not in self._weeks:
            self._weeks[key] = self._history.same_hour_of_week(release, moment)
        return self._weeks[key]

    def usual(self, release: str, before: datetime) -> Usual:
        weeks, end = self.same_hour_of_week(release, before), before.timestamp()
        if weeks.seconds:
            return Usual(weeks, SAME_HOUR)
        return Usual(self.sums[release].between(end - DAY, end) if release in self.sums else Counts(), LAST_DAY)


class _Moment:
    """What may be looked at, at one moment."""

    def __init__(self, past: _Past, at: int, baselines: Baselines, labels: Labels) -> None:
        self._past, self._at, self._baselines, self._labels = past, at, baselines, labels
        self.now = datetime.fromtimestamp(at, UTC)
        last = {release: sums.last(at) for release, sums in past.sums.items()}
        whole = last.pop(SERVICE)
        end = 0 if whole is None or whole.counts.unwell >= whole.counts.looks else whole.end
        here = [release for release, bucket in last.items() if bucket is not None and bucket.end == end and bucket.counts.looks]
        self.in_service = tuple(sorted(here))

    def seconds(self, window: float) -> float:
        """How long the window is: no shorter than the first of the buckets that end in it."""
        first = self._past.sums[SERVICE].first(self._at - window)
        return window if first is None else max(window, float(first.length))

    def sight(self, window: float) -> Sight:
        low = self._at - self.seconds(window)
        counts = {release: sums.between(low, self._at) for release, sums in self._past.sums.items()}
        failing = {release: self._past.sums[release].failing(self._at) for release in self.in_service}
        seen = Window(counts[SERVICE].seconds, counts, self.in_service, failing)
        return Sight(seen, self._baselines, {}, self.now, self._past, self._labels, self.seconds(window))


class _Sums:
    """Buckets of one release, and the sums of all up to each."""

    def __init__(self, buckets: Sequence[Bucket]) -> None:
        self._buckets = buckets
        self._ends = [bucket.end for bucket in buckets]
        counts = [bucket.counts for bucket in buckets]
        self._latency = sorted({name for one in counts for name in one.latency}, key=int)
        self._outside = sorted({name for one in counts for name in one.outside})
        self._features = {name: len(bins) for one in counts for name, bins in one.features.items()}
        self._score = max(len(one.score) for one in counts)
        self._fine = max(len(one.fine) for one in counts)
        self._whole = _running(np.array([self._row(one) for one in counts], dtype=np.int64))
        self._real = _running(np.array([[getattr(one, name) for name in REAL] for one in counts], dtype=np.float64))
        self._failing: list[int] = []
        for one in counts:
            good = one.n - one.bad - one.client_errors > 0
            self._failing.append(0 if good else (self._failing[-1] if self._failing else 0) + one.bad)

    def last(self, at: float) -> Bucket | None:
        """The newest bucket that ends by `at`."""
        place = bisect.bisect_right(self._ends, at)
        return self._buckets[place - 1] if place else None

    def first(self, after: float) -> Bucket | None:
        """The oldest bucket that ends after it."""
        place = bisect.bisect_right(self._ends, after)
        return self._buckets[place] if place < len(self._buckets) else None

    def failing(self, at: float) -> int:
        """Bad answers up to `at` since the last bucket that had a good one."""
        place = bisect.bisect_right(self._ends, at)
        return self._failing[place - 1] if place else 0

    def between(self, low: float, high: float) -> Counts:
        """The sum of the buckets that end after `low` and by `high`."""
        begin, end = bisect.bisect_right(self._ends, low), bisect.bisect_right(self._ends, high)
        if begin >= end:
            return Counts()
        taken = iter((self._whole[end] - self._whole[begin]).tolist())

        def take(size: int) -> tuple[int, ...]:
            return tuple(itertools.islice(taken, size))

        numbers = dict(zip(WHOLE, take(len(WHOLE)), strict=True))
        return Counts(
            **numbers,
            **dict(zip(REAL, (self._real[end] - self._real[begin]).tolist(), strict=True)),
            latency={name: times for name, times in zip(self._latency, take(len(self._latency)), strict=True) if times},
            outside=dict(zip(self._outside, take(len(self._outside)), strict=True)),
            features={name: take(size) for name, size in self._features.items()},
            score=take(self._score),
            fine=take(self._fine),
        )

    def _row(self, one: Counts) -> list[int]:
        row = [getattr(one, name) for name in WHOLE]
        row += [one.latency.get(name, 0) for name in self._latency]
        row += [one.outside.get(name, 0) for name in self._outside]
        for name, size in self._features.items():
            row += _of_size(one.features.get(name, ()), size)
        return row + _of_size(one.score, self._score) + _of_size(one.fine, self._fine)


def _of_size(bins: Sequence[int], size: int) -> list[int]:
    if bins and len(bins) != size:
        raise ValueError(f"{len(bins)} bins among buckets of {size}")
    return list(bins) if bins else [0] * size


def _running(rows: Array) -> Array:
    sums = np.zeros((len(rows) + 1, rows.shape[1]), dtype=rows.dtype)
    np.cumsum(rows, axis=0, out=sums[1:])
    return sums
