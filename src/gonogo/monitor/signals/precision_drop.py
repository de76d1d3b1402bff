"""By how much the share of true ones among those that were told positive lies below that of the held-out data."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.quality import class_drops
from gonogo.monitor.signal import Reading, Sight


class PrecisionDrop:
    """Of the mature cohorts of a week, at the release's threshold; of more than two classes the mean over the classes, and each class by
    itself. `n` counts the rows that were told positive (told to be of the class; all labelled ones for a mean)."""

    name: ClassVar[str] = "precision_drop"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 604_800.0

    def compute(self, sight: Sight) -> list[Reading]:
        return class_drops(self, sight, "precision")
