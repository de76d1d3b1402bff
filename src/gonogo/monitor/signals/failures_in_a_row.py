"""How many predictions failed in a row, up to now: a model that is gone fails every one."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class FailuresInARow:
    """Bad answers of a release since its last good one, whatever process gave them and however long ago they began. Requests that were
    refused neither add nor end a run. Answers of one look count as in a row when none of them was good, so the run may begin a look late.
    Not seen is not zero: without any request since the watch began there is no value."""

    name: ClassVar[str] = "failures_in_a_row"
    unit: ClassVar[str] = "failures"
    window_seconds: ClassVar[float] = 3600.0

    def compute(self, sight: Sight) -> list[Reading]:
        readings = []
        for release in sight.window.in_service:
            n, run = sight.window.of(release).n, sight.window.failing.get(release, 0)
            seen = max(n, run)
            readings.append(Reading(self.name, {"release": release}, float(run) if seen else None, seen, self.unit))
        return readings
