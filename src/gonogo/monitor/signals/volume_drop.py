"""How far the number of requests fell below what is usual at this time: 0.5 is half of it."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight
from gonogo.monitor.volume import volume, volume_reading


class VolumeDrop:
    """`n` is the number of requests that were expected: below 20 half of them may be missing by chance, which the second key knows."""

    name: ClassVar[str] = "volume_drop"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 300.0

    def compute(self, sight: Sight) -> list[Reading]:
        if not sight.window.in_service:
            return []
        found = volume(sight)
        expected = found.least or 0.0
        value = max(0.0, 1.0 - found.n / expected) if expected else 0.0
        return [volume_reading(self, found, found.least, value, found.fewer() if expected else 1.0)]
