"""The share of predictions that ought to have a label by now and have none."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.labels import asked, mature
from gonogo.monitor.signal import Reading, Sight, share


class LabelCoverage:
    """Of the mature cohorts of the last day. Judged when labels are declared to come, or some have come: then it is how labels that stop
    coming are seen. Without mature predictions there is no value, which is judged as well: nobody knows whether labels come."""

    name: ClassVar[str] = "label_coverage"
    unit: ClassVar[str] = "share without a label"
    window_seconds: ClassVar[float] = 86_400.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [self._of(sight, release) for release in sight.window.in_service]

    def _of(self, sight: Sight, release: str) -> Reading:
        found = mature(sight.labels, release, sight.now, asked(self, sight))
        labels = {"release": release}
        if not sight.labels.expected or found.counts is None or not found.counts.rows:
            details = {**found.details, "why": "no prediction is kept that is old enough for a label"}
            return Reading(self.name, labels, None, 0, self.unit, judged=sight.labels.expected, details=details)
        return share(self, labels, found.counts.rows - found.counts.labelled, found.counts.rows, found.details)
