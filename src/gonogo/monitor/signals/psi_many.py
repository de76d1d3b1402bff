"""How many features drifted at once: those whose PSI is above a level, and surely so.

A tensor is one feature, however many of its summaries moved: an image that became darker is no drift of six features. It counts by its
worst summary, which must be surer by as many as there are to choose from (Bonferroni).
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from gonogo.monitor.signal import Reading, Sight
from gonogo.monitor.signals.psi import SCORE, Psi

LEVELS = (0.1, 0.15, 0.25)
JUDGED = 0.15  #: the level that a rule means which names none
SURE = 1e-3  #: the chance without drift that each of them must be below


class PsiMany:
    """A reading for each level, labelled with it (`level`: "0.15"). `n` is the number of rows, which is that of the feature with the
    fewest. A feature that cannot be compared leaves all of it without a value."""

    name: ClassVar[str] = "psi_many"
    unit: ClassVar[str] = "features"
    window_seconds: ClassVar[float] = 900.0

    def compute(self, sight: Sight) -> list[Reading]:
        features = [reading for reading in Psi().compute(sight) if reading.labels["feature"] != SCORE]
        readings = []
        for release in sight.window.in_service:
            mine = [reading for reading in features if reading.labels["release"] == release]
            n = min((reading.n for reading in mine), default=0)
            for level in LEVELS:
                labels, judged = {"release": release, "level": f"{level:g}"}, level == JUDGED
                if not n:
                    readings.append(Reading(self.name, labels, None, 0, self.unit, judged=judged))
                    continue
                parts = Counter(_whole(reading) for reading in mine)
                above = list(dict.fromkeys(_whole(one) for one in mine if _drifted(one, level, parts[_whole(one)])))
                details = {"features": above, "of": len(parts)}
                readings.append(Reading(self.name, labels, float(len(above)), n, self.unit, judged=judged, details=details))
        return readings


def _whole(reading: Reading) -> str:
    """The feature that was measured: the tensor of a summary."""
    return str(reading.details.get("tensor", reading.labels["feature"]))


def _drifted(reading: Reading, level: float, parts: int) -> bool:
    return reading.value is not None and reading.value > level and reading.p_value is not None and reading.p_value * parts < SURE
