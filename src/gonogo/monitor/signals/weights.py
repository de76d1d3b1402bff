"""Whether traffic is shared as it was told: arms that the data plane took off, and a table that is not in force everywhere."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class Weights:
    """How many things are not as the table says: 0 when the routes are as promised. Judge it with `min_n` 1."""

    name: ClassVar[str] = "weights"
    unit: ClassVar[str] = "differences"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def compute(self, sight: Sight) -> list[Reading]:
        if not sight.window.in_service:
            return []
        table, in_force = sight.service.get("table") or {}, sight.service.get("in_force")
        if in_force is None:
            return [Reading(self.name, {}, None, 0, self.unit)]
        off = list(table.get("tripped", ()))
        return [Reading(self.name, {}, float(len(off) + (in_force is not True)), 1, self.unit, details={"taken off": off})]
