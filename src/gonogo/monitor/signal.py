"""Signals: series that are measured over a window, and the seam at which new ones are added (`signals/`, the catalogue).

Every signal is made so that more is worse: a fall is told as how far it fell. A rule then has one direction only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from gonogo.monitor.windows import Window

Baselines = Mapping[str, Mapping[str, Any]]  #: release → the baseline document sealed in it


@dataclass(frozen=True)
class Sight:
    """All that a signal may look at: the counts of a window, the baselines of the releases, what the service said of itself at the last
    look (the control API's `/observe`), and the time."""

    window: Window
    baselines: Baselines
    service: Mapping[str, Any]
    now: datetime


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
        numbers = {name: _finite(value) for name, value in asdict(self).items() if name in ("value", "low", "high", "p_value")}
        return {**asdict(self), "labels": dict(self.labels), "details": dict(self.details), **numbers}


class Signal(Protocol):
    """One file in `signals/` and one line in the catalogue each."""

    name: ClassVar[str]
    unit: ClassVar[str]
    window_seconds: ClassVar[float]

    def compute(self, sight: Sight) -> list[Reading]:
        """Readings for every release in service; with value None where what is seen does not say. `window_seconds` is the window that the
        signal is computed over unless a rule asks for another."""


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
