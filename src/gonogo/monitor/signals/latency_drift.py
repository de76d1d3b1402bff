"""How much slower the P95 is than it was: 0.2 is a fifth.

Compared with the same hour of the week in the last four weeks, or while there is none with the load test of the release. The chance of
it without cause: how surprising it is that so many are slower than the P95 of before (two shares, normal approximation).
"""

from __future__ import annotations

import math
from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight
from gonogo.stats.intervals import normal_tail
from gonogo.stats.latency import LatencyHistogram

QUANTILE = 0.95
LEAST = 300  #: requests of before that say what its P95 is


class LatencyDrift:
    """One reading a release. `n` counts the requests of the window, or those of before when they are fewer."""

    name: ClassVar[str] = "latency_drift"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 300.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [self._of(sight, release) for release in sight.window.in_service]

    def _of(self, sight: Sight, release: str) -> Reading:
        before, source = _before(sight, release)
        now = sight.window.of(release).histogram()
        if now.count == 0 or before.count < LEAST:
            return Reading(self.name, {"release": release}, None, 0, self.unit)
        usual = before.quantile(QUANTILE)
        value = max(0.0, now.quantile(QUANTILE) / usual - 1.0)
        low, high = (end / usual - 1.0 for end in now.interval(QUANTILE))
        n, m = now.count, before.count
        slower, slow_before = now.above(usual), before.above(usual)
        pooled = (slower + slow_before) / (n + m)
        spread = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        surprise = (slower / n - slow_before / m) / spread if spread else 0.0
        details = {"p95_before_ms": round(usual / 1000, 3), "of": source}
        return Reading(
            self.name, {"release": release}, value, min(n, m), self.unit, low, high, p_value=normal_tail(surprise), details=details
        )


def _before(sight: Sight, release: str) -> tuple[LatencyHistogram, str]:
    histogram = sight.past.same_hour_of_week(release, sight.now).histogram()
    if histogram.count >= LEAST:
        return histogram, "the same hour of the week"
    sealed = (sight.baselines.get(release) or {}).get("latency")
    return (LatencyHistogram.from_json(sealed), "the load test of the release") if sealed else (LatencyHistogram(), "")
