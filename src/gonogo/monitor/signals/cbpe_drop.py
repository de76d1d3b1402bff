"""By how much quality is expected to have fallen, judged by the scores alone, long before any label comes."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.quality import fallen, sealed, unit_of
from gonogo.monitor.scores import unmeasurable
from gonogo.monitor.signal import Reading, Sight
from gonogo.stats.cbpe import calibration_map, expected_accuracy, expected_auc
from gonogo.stats.score_table import BINS


class CbpeDrop:
    """What is expected of live scores, less what is expected of the held-out ones, both with the chances that the held-out labels gave
    (`gonogo.stats.cbpe`). It sees other inputs; that the same inputs mean something else now it cannot see (`cbpe_gap` does). Of the
    ROC-AUC; of more than two classes of the accuracy."""

    name: ClassVar[str] = "cbpe_drop"
    unit: ClassVar[str] = "ROC-AUC"
    window_seconds: ClassVar[float] = 86_400.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [self._of(sight, release) for release in sight.window.in_service]

    def _of(self, sight: Sight, release: str) -> Reading:
        labels, fine = {"release": release}, sight.window.of(release).fine
        baseline = sight.baselines.get(release)
        before = sealed(baseline or {})
        if before.table is None or not sum(fine[:BINS]):
            return Reading(self.name, labels, None, 0, self.unit, judged=not unmeasurable(baseline))
        try:
            chance, expected = calibration_map(before.table), expected_accuracy if before.threshold is None else expected_auc
            numbers = fallen(expected(chance, before.table.histogram), expected(chance, fine[:BINS]))
        except ValueError as error:
            return Reading(self.name, labels, None, 0, self.unit, details={"why": str(error)})
        return Reading(self.name, labels, unit=unit_of(before, self.unit), **numbers)
