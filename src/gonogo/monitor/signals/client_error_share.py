"""Share of the requests for predictions that were answered 4xx: what callers sent was refused."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight, share


class ClientErrorShare:
    """Requests that were refused before anybody asked what they are (no key, too many) are not counted as requests for predictions."""

    name: ClassVar[str] = "client_error_share"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 60.0

    def compute(self, sight: Sight) -> list[Reading]:
        counts = {release: sight.window.of(release) for release in sight.window.in_service}
        return [share(self, {"release": release}, count.client_errors, count.n) for release, count in counts.items()]
