"""How many processor cores the processes of a release keep busy: 1.0 is one core all the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from gonogo.monitor.signal import Reading, Sight

KEPT = 2000  #: looks that are remembered

#: the moment of a look, and the seconds that each process of each release had used by then
Used = tuple[datetime, Mapping[str, Mapping[int, float]]]


class Cpu:
    """Seconds of processor time between the oldest look within the window and this one, over the time between. Of the processes that were
    there at both: one that ended or began in between is left out. `n` is the number of processes: judge it with `min_n` 1. What was used
    is remembered here from look to look, so there is no value at the first look, after the clock was set back, and of the past."""

    name: ClassVar[str] = "cpu"
    unit: ClassVar[str] = "cores"
    window_seconds: ClassVar[float] = 60.0
    counted: ClassVar[str] = "one"

    def __init__(self) -> None:
        self._looks: deque[Used] = deque(maxlen=KEPT)

    def compute(self, sight: Sight) -> list[Reading]:
        self._remember(sight)
        window = sight.asked_seconds or self.window_seconds
        then = next((look for look in self._looks if (sight.now - look[0]).total_seconds() <= window), None)
        return [self._of(release, then, sight.now) for release in sight.window.in_service]

    def _remember(self, sight: Sight) -> None:
        """Once for each look, whatever number of windows is asked for."""
        if self._looks and sight.now < self._looks[-1][0]:
            self._looks.clear()
        if not self._looks or sight.now > self._looks[-1][0]:
            releases = sight.service.get("releases", {})
            self._looks.append((sight.now, {name: _used(state.get("processes", ())) for name, state in releases.items()}))

    def _of(self, release: str, then: Used | None, now: datetime) -> Reading:
        labels = {"release": release}
        if then is None or then[0] >= now:
            return Reading(self.name, labels, None, 0, self.unit)
        before, after = then[1].get(release, {}), self._looks[-1][1].get(release, {})
        both = before.keys() & after.keys()
        if not both:
            return Reading(self.name, labels, None, 0, self.unit)
        seconds = sum(max(0.0, after[pid] - before[pid]) for pid in both)
        return Reading(self.name, labels, seconds / (now - then[0]).total_seconds(), len(both), self.unit)


def _used(processes: Any) -> dict[int, float]:
    return {int(one["pid"]): float(one["cpu_seconds"]) for one in processes if one.get("cpu_seconds") is not None and "pid" in one}
