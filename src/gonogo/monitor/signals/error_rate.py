"""Share of bad answers: 5xx, deadline missed, invalid scores, booked on the release that the request was assigned to."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight, share


class ErrorRate:
    """Bad ones of all requests in the window, with Wilson's interval."""

    name: ClassVar[str] = "error_rate"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 60.0

    def compute(self, sight: Sight) -> list[Reading]:
        counts = {release: sight.window.of(release) for release in sight.window.in_service}
        return [share(self, {"release": release}, count.bad, count.n) for release, count in counts.items()]
