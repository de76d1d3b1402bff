"""Windows over counters that only grow: what was counted in the last so many seconds, by release.

Rules it keeps:
* A window is a sum of increments between successive snapshots. Counts of processes, epochs and windows are merged by adding; nothing here
  is an average.
* Counters start again from zero when the data plane does, and say so by their `boot_id`: the first snapshot of a new life is its own
  increment. What the old life counted after its last snapshot is lost, never guessed.
* Counters that fall within one life are not believed: that step contributes nothing, and is counted as `unbelieved`.
* Time missing between snapshots stays missing: `seconds` is what the increments really span.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.errors import FaultError
from gonogo.stats.latency import FORMAT as LATENCY_FORMAT
from gonogo.stats.latency import LatencyHistogram

KEPT_SECONDS = 3600.0


@dataclass(frozen=True)
class Counts:
    """One release's counts: requests assigned and bad ones, latencies by bucket, and rows by bin of every feature and of the score.

    The last count of a feature is that of missing values.
    """

    n: int = 0
    bad: int = 0
    latency: Mapping[str, int] = field(default_factory=dict)
    latency_us: float = 0.0
    rows: int = 0
    features: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    score: tuple[int, ...] = ()

    def histogram(self) -> LatencyHistogram:
        counts = {bucket: times for bucket, times in self.latency.items() if times}
        return LatencyHistogram.from_json({"format": LATENCY_FORMAT, "total_us": max(0.0, self.latency_us), "counts": counts})

    def plus(self, other: Counts, sign: int = 1) -> Counts:
        """The sum; with `sign` -1 the difference."""
        names = {**self.features, **other.features}
        return Counts(
            n=self.n + sign * other.n,
            bad=self.bad + sign * other.bad,
            latency={b: self.latency.get(b, 0) + sign * other.latency.get(b, 0) for b in {**self.latency, **other.latency}},
            latency_us=self.latency_us + sign * other.latency_us,
            rows=self.rows + sign * other.rows,
            features={name: _add(self.features.get(name, ()), other.features.get(name, ()), sign) for name in names},
            score=_add(self.score, other.score, sign),
        )

    @property
    def possible(self) -> bool:
        """No count is below zero."""
        bins = (*self.score, *(count for counts in self.features.values() for count in counts))
        return min((self.n, self.bad, self.rows, *self.latency.values(), *bins)) >= 0


@dataclass(frozen=True)
class Snapshot:
    """Cumulative counts as a data plane told them, at `at` steady seconds. `in_service` are the releases with a share of the traffic."""

    at: float
    boot_id: str
    releases: Mapping[str, Counts]
    in_service: tuple[str, ...] = ()


@dataclass(frozen=True)
class Window:
    """What was counted by release, over `seconds` that were really seen."""

    seconds: float
    releases: Mapping[str, Counts]
    in_service: tuple[str, ...] = ()

    def of(self, release: str) -> Counts:
        return self.releases.get(release, Counts())


class Windows:
    """Takes snapshots, gives windows."""

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self.unbelieved = 0
        self._kept = kept_seconds
        self._last: Snapshot | None = None
        self._steps: deque[tuple[float, float, Mapping[str, Counts]]] = deque()

    def add(self, snapshot: Snapshot) -> None:
        """Take the next snapshot. The first one ever only tells where counting begins."""
        last, self._last = self._last, snapshot
        if last is None or snapshot.at < last.at:
            return
        same_life = last.boot_id == snapshot.boot_id
        grown = {
            release: counts.plus(last.releases.get(release, Counts()), -1) if same_life else counts
            for release, counts in snapshot.releases.items()
        }
        believed = {release: counts for release, counts in grown.items() if counts.possible}
        self.unbelieved += len(grown) - len(believed)
        self._steps.append((last.at, snapshot.at, believed))
        while self._steps and self._steps[0][1] < snapshot.at - self._kept:
            self._steps.popleft()

    def window(self, seconds: float) -> Window:
        """The increments of the last so many seconds, up to the last snapshot; steps that reach beyond the window belong to it."""
        if self._last is None:
            return Window(0.0, {})
        since, spanned = self._last.at - seconds, 0.0
        total: dict[str, Counts] = {}
        for began, ended, grown in self._steps:
            if ended > since:
                spanned += ended - began
                for release, counts in grown.items():
                    total[release] = total.get(release, Counts()).plus(counts)
        return Window(spanned, total, self._last.in_service)


def read_snapshot(data: Mapping[str, Any], at: float) -> Snapshot:
    """A snapshot from what a data plane says of itself (the control API's `/observe`). Raises FaultError when it cannot be read."""
    try:
        arms = list((data.get("counters") or {}).values())
        drift, latency = data.get("drift") or {}, data.get("latency") or {}
        names = {*data["releases"], *drift, *latency, *(release for epoch in arms for release in epoch)}
        releases = {str(name): _counts(name, arms, latency.get(name), drift.get(name)) for name in names}
        table = data.get("table") or {}
        in_service = tuple(str(arm["release"]) for arm in table.get("arms", ()) if arm["weight_bp"])
        return Snapshot(at, str(data["boot_id"]), releases, in_service)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FaultError(f"the service's counters cannot be read: {error!r}.", hint="Is it of this version of gonogo?") from error


def _counts(name: str, arms: list[Mapping[str, Any]], latency: Mapping[str, Any] | None, drift: Mapping[str, Any] | None) -> Counts:
    mine = [epoch[name] for epoch in arms if name in epoch]
    return Counts(
        n=sum(int(arm["n"]) for arm in mine),
        bad=sum(int(arm["bad"]) for arm in mine),
        latency={str(bucket): int(times) for bucket, times in latency["counts"].items()} if latency else {},
        latency_us=float(latency["total_us"]) if latency else 0.0,
        rows=int(drift["rows"]) if drift else 0,
        features={str(feature): tuple(int(count) for count in counts) for feature, counts in drift["features"].items()} if drift else {},
        score=tuple(int(count) for count in drift["score"]) if drift else (),
    )


def _add(one: tuple[int, ...], other: tuple[int, ...], sign: int) -> tuple[int, ...]:
    if not other:
        return one
    if not one:
        one = (0,) * len(other)
    return tuple(a + sign * b for a, b in zip(one, other, strict=True))
