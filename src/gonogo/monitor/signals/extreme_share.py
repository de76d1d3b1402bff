"""Share of the rows with an extreme score: below 0.05 or above 0.95."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight, share


class ExtremeShare:
    """Details tell both ends apart."""

    name: ClassVar[str] = "extreme_share"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 3600.0

    def compute(self, sight: Sight) -> list[Reading]:
        counts = {release: sight.window.of(release) for release in sight.window.in_service}
        return [
            share(self, {"release": release}, count.low + count.high, sum(count.fine), {"below 0.05": count.low, "above 0.95": count.high})
            for release, count in counts.items()
        ]
