"""By how much a share of a feature's rows rose above the baseline's: of missing values, of unknown categories, of values out of range."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from gonogo.monitor.counts import Counts
from gonogo.monitor.signal import Reading, Sight, Signal, part_of
from gonogo.stats.intervals import normal_tail, wilson

MISSING, OTHER = -1, -2  #: places of the bins, counted from the end

#: of a feature's part of the baseline, the release's counts and the feature's name: (rows live, rows in the baseline); None when it is
#: not a feature of that kind
Rows = Callable[[Mapping[str, Any], Counts, str], tuple[int, int] | None]


def rises(signal: Signal, sight: Sight, rows: Rows) -> list[Reading]:
    """One reading for every feature for which `rows` gives some. The chance without cause: two shares, one-sided, normal."""
    readings = []
    for release in sight.window.in_service:
        baseline = sight.baselines.get(release)
        if baseline is None:
            readings.append(Reading(signal.name, {"release": release}, None, 0, signal.unit))
            continue
        live = sight.window.of(release)
        for feature, document in baseline["features"].items():
            n, m = sum(live.features.get(feature, ())), sum(document["counts"])
            comparable = n and m and len(live.features[feature]) == len(document["counts"])
            found = rows(document, live if comparable else _none(feature, len(document["counts"])), feature)
            if found is not None:
                labels, of = {"release": release, "feature": feature}, part_of(document)
                none = Reading(signal.name, labels, None, 0, signal.unit, details=of)
                readings.append(_rise(signal, labels, *found, n, m, of) if comparable else none)
    return readings


def in_bin(place: int, kinds: frozenset[str]) -> Rows:
    """The rows of one bin, of the features whose bins are of one of the kinds."""

    def rows(document: Mapping[str, Any], live: Counts, feature: str) -> tuple[int, int] | None:
        if document["bins"]["kind"] not in kinds:
            return None
        return live.features[feature][place], document["counts"][place]

    return rows


def _none(feature: str, bins: int) -> Counts:
    return Counts(features={feature: (0,) * bins})


def _rise(signal: Signal, labels: Mapping[str, str], k: int, k_before: int, n: int, m: int, of: Mapping[str, str]) -> Reading:
    before, pooled = k_before / m, (k + k_before) / (n + m)
    low, high = wilson(k, n)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    surprise = (k / n - before) / spread if spread else 0.0
    return Reading(
        signal.name, labels, max(0.0, k / n - before), n, signal.unit, low - before, high - before,
        p_value=normal_tail(surprise), details={"share": k / n, "baseline": before, **of},
    )  # fmt: skip
