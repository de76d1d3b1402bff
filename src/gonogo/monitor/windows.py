"""Windows over counters that only grow: what was counted in the last so many seconds, by release.

Rules it keeps:
* A window is a sum of increments between successive snapshots. Counts of processes, epochs and windows are merged by adding; nothing here
  is an average.
* Counters start again from zero when the data plane does, and say so by their `boot_id`: the first snapshot of a new life is its own
  increment. What the old life counted after its last snapshot is lost, never guessed.
* Counters that fall within one life are not believed: that step contributes nothing, and is counted as `unbelieved`.
* Time missing between snapshots stays missing: `seconds` is what the increments really span.
* What was kept is the sum of everything at a number of marks, the fewer the older they are: a window begins at a mark, and is longer than
  asked by a fiftieth at most (or by one look).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gonogo.errors import FaultError
from gonogo.monitor.counts import SERVICE, Counts, read_counts

KEPT_SECONDS = 25 * 3600.0
FINENESS = 50  #: marks lie no further apart than their age divided by this
LONGEST_SECONDS = 60.0  #: a new life of the counters is not taken to have begun longer ago


@dataclass(frozen=True)
class Snapshot:
    """Cumulative counts as a data plane told them, at `at` steady seconds. `in_service` are the releases with a share of the traffic,
    `unwell` those of them that were not healthy."""

    at: float
    boot_id: str
    releases: Mapping[str, Counts]
    in_service: tuple[str, ...] = ()
    unwell: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Window:
    """What was counted by release, over `seconds` that were really seen. `failing`: bad answers of a release since its last good one, as
    far as looks can tell them apart. No release is in service while the service does not answer."""

    seconds: float
    releases: Mapping[str, Counts]
    in_service: tuple[str, ...] = ()
    failing: Mapping[str, int] = field(default_factory=dict)

    def of(self, release: str) -> Counts:
        """Of the service as a whole: `of(SERVICE)`."""
        return self.releases.get(release, Counts())


@dataclass(frozen=True)
class _Mark:
    at: float
    totals: Mapping[str, Counts]


class Windows:
    """Takes snapshots, gives windows. `totals` is everything that was counted since it was made; `last` the newest snapshot."""

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self.unbelieved = 0
        self.last: Snapshot | None = None
        self.totals: dict[str, Counts] = {}
        self._kept = kept_seconds
        self._marks: list[_Mark] = []
        self._now = 0.0
        self._seen = False
        self._failing: dict[str, int] = {}

    def begin(self, last: Snapshot | None, steps: Iterable[tuple[float, Mapping[str, Counts]]]) -> None:
        """Go on from what an earlier one has kept: its last snapshot, and increments, each with the steady time at which it ended, oldest
        first."""
        self.last = last
        for at, grown in steps:
            self._marks = self._marks or [_Mark(at - LONGEST_SECONDS, {})]
            self._grow(at, grown)

    def add(self, snapshot: Snapshot) -> None:
        """Take the next snapshot. The first one ever only tells where counting begins."""
        last, self.last = self.last, snapshot
        self._seen = True
        if not self._marks:
            self._marks = [_Mark(snapshot.at, {})]
            self._now = snapshot.at
        if last is None or snapshot.at < last.at:
            return
        self._grow(snapshot.at, self._between(last, snapshot))

    def missed(self, at: float) -> None:
        """Somebody looked and the service did not answer."""
        self._seen = False
        self._marks = self._marks or [_Mark(at, {})]
        self._grow(max(at, self._now), {SERVICE: Counts(looks=1, unwell=1)})

    def window(self, seconds: float) -> Window:
        """The increments of the last so many seconds, up to the last snapshot; steps that reach beyond the window belong to it."""
        if not self._marks:
            return Window(0.0, {})
        since = self._now - seconds
        before = next((mark for mark in reversed(self._marks) if mark.at <= since), self._marks[0])
        total = {release: counts.plus(before.totals.get(release, Counts()), -1) for release, counts in self.totals.items()}
        in_service = self.last.in_service if self.last is not None and self._seen else ()
        return Window(total.get(SERVICE, Counts()).seconds, total, in_service, dict(self._failing))

    def _between(self, last: Snapshot, snapshot: Snapshot) -> dict[str, Counts]:
        same_life = last.boot_id == snapshot.boot_id
        seconds = snapshot.at - last.at if same_life else min(snapshot.at - last.at, LONGEST_SECONDS)
        believed: dict[str, Counts] = {}
        for release, counts in snapshot.releases.items():
            grown = counts.plus(last.releases.get(release, Counts()), -1) if same_life else counts
            if not grown.possible:
                self.unbelieved += 1
                continue
            looks = int(release in snapshot.in_service)
            believed[release] = replace(grown, seconds=seconds, looks=looks, unwell=int(release in snapshot.unwell))
            good = grown.n - grown.bad - grown.client_errors
            self._failing[release] = 0 if good > 0 else self._failing.get(release, 0) + grown.bad
        whole = Counts(seconds=seconds, looks=1)
        for counts in believed.values():
            whole = whole.plus(_requests(counts))
        return {**believed, SERVICE: whole}

    def _grow(self, at: float, grown: Mapping[str, Counts]) -> None:
        for release, counts in grown.items():
            self.totals[release] = self.totals.get(release, Counts()).plus(counts)
        self._now = at
        self._marks.append(_Mark(at, dict(self.totals)))
        self._marks = _thinned(self._marks, at, self._kept)


def _requests(counts: Counts) -> Counts:
    """What is added up over releases."""
    return Counts(**{name: getattr(counts, name) for name in ("n", "bad", "client_errors", "server_errors", "unread", "invalid")})


def _thinned(marks: list[_Mark], now: float, kept_seconds: float) -> list[_Mark]:
    """Those that are needed: the newest one beyond what is kept, and after it none that lies closer to its neighbours than its age asks."""
    first = max((index for index, mark in enumerate(marks) if mark.at <= now - kept_seconds), default=0)
    kept = [marks[first]]
    for mark, after in zip(marks[first + 1 :], marks[first + 2 :], strict=False):
        if after.at - kept[-1].at > (now - after.at) / FINENESS:
            kept.append(mark)
    return [*kept, marks[-1]] if len(marks) - first > 1 else kept


def read_snapshot(data: Mapping[str, Any], at: float) -> Snapshot:
    """A snapshot from what a data plane says of itself (the control API's `/observe`). Raises FaultError when it cannot be read."""
    try:
        arms = list((data.get("counters") or {}).values())
        drift, latency = data.get("drift") or {}, data.get("latency") or {}
        states = data["releases"]
        names = {*states, *drift, *latency, *(release for epoch in arms for release in epoch)}
        releases = {str(name): read_counts(arms, name, latency.get(name), drift.get(name)) for name in names}
        table = data.get("table") or {}
        in_service = tuple(str(arm["release"]) for arm in table.get("arms", ()) if arm["weight_bp"])
        unwell = frozenset(name for name in in_service if not _well(states.get(name) or {}))
        return Snapshot(at, str(data["boot_id"]), releases, in_service, unwell)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FaultError(f"the service's counters cannot be read: {error!r}.", hint="Is it of this version of gonogo?") from error


def _well(state: Mapping[str, Any]) -> bool:
    return state.get("alive") is True and state.get("healthy") is True
