"""Rules: when a reading is too high, when it is well again, and when it says nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from gonogo.errors import UsageError
from gonogo.monitor.notice import Level
from gonogo.monitor.signal import Reading


class Condition(StrEnum):
    """What a reading says under a rule. Whatever is missing, too little or no number is UNKNOWN, never CLEAR."""

    BREACH = "BREACH"
    BETWEEN = "BETWEEN"  #: not high enough, or not surely enough, to ring; not low enough to be over
    CLEAR = "CLEAR"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Rule:
    """`signal` above `above` for `for_seconds` rings; at or below `clear` for `clear_seconds` (default: as long) it is over.

    With `times`, so many valid windows in a row, which do not overlap, stand in the place of both durations. Fewer than `min_n` samples
    are UNKNOWN. Where the signal gives the chance of such a value without cause, it must be under `p_value` as well. `labels` narrows the
    rule to readings that carry them, `excepted` to those that carry none of these. `window_seconds` None is the signal's own window.
    `level` says whom it wakes, `then` what follows by itself (`going_back.py`), `runbook` where to read on, `rows` which requirements it
    meets.
    """

    name: str
    signal: str
    above: float
    clear: float
    for_seconds: float = 30.0
    times: int = 0
    min_n: int = 100
    level: Level = "critical"
    window_seconds: float | None = None
    clear_seconds: float | None = None
    p_value: float = 1e-3
    labels: Mapping[str, str] = field(default_factory=dict)
    excepted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    then: Literal["", "rollback"] = ""
    runbook: str = ""
    rows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.above) and math.isfinite(self.clear) and self.clear <= self.above):
            raise UsageError(f"the rule {self.name!r}: clear ({self.clear:g}) must not lie above {self.above:g}.")
        if not (self.for_seconds >= 0 and self.times >= 0 and self.min_n >= 1):
            raise UsageError(f"the rule {self.name!r} needs a duration from 0 upwards and at least one sample.")

    @property
    def rings_after(self) -> float:
        """Seconds, or windows with `times`."""
        return self.times or self.for_seconds

    @property
    def over_after(self) -> float:
        """Seconds, or windows with `times`."""
        return self.times or (self.for_seconds if self.clear_seconds is None else self.clear_seconds)

    @property
    def lasting(self) -> str:
        """How long it must stay above, in words: "for 30 s", "2 times in a row", "" for at once."""
        if self.times:
            return f" {self.times} times in a row" if self.times > 1 else ""
        return f" for {self.for_seconds:g} s" if self.for_seconds else ""

    def concerns(self, reading: Reading) -> bool:
        if reading.signal != self.signal or self.window_seconds not in (None, reading.window_seconds):
            return False
        meant = all(reading.labels.get(key) == value for key, value in self.labels.items())
        chosen = meant and (reading.judged or bool(self.labels))
        return chosen and not any(reading.labels.get(key) in values for key, values in self.excepted.items())

    def judge(self, reading: Reading | None) -> Condition:
        """Pure. A reading that is not there is UNKNOWN."""
        if reading is None or reading.value is None or not math.isfinite(reading.value) or reading.n < self.min_n:
            return Condition.UNKNOWN
        if reading.value > self.above:
            sure = reading.p_value is None or reading.p_value < self.p_value
            return Condition.BREACH if sure else Condition.BETWEEN
        return Condition.CLEAR if reading.value <= self.clear else Condition.BETWEEN
