"""By how much the share of missing values of a feature rose above that of the baseline: 0.05 is 5 percentage points."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.rise import MISSING, in_bin, rises
from gonogo.monitor.signal import Reading, Sight


class MissingRate:
    """One reading a feature."""

    name: ClassVar[str] = "missing_rate"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 900.0

    def compute(self, sight: Sight) -> list[Reading]:
        return rises(self, sight, in_bin(MISSING, frozenset({"numeric", "categorical"})))
