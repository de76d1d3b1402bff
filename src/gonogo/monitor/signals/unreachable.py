"""Share of the looks at which the service did not answer at all."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.counts import SERVICE
from gonogo.monitor.signal import Reading, Sight, share


class Unreachable:
    """The one signal that has a value while nothing else can be seen. It is of the service, not of a release."""

    name: ClassVar[str] = "unreachable"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "looks"

    def compute(self, sight: Sight) -> list[Reading]:
        looks = sight.window.of(SERVICE)
        return [share(self, {}, looks.unwell, looks.looks)]
