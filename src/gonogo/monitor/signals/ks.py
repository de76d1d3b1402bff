"""How far apart the live distribution and the baseline's are (Kolmogorov and Smirnov), with the chance of it without drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gonogo.monitor.signal import Reading, Sight, part_of
from gonogo.monitor.signals.psi import SCORE
from gonogo.release.baseline import reference_scores
from gonogo.stats.ks import ks
from gonogo.stats.score_table import BINS


class Ks:
    """One reading for the score, in 1024 bins where the baseline has a table of scores, else in its own bins; and one for each numeric
    feature, in the baseline's bins, which can hide a difference and never make one. Missing values are left out."""

    name: ClassVar[str] = "ks"
    unit: ClassVar[str] = "distance"
    window_seconds: ClassVar[float] = 900.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [reading for release in sight.window.in_service for reading in self._of(sight, release, sight.baselines.get(release))]

    def _of(self, sight: Sight, release: str, baseline: Mapping[str, Any] | None) -> list[Reading]:
        if baseline is None:
            return [self._one(release, SCORE, (), (), {})]
        live, table = sight.window.of(release), reference_scores(baseline)
        readings = [
            self._one(release, name, document["counts"][:-1], live.features.get(name, ())[:-1], part_of(document))
            for name, document in baseline["features"].items()
            if document["bins"]["kind"] == "numeric"
        ]
        if table is None:
            return [*readings, self._one(release, SCORE, baseline["score"]["counts"][:-1], live.score[:-1], {})]
        return [*readings, self._one(release, SCORE, table.histogram.tolist(), live.fine[:BINS], {})]

    def _one(self, release: str, feature: str, reference: Sequence[int], current: Sequence[int], of: Mapping[str, Any]) -> Reading:
        labels, n, m = {"release": release, "feature": feature}, sum(current), sum(reference)
        if n == 0 or m == 0 or len(reference) != len(current):
            return Reading(self.name, labels, None, 0, self.unit, details=of)
        distance, p_value = ks(reference, current)
        return Reading(self.name, labels, distance, n, self.unit, p_value=p_value, details={"reference": m, **of})
