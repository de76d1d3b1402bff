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

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gonogo.model.runtime import Array
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
        self._booked: deque[Booking] = deque()
        self._seen: deque[Computed] = deque()
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
        """Add up what was booked and seen; at most about `most` entries, when given, so that the event loop is not held up."""
        left = len(self._booked) if most is None else min(most, len(self._booked))
        if left:
            self._add([self._booked.popleft() for _ in range(left)])
        if self._drift is not None and self._seen:
            taken: list[tuple[dict[str, Array], Array]] = []
            rows = 0
            while self._seen and (most is None or rows < most):
                computed = self._seen.popleft()
                taken.append((computed.batch, computed.scores))
                rows += len(computed.scores)
            self._drift.add(taken)

    def _add(self, taken: Sequence[Booking]) -> None:
        latencies: dict[str, list[float]] = {}
        for _, release, _, _, seconds in taken:
            latencies.setdefault(release, []).append(seconds * 1e6)
        for (epoch, release, status, bad), times in Counter(booking[:4] for booking in taken).items():
            row = self._counts.setdefault(epoch, {}).setdefault(release, dict.fromkeys(COUNTED, 0))
            row["n"] += times
            row["bad"] += times * bad
            row["2xx" if status < 300 else "4xx" if status < 500 else "5xx"] += times
            if status in REASONS:
                row[REASONS[status]] += times
        for release, microseconds in latencies.items():
            histogram = self._latency.setdefault(release, LatencyHistogram())
            if len(microseconds) >= MANY:
                histogram.add_many(np.array(microseconds))
            else:
                for latency in microseconds:
                    histogram.add(latency)

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
