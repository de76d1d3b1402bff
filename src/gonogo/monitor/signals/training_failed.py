"""Whether the last training that was begun has failed."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class TrainingFailed:
    """1 when it has, 0 when it has not; while it runs, what became of the one before. Judge it with `min_n` 1."""

    name: ClassVar[str] = "training_failed"
    unit: ClassVar[str] = ""
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def compute(self, sight: Sight) -> list[Reading]:
        duties = sight.service.get("duties")
        return [] if duties is None else [Reading(self.name, {}, float(duties["training_failed"]), 1, self.unit)]
