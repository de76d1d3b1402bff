"""Signals: series that are measured over a window, and the seam at which new ones are added (`signals/`, the catalogue).

Every signal is made so that more is worse: a fall is told as how far it fell. A rule then has one direction only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from gonogo.monitor.counts import Counts
from gonogo.monitor.windows import Window
from gonogo.service.labels.counts import LabelCounts
from gonogo.stats.intervals import wilson

#: release → the baseline document sealed in it, and beside it, where they are known, `latency` (the load test's histogram) and `sealed_at`
Baselines = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Usual:
    """What was counted at other times like this one. `of` says which."""

    counts: Counts
    of: str


class Past(Protocol):
    """What is remembered from before the window (`monitor/history.py`)."""

    def same_hour_of_week(self, release: str, moment: datetime) -> Counts:
        """Counts of the same hour of the week in the last four weeks, of none of them when nobody looked then."""

    def usual(self, release: str, before: datetime) -> Usual:
        """Counts of the same hour of the week; until there is such an hour, those of the 24 hours before `before`. Both may be empty. The
        service as a whole is the release "" (`SERVICE`)."""


class NoPast:
    """Nothing is remembered."""

    def same_hour_of_week(self, release: str, moment: datetime) -> Counts:
        return Counts()

    def usual(self, release: str, before: datetime) -> Usual:
        return Usual(Counts(), "nothing is remembered")


class Labels(Protocol):
    """What became of predictions (`monitor/labels.py`).

    A cohort, the predictions of one hour, is judged from `mature_after_seconds` after its hour began, and where at least the share
    `least_coverage` of its rows has a label. `expected`: labels are declared to come, or some have come.
    """

    @property
    def mature_after_seconds(self) -> float: ...

    @property
    def least_coverage(self) -> float: ...

    @property
    def expected(self) -> bool: ...

    def slices(self, release: str) -> tuple[str, ...]:
        """The names of the declared slices that rows of the release were in."""

    def counts(self, release: str, since: float, until: float, part: str = "") -> LabelCounts | None:
        """Of predictions made in the hours that begin from `since` to before `until` (seconds since 1970), of one slice where `part` names
        it; None for a release that has predicted nothing that a label could be of. Raises StorageError."""


class NoLabels:
    """Nothing is known of what became of predictions."""

    mature_after_seconds = 0.0
    least_coverage = 0.0
    expected = False

    def slices(self, release: str) -> tuple[str, ...]:
        return ()

    def counts(self, release: str, since: float, until: float, part: str = "") -> LabelCounts | None:
        return None


@dataclass(frozen=True)
class Sight:
    """All that a signal may look at: the counts of a window, the baselines of the releases, what the service said of itself at the last
    look that it answered (the control API's `/observe`), the time, what is remembered, and what became of predictions. While the service
    does not answer, no release is in service. `asked_seconds` is the length of window that was asked for; 0: the signal's own."""

    window: Window
    baselines: Baselines
    service: Mapping[str, Any]
    now: datetime
    past: Past = field(default_factory=NoPast)
    labels: Labels = field(default_factory=NoLabels)
    asked_seconds: float = 0.0


@dataclass(frozen=True)
class Reading:
    """One value of a signal. `value` None: nothing could be measured, which is never "all is well".

    `n` is the number of samples behind it; `low` and `high` bound it at 95 %; `p_value` is the chance of such a value when nothing is
    wrong, where the signal has one: an alarm then needs both keys. A rule looks at `judged` readings only; the others are shown.
    """

    signal: str
    labels: Mapping[str, str]
    value: float | None
    n: int
    unit: str = ""
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    judged: bool = True
    window_seconds: float = 0.0  #: the window that was asked for; the watch writes it
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        numbers = {name: _finite(getattr(self, name)) for name in ("value", "low", "high", "p_value")}
        return {**vars(self), "labels": dict(self.labels), "details": dict(self.details), **numbers}


class Signal(Protocol):
    """One file in `signals/` and one line in the catalogue each.

    A signal of which there are only few samples, whatever the traffic, says so in `counted`, so that a rule that asks for more is found:
    "looks" (of the watch, in the window) or "one" (a single thing, or few that may be one).
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    window_seconds: ClassVar[float]

    def compute(self, sight: Sight) -> list[Reading]:
        """Readings for every release in service; with value None where what is seen does not say. `window_seconds` is the window that the
        signal is computed over unless a rule asks for another."""


def share(signal: Signal, labels: Mapping[str, str], k: int, n: int, details: Mapping[str, Any] | None = None) -> Reading:
    """A reading that is a share of k in n, with Wilson's interval; without a value when n is 0."""
    if n == 0:
        return Reading(signal.name, labels, None, 0, signal.unit)
    low, high = wilson(k, n)
    return Reading(signal.name, labels, k / n, n, signal.unit, low, high, details=details or {})


def part_of(document: Mapping[str, Any]) -> dict[str, str]:
    """For the details of a reading about what a baseline counts: the tensor that it is a summary of, where it is one."""
    return {"tensor": document["tensor"]} if "tensor" in document else {}


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
