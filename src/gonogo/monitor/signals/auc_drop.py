"""By how much the ROC-AUC of labelled predictions lies below that of the held-out data."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.quality import drops
from gonogo.monitor.signal import Reading, Sight
from gonogo.stats.score_ranking import roc_auc


class AucDrop:
    """Of the mature cohorts of a week, with the chance of it when nothing fell (DeLong's errors of both). Of more than two classes: how
    well the highest score tells rows that are right from rows that are not."""

    name: ClassVar[str] = "auc_drop"
    unit: ClassVar[str] = "ROC-AUC"
    window_seconds: ClassVar[float] = 604_800.0

    def compute(self, sight: Sight) -> list[Reading]:
        return drops(self, sight, lambda table, threshold: roc_auc(table))
