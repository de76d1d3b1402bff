"""How far the number of requests rose above what is usual at this time: 2.0 is three times as many."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight
from gonogo.monitor.volume import volume, volume_reading


class VolumeSpike:
    """`n` is the number of requests that were expected."""

    name: ClassVar[str] = "volume_spike"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 300.0

    def compute(self, sight: Sight) -> list[Reading]:
        if not sight.window.in_service:
            return []
        found = volume(sight)
        expected = found.most or 0.0
        value = max(0.0, found.n / expected - 1.0) if expected else 0.0
        return [volume_reading(self, found, found.most, value, found.more() if expected else 1.0)]
