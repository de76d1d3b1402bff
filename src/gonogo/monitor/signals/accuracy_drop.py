"""By how much the share of rows that were told right lies below that of the held-out data."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.quality import decided, drops
from gonogo.monitor.signal import Reading, Sight
from gonogo.stats.intervals import Estimate, share
from gonogo.stats.score_table import ScoreTable


class AccuracyDrop:
    """Of the mature cohorts of a week: at the release's threshold, or of more classes that the highest score was right."""

    name: ClassVar[str] = "accuracy_drop"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 604_800.0

    def compute(self, sight: Sight) -> list[Reading]:
        return drops(self, sight, _accuracy)


def _accuracy(table: ScoreTable, threshold: float | None) -> Estimate:
    return share(table.positives, table.rows) if threshold is None else decided(table, threshold).accuracy()
