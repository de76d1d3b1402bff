"""How much the variance of the scores grew above that of the held-out data: 0.5 is half as much again."""

from __future__ import annotations

import math
from typing import ClassVar

from gonogo.monitor.scores import baseline_scores, live_scores, unmeasurable
from gonogo.monitor.signal import Reading, Sight
from gonogo.stats.intervals import normal_tail, z_of


class ScoreVarianceGrowth:
    """With the chance of it without cause (normal law of two variances, by fourth moments)."""

    name: ClassVar[str] = "score_variance_growth"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 3600.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [self._of(sight, release) for release in sight.window.in_service]

    def _of(self, sight: Sight, release: str) -> Reading:
        labels = {"release": release}
        live, before = live_scores(sight.window.of(release)), baseline_scores(sight.baselines.get(release))
        if live is None or before is None or before.variance == 0:
            return Reading(self.name, labels, None, 0, self.unit, judged=not unmeasurable(sight.baselines.get(release)))
        grown = live.variance - before.variance
        error = math.sqrt(live.error_of_variance + before.error_of_variance)
        growth, half = grown / before.variance, z_of(0.95) * error / before.variance
        p_value = normal_tail(grown / error) if error else float(grown <= 0)
        details = {"variance": live.variance, "baseline": before.variance}
        return Reading(self.name, labels, max(0.0, growth), live.n, self.unit, growth - half, growth + half, p_value, details=details)
