"""Drift of every feature and of the score: PSI of live counts against the baseline sealed in the release, in the baseline's own bins.

The counts are sums over the window and over all processes, so there is one PSI of everything; PSIs are never averaged. With it goes the
chance of such a PSI without drift (`gonogo.stats.drift`): a rule needs both keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gonogo.monitor.signal import Reading, Sight, part_of
from gonogo.monitor.windows import Window
from gonogo.stats.drift import psi, psi_interval, psi_p_value

SCORE = "(score)"  #: the label under which the score stands among the features
NOTHING: Mapping[str, Any] = {}


class Psi:
    """One reading a feature, and one of the score."""

    name: ClassVar[str] = "psi"
    unit: ClassVar[str] = "PSI"
    window_seconds: ClassVar[float] = 900.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [reading for release in sight.window.in_service for reading in self._of(sight.window, release, sight.baselines.get(release))]

    def _of(self, window: Window, release: str, baseline: Mapping[str, Any] | None) -> list[Reading]:
        counts = window.of(release)
        if baseline is None:
            return [self._nothing(release, SCORE)]
        named = {str(name): document for name, document in baseline["features"].items()} | {SCORE: baseline["score"]}
        live = {**counts.features, SCORE: counts.score}
        return [self._one(release, name, document, live.get(name, ())) for name, document in named.items()]

    def _one(self, release: str, feature: str, document: Mapping[str, Any], current: tuple[int, ...]) -> Reading:
        reference = document["counts"]
        n, m = sum(current), sum(reference)
        if n == 0 or m == 0 or len(current) != len(reference):
            return self._nothing(release, feature, part_of(document))
        before, now = np.asarray(reference, dtype=np.int64), np.asarray(current, dtype=np.int64)
        value, (low, high) = psi(before, now), psi_interval(before, now)
        bins = int(((before + now) > 0).sum())
        labels, details = {"release": release, "feature": feature}, {"reference": m, **part_of(document)}
        return Reading(self.name, labels, value, n, self.unit, low, high, p_value=psi_p_value(value, n, m, bins), details=details)

    def _nothing(self, release: str, feature: str, details: Mapping[str, Any] = NOTHING) -> Reading:
        return Reading(self.name, {"release": release, "feature": feature}, None, 0, self.unit, details=details)
