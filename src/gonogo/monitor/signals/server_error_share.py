"""Share of the requests for predictions that were answered 5xx."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight, share


class ServerErrorShare:
    """Unlike `error_rate` it leaves out failures of an arm that the stable release answered for: what callers saw."""

    name: ClassVar[str] = "server_error_share"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 60.0

    def compute(self, sight: Sight) -> list[Reading]:
        counts = {release: sight.window.of(release) for release in sight.window.in_service}
        return [share(self, {"release": release}, count.server_errors, count.n) for release, count in counts.items()]
