"""How long a review has been due that nobody has made, in days."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class ReviewOverdue:
    """Of every review that is asked for. 0 while it is not overdue, with its grace. Judge it with `min_n` 1."""

    name: ClassVar[str] = "review_overdue"
    unit: ClassVar[str] = "d"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def compute(self, sight: Sight) -> list[Reading]:
        reviews = sight.service.get("duties", {}).get("reviews", {})
        return [Reading(self.name, {"period": period}, one["overdue_days"], 1, self.unit) for period, one in reviews.items()]
