"""Whether a score of 0.7 means 70 %: reliability bins, expected calibration error, and what chance alone would show.

ECE = sum (n_b/n)·|mean outcome - mean score| (Naeini et al. 2015). Even a perfect model has ECE > 0 on few rows: its expectation is
(1/n)·sum_b sqrt(2/pi·sum p(1-p)). So here too two keys: size, and the test of Hosmer & Lemeshow (1980) in the form
X = sum_b (sum (y-p))² / sum p(1-p) ~ chi2 with B degrees of freedom, for scores that were not fitted on these rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gonogo.stats.bins import Array
from gonogo.stats.classification import checked_binary
from gonogo.stats.drift import chi2_survival


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows of similar score: their number, mean score, share of positives, and sum of p(1-p)."""

    n: int
    mean_score: float
    share: float
    variance: float


def reliability(y: Array, score: Array, bins: int = 10, *, equal_mass: bool = True) -> list[ReliabilityBin]:
    """Bins of equal mass (less bias) or of equal width over [0, 1]; empty ones are left out, equal scores never divided.

    Raises ValueError for no rows, one class, scores that are not finite or not within [0, 1].
    """
    y, score = checked_binary(y, score)
    if score.min() < 0 or score.max() > 1:
        raise ValueError("a score is not between 0 and 1")
    if bins < 1:
        raise ValueError(f"{bins} bins are too few")
    if equal_mass:
        edges = np.unique(np.quantile(score, np.arange(1, bins) / bins, method="inverted_cdf"))
        index = np.searchsorted(edges, score, side="left")
    else:
        index = np.minimum((score * bins).astype(np.int64), bins - 1)
    n = np.bincount(index, minlength=bins)
    sums = [np.bincount(index, weights=values, minlength=bins) for values in (score, y.astype(np.float64), score * (1 - score))]
    return [ReliabilityBin(int(n[b]), float(sums[0][b] / n[b]), float(sums[1][b] / n[b]), float(sums[2][b])) for b in range(len(n)) if n[b]]


def ece(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error of reliability bins, between 0 and 1. Raises ValueError without bins."""
    total = _total(bins)
    return math.fsum(b.n * abs(b.share - b.mean_score) for b in bins) / total


def ece_by_chance(bins: Sequence[ReliabilityBin]) -> float:
    """The ECE that a perfectly calibrated model would show on as many rows, on average."""
    return math.fsum(math.sqrt(2 / math.pi * b.variance) for b in bins) / _total(bins)


def calibration_p_value(bins: Sequence[ReliabilityBin]) -> float:
    """The chance of deviations this large in a perfectly calibrated model (Hosmer & Lemeshow)."""
    _total(bins)
    x = 0.0
    for b in bins:
        deviation = (b.n * (b.share - b.mean_score)) ** 2
        if b.variance > 0:
            x += deviation / b.variance
        elif deviation > 1e-12:  # certain and wrong
            return 0.0
    return chi2_survival(x, len(bins))


def _total(bins: Sequence[ReliabilityBin]) -> int:
    total = sum(b.n for b in bins)
    if total == 0:
        raise ValueError("there are no rows")
    return total
