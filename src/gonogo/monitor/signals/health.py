"""Share of the looks at which a release with traffic was not healthy: no process of it that had its model loaded and answered lately."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight, share


class Health:
    """Looks are those of the watch. Judge it with a small `min_n`: a window holds few of them."""

    name: ClassVar[str] = "health"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "looks"

    def compute(self, sight: Sight) -> list[Reading]:
        counts = {release: sight.window.of(release) for release in sight.window.in_service}
        return [share(self, {"release": release}, count.unwell, count.looks) for release, count in counts.items()]
