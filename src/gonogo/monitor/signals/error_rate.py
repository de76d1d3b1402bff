"""Share of bad answers: 5xx, deadline missed, invalid scores, booked on the release that the request was assigned to."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight
from gonogo.monitor.windows import Window
from gonogo.stats.intervals import wilson


class ErrorRate:
    """Bad ones of all requests in the window, with Wilson's interval."""

    name: ClassVar[str] = "error_rate"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 60.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [self._of(sight.window, release) for release in sight.window.in_service]

    def _of(self, window: Window, release: str) -> Reading:
        counts = window.of(release)
        if counts.n == 0:
            return Reading(self.name, {"release": release}, None, 0, self.unit)
        low, high = wilson(counts.bad, counts.n)
        return Reading(self.name, {"release": release}, counts.bad / counts.n, counts.n, self.unit, low, high)
