"""By how much the ROC-AUC is expected to have fallen, judged by the scores alone, long before any label comes."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.quality import fallen, sealed
from gonogo.monitor.scores import unmeasurable
from gonogo.monitor.signal import Reading, Sight
from gonogo.stats.cbpe import calibration_map, expected_auc
from gonogo.stats.score_table import BINS


class CbpeDrop:
    """What is expected of live scores, less what is expected of the held-out ones, both with the chances that the held-out labels gave
    (`gonogo.stats.cbpe`). It sees other inputs; that the same inputs mean something else now it cannot see (`cbpe_gap` does)."""

    name: ClassVar[str] = "cbpe_drop"
    unit: ClassVar[str] = "ROC-AUC"
    window_seconds: ClassVar[float] = 86_400.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [self._of(sight, release) for release in sight.window.in_service]

    def _of(self, sight: Sight, release: str) -> Reading:
        labels, fine = {"release": release}, sight.window.of(release).fine
        baseline = sight.baselines.get(release)
        table, _ = sealed(baseline or {})
        if table is None or not sum(fine[:BINS]):
            return Reading(self.name, labels, None, 0, self.unit, judged=not unmeasurable(baseline))
        try:
            chance = calibration_map(table)
            numbers = fallen(expected_auc(chance, table.histogram), expected_auc(chance, fine[:BINS]))
        except ValueError as error:
            return Reading(self.name, labels, None, 0, self.unit, details={"why": str(error)})
        return Reading(self.name, labels, unit=self.unit, **numbers)
