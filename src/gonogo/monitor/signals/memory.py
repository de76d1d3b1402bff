"""How much memory the processes of a release hold, in 10^6 bytes."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class Memory:
    """Resident memory of all its processes together, shared pages counted in each, so never too little. `n` is the number of processes:
    judge it with `min_n` 1. When one of them does not tell, there is no value."""

    name: ClassVar[str] = "memory"
    unit: ClassVar[str] = "MB"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def compute(self, sight: Sight) -> list[Reading]:
        readings = []
        for release in sight.window.in_service:
            processes = sight.service.get("releases", {}).get(release, {}).get("processes", [])
            held = [process["memory"] for process in processes]
            known = bool(held) and all(value is not None for value in held)
            details = {"largest": max(held) / 1e6} if known else {}
            value = sum(held) / 1e6 if known else None
            readings.append(Reading(self.name, {"release": release}, value, len(held) if known else 0, self.unit, details=details))
        return readings
