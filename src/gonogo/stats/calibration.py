"""Whether a score of 0.7 means 70 %: reliability bins and the expected calibration error.

ECE = sum (n_b/n)·|mean outcome - mean score| (Naeini et al. 2015). Even a perfect model has ECE > 0 on few rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gonogo.stats.bins import Array
from gonogo.stats.classification import checked_binary


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows of similar score: their number, mean score and share of positives."""

    n: int
    mean_score: float
    share: float


def reliability(y: Array, score: Array, bins: int = 10, *, equal_mass: bool = True) -> list[ReliabilityBin]:
    """Bins of equal mass (less bias) or of equal width over [0, 1]; empty ones are left out, equal scores never divided.

    Raises ValueError for no rows, one class, scores that are not finite or not within [0, 1].
    """
    y, score = checked_binary(y, score)
    index = _bin_of(score, bins, equal_mass=equal_mass)
    n = np.bincount(index, minlength=bins)
    sums = [np.bincount(index, weights=values, minlength=bins) for values in (score, y.astype(np.float64))]
    return [ReliabilityBin(int(n[b]), float(sums[0][b] / n[b]), float(sums[1][b] / n[b])) for b in range(len(n)) if n[b]]


def ece(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error of reliability bins, between 0 and 1. Raises ValueError without bins."""
    total = sum(b.n for b in bins)
    if total == 0:
        raise ValueError("there are no rows")
    return math.fsum(b.n * abs(b.share - b.mean_score) for b in bins) / total


def ece_interval(y: Array, score: Array, level: float = 0.95, *, bins: int = 10, resamples: int = 200) -> tuple[float, float]:
    """Percentile interval of the ECE over bins of equal mass, the bins staying where they are while rows are resampled (seeded).

    Resampling adds noise to every bin, so the interval lies rather too high than too low. Raises ValueError as `reliability` does.
    """
    y, score = checked_binary(y, score)
    index = _bin_of(score, bins, equal_mass=True)
    miss = score - y
    generator = np.random.default_rng(0)
    values = np.empty(resamples)
    for position in range(resamples):
        drawn = generator.integers(0, len(y), size=len(y))
        values[position] = np.abs(np.bincount(index[drawn], weights=miss[drawn])).sum() / len(y)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _bin_of(score: Array, bins: int, *, equal_mass: bool) -> Array:
    if score.min() < 0 or score.max() > 1:
        raise ValueError("a score is not between 0 and 1")
    if bins < 1:
        raise ValueError(f"{bins} bins are too few")
    if equal_mass:
        edges = np.unique(np.quantile(score, np.arange(1, bins) / bins, method="inverted_cdf"))
        return np.searchsorted(edges, score, side="left")
    return np.minimum((score * bins).astype(np.int64), bins - 1)
