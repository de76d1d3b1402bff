"""The slowest answer in the window, in milliseconds: one request is enough."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class LatencySpike:
    """The middle of the highest bucket that is not empty, so within 1.1 % of the slowest request. Judge it with `min_n` 1."""

    name: ClassVar[str] = "latency_spike"
    unit: ClassVar[str] = "ms"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def compute(self, sight: Sight) -> list[Reading]:
        readings = []
        for release in sight.window.in_service:
            histogram = sight.window.of(release).histogram()
            value = histogram.quantile(1.0) / 1000 if histogram.count else None
            readings.append(Reading(self.name, {"release": release}, value, histogram.count, self.unit))
        return readings
