"""By how much the area under the precision-recall curve lies below that of the held-out data."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.quality import drops
from gonogo.monitor.signal import Reading, Sight
from gonogo.stats.score_ranking import pr_auc


class PrAucDrop:
    """Of the mature cohorts of a week. It falls with the share of positives as well, not only with the model: see the ROC-AUC beside it."""

    name: ClassVar[str] = "pr_auc_drop"
    unit: ClassVar[str] = "PR-AUC"
    window_seconds: ClassVar[float] = 604_800.0

    def compute(self, sight: Sight) -> list[Reading]:
        return drops(self, sight, lambda table, threshold: pr_auc(table))
