"""Share of the requests for predictions that could not be read (bad JSON), or had features that cannot be used (missing, a wrong type)."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight, share


class FailureShare:
    """Details tell them apart: `unread` (400, 413, 415) and `invalid` (422)."""

    name: ClassVar[str] = "failure_share"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 60.0

    def compute(self, sight: Sight) -> list[Reading]:
        counts = {release: sight.window.of(release) for release in sight.window.in_service}
        return [
            share(self, {"release": release}, count.unread + count.invalid, count.n, {"unread": count.unread, "invalid": count.invalid})
            for release, count in counts.items()
        ]
