"""How much memory of accelerators the processes of a release hold, in 10^6 bytes (row S0-Bf)."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight


class DeviceMemory:
    """Of all its processes together, 0 on a machine without any. `n` is the number of processes: judge it with `min_n` 1. When the driver
    does not tell, there is no value."""

    name: ClassVar[str] = "device_memory"
    unit: ClassVar[str] = "MB"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def compute(self, sight: Sight) -> list[Reading]:
        readings = []
        for release in sight.window.in_service:
            processes = sight.service.get("releases", {}).get(release, {}).get("processes", [])
            held = [process.get("device_memory") for process in processes]
            known = bool(held) and None not in held
            value = sum(int(one) for one in held if one is not None) / 1e6 if known else None
            readings.append(Reading(self.name, {"release": release}, value, len(held) if known else 0, self.unit))
        return readings
