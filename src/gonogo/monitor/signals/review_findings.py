"""How many findings the last review of each period had."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class ReviewFindings:
    """0 when it was well. Of one that was not made yet there is no reading: that it is missing is told by `review_overdue`. Judge it
    with `min_n` 1."""

    name: ClassVar[str] = "review_findings"
    unit: ClassVar[str] = "findings"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def compute(self, sight: Sight) -> list[Reading]:
        reviews = sight.service.get("duties", {}).get("reviews", {})
        made = {period: one["findings"] for period, one in reviews.items() if one["findings"] is not None}
        return [Reading(self.name, {"period": period}, float(findings), 1, self.unit) for period, findings in made.items()]
