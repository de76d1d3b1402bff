"""How far apart two histograms over the same ordered bins are (Kolmogorov and Smirnov), and the chance of that without drift.

The largest difference of cumulated shares. Bins can only hide a difference, never make one: the distance is at most that of the values
themselves, so the p-value is too large rather than too small. With 1024 bins of scores little is hidden.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gonogo.stats.histograms import compared


def ks(reference: Any, current: Any) -> tuple[float, float]:
    """(distance, p-value) of two histograms int64 [bins], in the order of the values and without missing ones.

    The p-value is that of Kolmogorov's limit for many rows. Raises ValueError when one is empty, when
    their bins differ, and for a count below zero.
    """
    a, b = compared(reference, current)
    m, n = int(a.sum()), int(b.sum())
    distance = float(np.abs(np.cumsum(a) / m - np.cumsum(b) / n).max())
    return distance, kolmogorov_survival(distance * math.sqrt(m / (m + n) * n))


def kolmogorov_survival(x: float) -> float:
    """P(K > x) of Kolmogorov's distribution (1933): the alternating series, and below 1 its theta transform, which converges there."""
    if x <= 0.0:
        return 1.0
    if x < 1.0:
        step = math.pi**2 / (8 * x**2)
        return max(0.0, 1.0 - math.sqrt(2 * math.pi) / x * math.fsum(math.exp(-((2 * k - 1) ** 2) * step) for k in range(1, 6)))
    return min(1.0, 2 * math.fsum((-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 8)))
