"""What became of predictions, as signals see it: cohorts that are old enough, and how many of their rows have a label.

Labels come late, and not all come. A figure is computed over the cohorts (hours of prediction) that are mature, and judged where enough of
their rows have a label; its coverage stands beside it always. No label is never "all is well": without any, there is no value.

Coverage does not mend choice: when only some kinds of rows are ever labelled (only granted loans are repaid or not), the figures are of
those kinds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gonogo.errors import StorageError
from gonogo.monitor.signal import Labels, Sight, Signal
from gonogo.service.labels.counts import LabelCounts
from gonogo.service.labels.store import HOUR, LabelStore


@dataclass(frozen=True)
class Mature:
    """The mature cohorts of a release over some time: hours that begin from `since` to before `until` (seconds since 1970).

    `counts` is None when nothing was predicted there that a label could be of. `enough`: at least one row, and the share of them that is
    asked for, has a label.
    """

    counts: LabelCounts | None
    since: float
    until: float
    enough: bool

    @property
    def details(self) -> dict[str, Any]:
        """What is told beside every figure."""
        if self.counts is None or not self.counts.rows:
            return {"rows": 0, "coverage": None, "since": self.since, "until": self.until}
        return {
            "rows": self.counts.rows, "labelled": self.counts.labelled, "coverage": self.counts.coverage, "since": self.since,
            "until": self.until,
        }  # fmt: skip


def newest_mature(labels: Labels, now: datetime) -> float:
    """The end of the newest mature cohort, seconds since 1970: a cohort is mature so long after its hour began."""
    return float((now.timestamp() - labels.mature_after_seconds) // HOUR * HOUR + HOUR)


def mature(labels: Labels, release: str, now: datetime, seconds: float, part: str = "") -> Mature:
    """The cohorts of the last so many seconds that are mature; at least one hour. `part` names a slice."""
    until = newest_mature(labels, now)
    since = until - max(seconds, HOUR)
    counts = labels.counts(release, since, until, part)
    coverage = counts.coverage if counts is not None else None
    return Mature(counts, since, until, bool(counts and counts.labelled and coverage is not None and coverage >= labels.least_coverage))


def asked(signal: Signal, sight: Sight) -> float:
    """Over how many seconds of cohorts the signal is computed."""
    return sight.asked_seconds or signal.window_seconds


class LabelReader:
    """The label store at `path`, which need not be there (yet). `look()` gives what it holds now; what was asked once is remembered until
    the file changes."""

    def __init__(self, path: Path, mature_after_seconds: float, least_coverage: float, *, expected: bool) -> None:
        self.path = path
        self.mature_after_seconds = mature_after_seconds
        self.least_coverage = least_coverage
        self._declared = expected
        self._store: LabelStore | None = None
        self._version: int | None = None
        self._some = False
        self._gone = False
        self._known: dict[tuple[str, float, float, str], LabelCounts | None] = {}
        self._slices: dict[str, tuple[str, ...]] = {}

    def look(self) -> LabelReader:
        """Raises StorageError when the file is there and cannot be read, and from when it was found to be gone until there is one again."""
        if self._store is not None and not self._store.still_there():
            self.close()
            self._gone = True
        if not self.path.is_file():
            self.close()
            if self._gone:
                raise StorageError(
                    f"{self.path} is gone, and with it what labels were counted.", hint="Put a backup there, if you have one."
                )
            return self
        self._gone = False
        self._store = self._store or LabelStore(self.path)
        version = self._store.version()
        if version != self._version:
            self._known, self._slices = {}, {}
            self._version, self._some = version, self._store.labelled()
        return self

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store, self._version, self._some, self._known, self._slices = None, None, False, {}, {}

    @property
    def expected(self) -> bool:
        return self._declared or self._some

    def releases(self) -> list[str]:
        """All that have predicted something that a label could be of, the first one first."""
        return self._store.releases() if self._store is not None else []

    def state(self) -> dict[str, Any]:
        """`waiting`: labels whose predictions are not known; `lost`: {refused, expired}, labels that came to nothing."""
        return {"waiting": self._store.waiting(), "lost": self._store.lost()} if self._store is not None else {"waiting": 0, "lost": {}}

    def slices(self, release: str) -> tuple[str, ...]:
        if release not in self._slices:
            self._slices[release] = self._store.slices(release) if self._store is not None else ()
        return self._slices[release]

    def counts(self, release: str, since: float, until: float, part: str = "") -> LabelCounts | None:
        key = (release, since, until, part)
        if key not in self._known:
            self._known[key] = None if self._store is None else self._store.counts(release, since, until, part)
        return self._known[key]
