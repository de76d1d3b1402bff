"""How far the mean score moved from that of the held-out data, up or down, in units of the score."""

from __future__ import annotations

import math
from typing import ClassVar

from gonogo.monitor.scores import baseline_scores, live_scores, unmeasurable
from gonogo.monitor.signal import Reading, Sight
from gonogo.stats.intervals import normal_tail, z_of


class ScoreMeanShift:
    """With the chance of it without cause (normal law of two means)."""

    name: ClassVar[str] = "score_mean_shift"
    unit: ClassVar[str] = "score"
    window_seconds: ClassVar[float] = 3600.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [self._of(sight, release) for release in sight.window.in_service]

    def _of(self, sight: Sight, release: str) -> Reading:
        labels = {"release": release}
        live, before = live_scores(sight.window.of(release)), baseline_scores(sight.baselines.get(release))
        if live is None or before is None:
            return Reading(self.name, labels, None, 0, self.unit, judged=not unmeasurable(sight.baselines.get(release)))
        moved, error = abs(live.mean - before.mean), math.sqrt(live.error_of_mean + before.error_of_mean)
        half = z_of(0.95) * error
        p_value = min(1.0, 2 * normal_tail(moved / error)) if error else float(moved == 0)
        details = {"mean": live.mean, "baseline": before.mean}
        return Reading(self.name, labels, moved, live.n, self.unit, max(0.0, moved - half), moved + half, p_value, details=details)
