"""How many findings the last review of each period had."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class ReviewFindings:
    """0 when it was well. One that was not made yet has no value, and is not judged: it may be overdue. Judge it with `min_n` 1."""

    name: ClassVar[str] = "review_findings"
    unit: ClassVar[str] = "findings"
    window_seconds: ClassVar[float] = 60.0

    def compute(self, sight: Sight) -> list[Reading]:
        reviews = sight.service.get("duties", {}).get("reviews", {})
        return [self._of(period, one["findings"]) for period, one in reviews.items()]

    def _of(self, period: str, findings: int | None) -> Reading:
        if findings is None:
            return Reading(self.name, {"period": period}, None, 0, self.unit, judged=False)
        return Reading(self.name, {"period": period}, float(findings), 1, self.unit)
