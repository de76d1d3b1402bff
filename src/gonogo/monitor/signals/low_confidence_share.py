"""Share of the rows whose most likely class has a score below 0.6: the model is not sure."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight, share


class LowConfidenceShare:
    """Of a binary task the more likely of the two classes."""

    name: ClassVar[str] = "low_confidence_share"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 3600.0

    def compute(self, sight: Sight) -> list[Reading]:
        counts = {release: sight.window.of(release) for release in sight.window.in_service}
        return [share(self, {"release": release}, count.unsure, sum(count.fine)) for release, count in counts.items()]
