"""How many days ago the release was sealed."""

from __future__ import annotations

from typing import ClassVar

from gonogo.base.clock import parse_stamp
from gonogo.monitor.signal import Reading, Sight

DAY = 86400.0


class ModelAge:
    """Judge it with `min_n` 1. A release whose seal does not tell a time has no age, which is not young."""

    name: ClassVar[str] = "model_age"
    unit: ClassVar[str] = "days"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def compute(self, sight: Sight) -> list[Reading]:
        readings = []
        for release in sight.window.in_service:
            sealed = (sight.baselines.get(release) or {}).get("sealed_at")
            days = (sight.now - parse_stamp(sealed)).total_seconds() / DAY if sealed else None
            readings.append(Reading(self.name, {"release": release}, days, int(bool(sealed)), self.unit))
        return readings
