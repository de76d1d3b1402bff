"""By how much the share of one bin of each feature rose above the baseline's: of missing values, of categories never seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gonogo.monitor.signal import Reading, Sight, Signal
from gonogo.stats.intervals import normal_tail, wilson

MISSING, OTHER = -1, -2  #: places of the bins, counted from the end


def rises(signal: Signal, sight: Sight, place: int, kinds: frozenset[str]) -> list[Reading]:
    """One reading for every feature whose bins are of one of the kinds. The chance without cause: two shares, one-sided, normal."""
    readings = []
    for release in sight.window.in_service:
        baseline = sight.baselines.get(release)
        if baseline is None:
            readings.append(Reading(signal.name, {"release": release}, None, 0, signal.unit))
            continue
        live = sight.window.of(release).features
        for feature, document in baseline["features"].items():
            if document["bins"]["kind"] in kinds:
                readings.append(_rise(signal, {"release": release, "feature": feature}, document, live.get(feature, ()), place))
    return readings


def _rise(signal: Signal, labels: Mapping[str, str], document: Mapping[str, Any], counts: tuple[int, ...], place: int) -> Reading:
    reference = document["counts"]
    n, m = sum(counts), sum(reference)
    if n == 0 or m == 0 or len(counts) != len(reference):
        return Reading(signal.name, labels, None, 0, signal.unit)
    k, before = counts[place], reference[place] / m
    low, high = wilson(k, n)
    pooled = (k + reference[place]) / (n + m)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    surprise = (k / n - before) / spread if spread else 0.0
    return Reading(
        signal.name, labels, max(0.0, k / n - before), n, signal.unit, low - before, high - before,
        p_value=normal_tail(surprise), details={"share": k / n, "baseline": before},
    )  # fmt: skip
