"""By how much the ROC-AUC fell further than the scores explain: inputs that mean something else now (concept drift)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.monitor.quality import NotMeasurable, fallen, measured
from gonogo.monitor.signal import Reading, Sight
from gonogo.service.labels.counts import LabelCounts
from gonogo.stats.cbpe import calibration_map, expected_auc
from gonogo.stats.intervals import Estimate
from gonogo.stats.score_ranking import roc_auc
from gonogo.stats.score_table import ScoreTable


class CbpeGap:
    """What is expected of the labelled rows by their scores, less what became of them. The expectation starts from the ROC-AUC that the
    held-out data really had, so that the optimism of a curve fitted to them is no gap. Of the mature cohorts of a week; not by slice."""

    name: ClassVar[str] = "cbpe_gap"
    unit: ClassVar[str] = "ROC-AUC"
    window_seconds: ClassVar[float] = 604_800.0

    def compute(self, sight: Sight) -> list[Reading]:
        return measured(self, sight, _measure, sliced=False)


def _measure(counts: LabelCounts, before: ScoreTable | None, threshold: float | None) -> Mapping[str, Any]:
    if before is None:
        raise NotMeasurable("the release has no sealed table of scores to expect anything from")
    chance, then = calibration_map(before), roc_auc(before)
    moved = expected_auc(chance, counts.table.histogram).value - expected_auc(chance, before.histogram).value
    return fallen(Estimate(then.value + moved, then.low + moved, then.high + moved, then.n), roc_auc(counts.table))
