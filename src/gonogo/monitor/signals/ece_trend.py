"""Whether calibration gets worse: by how much the calibration error rose over the window, where it rises surely."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.labels import asked, mature, newest_mature
from gonogo.monitor.signal import Reading, Sight
from gonogo.service.labels.store import HOUR
from gonogo.stats.intervals import normal_tail
from gonogo.stats.score_calibration import ece, ece_by_chance
from gonogo.stats.trend import mann_kendall, theil_sen

POINTS = 24  #: the window is cut into so many, of an hour at least
LEAST_POINTS = 10  #: from there on the test's law holds
LEAST_LABELS = 50  #: of a point


class EceTrend:
    """The slope of Theil and Sen times the length of the window, with the chance of Mann and Kendall's test. A point is the calibration
    error of its cohorts less what chance alone would show on as many labels: fewer labels at night are no trend."""

    name: ClassVar[str] = "ece_trend"
    unit: ClassVar[str] = "ECE"
    window_seconds: ClassVar[float] = 86_400.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [self._of(sight, release) for release in sight.window.in_service]

    def _of(self, sight: Sight, release: str) -> Reading:
        seconds = max(asked(self, sight), HOUR)
        whole, points = mature(sight.labels, release, sight.now, seconds), self._points(sight, release, seconds)
        n = whole.counts.labelled if whole.counts is not None else 0
        details = {**whole.details, "points": points}
        labels, judged = {"release": release}, sight.labels.expected
        if not whole.enough or len(points) < LEAST_POINTS:
            why = "too few labels" if not whole.enough else f"{len(points)} points of {LEAST_POINTS} that are needed"
            return Reading(self.name, labels, None, 0, self.unit, judged=judged, details={**details, "why": why})
        times, errors = zip(*points, strict=True)
        rise, chance = theil_sen(times, errors) * seconds, normal_tail(mann_kendall(errors))
        return Reading(self.name, labels, max(0.0, rise), n, self.unit, p_value=chance, judged=judged, details=details)

    def _points(self, sight: Sight, release: str, seconds: float) -> list[tuple[float, float]]:
        """(time, error) of the parts of the window that have labels enough."""
        step = max(HOUR, seconds / POINTS // HOUR * HOUR)
        until = newest_mature(sight.labels, sight.now)
        found = []
        for number in reversed(range(int(seconds // step))):
            end = until - number * step
            counts = sight.labels.counts(release, end - step, end)
            if counts is not None and counts.labelled >= LEAST_LABELS and counts.labelled >= sight.labels.least_coverage * counts.rows:
                found.append((end, ece(counts.table).value - ece_by_chance(counts.table)))
        return found
