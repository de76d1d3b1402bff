"""What a worker counts: answers by epoch and assigned arm, latency by arm, and live values against the release's baseline.

Rules it keeps:

1. On the request's path there is one append; adding up happens later, in slices.
2. Every number is cumulative and additive: the numbers of processes, of epochs and of windows are merged by adding, nothing else.
3. A request is counted once, for the arm it was assigned to, by the process that accepted it. Who computed it does not matter
   (intention to treat): an arm that is answered for by another one still has its bad answers.

`snapshot()` is JSON: `counters` {epoch: {release: {n, bad, "2xx", "4xx", "5xx", unread, invalid}}}, where `unread` (400, 413, 415: the body
could not be read) and `invalid` (422: features that cannot be used) are among the 4xx; `latency` {release: histogram}, `drift` {release:
see `drift.py`}, `shadow` {release: see `shadow.py`}, `faults` n.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from gonogo.service.answering.batching import Computed
from gonogo.service.drift import DriftCounter
from gonogo.stats.latency import LatencyHistogram

Booking = tuple[int, str, int, bool, float]
MANY = 256  #: from here on an array is quicker than one by one
SLICE = 4096  #: bookings or rows that are added up at a time
COUNTED = ("n", "bad", "2xx", "4xx", "5xx", "unread", "invalid")
REASONS = {400: "unread", 413: "unread", 415: "unread", 422: "invalid"}


class Counters:
    """The counters of one worker since it started. `book` and `see` are cheap; `settle` adds up."""

    def __init__(self, release: str, drift: DriftCounter | None = None) -> None:
        self._release = release
        self._drift = drift
        self._booked: list[Booking] = []
        self._seen: list[Computed] = []
        self._counts: dict[int, dict[str, dict[str, int]]] = {}
        self._latency: dict[str, LatencyHistogram] = {}
        self.shadow: dict[str, dict[str, Any]] = {}  #: what copies of requests to each release came to
        self.faults = 0  #: exceptions that were caught at a boundary
        self.book = self._booked.append  #: (epoch, assigned release, status, bad, seconds)
        #: remember what was computed, to be compared with the baseline
        self.see: Callable[[Computed], None] = self._seen.append if drift is not None else _unseen

    @property
    def waiting(self) -> int:
        return len(self._booked) + len(self._seen)

    def settle(self, most: int | None = None) -> None:
        """Add up what was booked and seen; with `most` that many bookings and rows (or one call's rows, if it had more) and no others, so
        that the event loop is not held up."""
        if self._booked:
            booked = self._booked[:most]
            del self._booked[: len(booked)]
            self._add(booked)
        if self._drift is not None and self._seen:
            scores = [computed.scores for computed in self._seen[:most]]
            if most is not None and sum(map(len, scores)) > most:
                scores = scores[: max(1, bisect_right(list(accumulate(map(len, scores))), most))]
            taken = self._seen[: len(scores)]
            del self._seen[: len(taken)]
            inputs = {name: np.concatenate([computed.batch[name] for computed in taken]) for name in taken[0].batch}
            self._drift.add(inputs, np.concatenate(scores))

    def _add(self, booked: Sequence[Booking]) -> None:
        answers: defaultdict[tuple[int, str, int, bool], list[float]] = defaultdict(list)
        for epoch, release, status, bad, seconds in booked:
            answers[epoch, release, status, bad].append(seconds)
        for (epoch, release, status, bad), took in answers.items():
            row = self._counts.setdefault(epoch, {}).setdefault(release, dict.fromkeys(COUNTED, 0))
            row["n"] += len(took)
            row["bad"] += len(took) * bad
            row["2xx" if status < 300 else "4xx" if status < 500 else "5xx"] += len(took)
            if status in REASONS:
                row[REASONS[status]] += len(took)
            histogram = self._latency.setdefault(release, LatencyHistogram())
            if len(took) >= MANY:
                histogram.add_many(np.array(took) * 1e6)
            else:
                for seconds in took:
                    histogram.add(seconds * 1e6)

    def snapshot(self) -> dict[str, Any]:
        """Everything so far, as JSON. Settles first."""
        self.settle()
        return {
            "counters": {str(epoch): {release: dict(row) for release, row in arms.items()} for epoch, arms in self._counts.items()},
            "latency": {release: histogram.to_json() for release, histogram in self._latency.items()},
            "drift": {} if self._drift is None else {self._release: self._drift.to_json()},
            "shadow": {release: dict(row) for release, row in self.shadow.items()},
            "faults": self.faults,
        }


def _unseen(computed: Computed) -> None:
    """There is no baseline to compare with."""


def by_release(counters: Mapping[str, Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """A snapshot's counts by release, over all epochs."""
    total: dict[str, dict[str, int]] = {}
    for arms in counters.values():
        for release, row in arms.items():
            into = total.setdefault(release, dict.fromkeys(row, 0))
            for name, count in row.items():
                into[name] += count
    return total
