"""By how much quality fell further than the scores explain: inputs that mean something else now (concept drift)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.monitor.quality import NotMeasurable, Sealed, fallen, measured, unit_of
from gonogo.monitor.signal import Reading, Sight
from gonogo.service.labels.counts import LabelCounts
from gonogo.stats.cbpe import calibration_map, expected_accuracy, expected_auc
from gonogo.stats.intervals import Estimate, share
from gonogo.stats.score_ranking import roc_auc
from gonogo.stats.score_table import ScoreTable


class CbpeGap:
    """What is expected of the labelled rows by their scores, less what became of them. The expectation starts from the figure that the
    held-out data really had, so that the optimism of a curve fitted to them is no gap. The ROC-AUC, or of more than two classes the
    accuracy, of the mature cohorts of a week; not by slice."""

    name: ClassVar[str] = "cbpe_gap"
    unit: ClassVar[str] = "ROC-AUC"
    window_seconds: ClassVar[float] = 604_800.0

    def compute(self, sight: Sight) -> list[Reading]:
        return measured(self, sight, _measure, sliced=False)


def _measure(counts: LabelCounts, before: Sealed) -> Mapping[str, Any]:
    if before.table is None:
        raise NotMeasurable("the release has no sealed table of scores to expect anything from")
    many = before.threshold is None
    expected, real = (expected_accuracy, _accuracy) if many else (expected_auc, roc_auc)
    chance, then = calibration_map(before.table), real(before.table)
    moved = expected(chance, counts.table.histogram).value - expected(chance, before.table.histogram).value
    foreseen = Estimate(then.value + moved, then.low + moved, then.high + moved, then.n)
    return {**fallen(foreseen, real(counts.table)), "unit": unit_of(before, CbpeGap.unit)}


def _accuracy(table: ScoreTable) -> Estimate:
    return share(table.positives, table.rows)
