"""Share of the rows with an extreme score: below 0.05 or above 0.95, beside the share that the release had on held-out data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gonogo.monitor.counts import Counts
from gonogo.monitor.signal import Reading, Sight, share
from gonogo.release.baseline import reference_scores
from gonogo.service.drift import HIGH, LOW
from gonogo.stats.intervals import normal_tail
from gonogo.stats.score_table import BINS

MORE = 0.05  #: so much more than on held-out data is still the same


class ExtremeShare:
    """With the chance of it when the release gives as many as on held-out data, or a share of `MORE` above: where events are rare, most
    scores are extreme and right. Without a sealed table of scores there is no such chance, and the share alone is judged. Details tell both
    ends apart."""

    name: ClassVar[str] = "extreme_share"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 3600.0

    def compute(self, sight: Sight) -> list[Reading]:
        return [self._of(release, sight.window.of(release), sight.baselines.get(release)) for release in sight.window.in_service]

    def _of(self, release: str, live: Counts, baseline: Mapping[str, Any] | None) -> Reading:
        k, n = live.low + live.high, sum(live.fine)
        details = {"below 0.05": live.low, "above 0.95": live.high}
        table = None if baseline is None else reference_scores(baseline)
        found = share(self, {"release": release}, k, n, details)
        if table is None or not table.rows or n == 0:
            return found
        edges = np.arange(BINS + 1) / BINS
        before = float(table.histogram[(edges[:-1] < LOW) | (edges[1:] > HIGH)].sum() / table.rows)
        usual = min(1.0, before + MORE)
        spread = math.sqrt(usual * (1 - usual) * (1 / n + 1 / table.rows))
        p_value = normal_tail((k / n - usual) / spread) if spread else 1.0
        return Reading(**{**vars(found), "p_value": p_value, "details": {**details, "baseline": before}})
