"""How far the scores in service are from those that the release was sealed with: training-serving skew of the same inputs.

Every process computes the golden requests of its release again, every few minutes (setting `golden_seconds`), by the very code and model
that answer. What another library, another machine or damaged memory makes of the same features is seen here; features that became others
on their way are seen by PSI against the training.
"""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class ServingSkew:
    """The largest difference of any process, in units of the golden requests' tolerance: 1 is the most that is the same. `n` is the
    number of processes: judge it with `min_n` 1. When one of them has not told, there is no value."""

    name: ClassVar[str] = "serving_skew"
    unit: ClassVar[str] = "tolerances"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def compute(self, sight: Sight) -> list[Reading]:
        readings = []
        for release in sight.window.in_service:
            told = sight.service.get("releases", {}).get(release, {}).get("golden", [])
            known = bool(told) and all("tolerances" in one for one in told)
            value = max(float(one["tolerances"]) for one in told) if known else None
            details = {"requests": told[0]["requests"]} if known else {}
            readings.append(Reading(self.name, {"release": release}, value, len(told) if known else 0, self.unit, details=details))
        return readings
