"""Time from a request's arrival to its answer, by quantile, from additive histograms (error of a quantile: at most 1.1 %)."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight
from gonogo.monitor.windows import Window

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
JUDGED = "p95"  #: what a rule on this signal means


class Latency:
    """P50, P95 and P99 in milliseconds. Rules look at the P95; the others are shown."""

    name: ClassVar[str] = "latency"
    unit: ClassVar[str] = "ms"
    window_seconds: ClassVar[float] = 60.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [reading for release in sight.window.in_service for reading in self._of(sight.window, release)]

    def _of(self, window: Window, release: str) -> list[Reading]:
        histogram = window.of(release).histogram()
        readings = []
        for quantile, p in QUANTILES.items():
            labels, judged = {"release": release, "quantile": quantile}, quantile == JUDGED
            if histogram.count == 0:
                readings.append(Reading(self.name, labels, None, 0, self.unit, judged=judged))
                continue
            low, high = histogram.interval(p)
            value = histogram.quantile(p) / 1000
            readings.append(Reading(self.name, labels, value, histogram.count, self.unit, low / 1000, high / 1000, judged=judged))
        return readings
