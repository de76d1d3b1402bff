"""How sure: intervals for shares, by resampling for anything, and how many samples a claim would need."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from gonogo.stats.bins import Array


def z_of(level: float) -> float:
    """The two-sided normal quantile of a confidence level: 1.96 for 0.95. Raises ValueError unless 0 < level < 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"{level} is no confidence level")
    return NormalDist().inv_cdf((1.0 + level) / 2.0)


def wilson(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a share of k in n (Wilson 1927). Never leaves [0, 1], never empty; honest at k = 0 and k = n.

    Raises ValueError unless 0 <= k <= n and n > 0.
    """
    if not (0 <= k <= n and 0 < n < math.inf):
        raise ValueError(f"{k} of {n} is no share")
    z = z_of(level)
    share, weight = k / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    return (0.0 if k == 0 else max(0.0, middle - half)), (1.0 if k == n else min(1.0, middle + half))


def bootstrap(
    statistic: Callable[..., float], samples: Sequence[Array], *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of a statistic of rows (Efron 1979): `samples` are arrays over the same rows, resampled together.

    Resamples in which the statistic does not exist (ValueError, NaN: for example one class only) are left out; when more than 5 % are,
    there is no interval and ValueError is raised. The same seed gives the same interval.
    """
    z_of(level)
    rows = len(samples[0])
    if rows == 0 or any(len(sample) != rows for sample in samples):
        raise ValueError("no rows, or columns of other lengths, cannot be resampled")
    generator = np.random.default_rng(seed)
    values: list[float] = []
    for _ in range(resamples):
        drawn = generator.integers(0, rows, size=rows)
        try:
            value = float(statistic(*(sample[drawn] for sample in samples)))
        except ValueError:
            continue
        if math.isfinite(value):
            values.append(value)
    if len(values) < 0.95 * resamples:
        raise ValueError(f"the statistic exists in only {len(values)} of {resamples} resamples: too few rows")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def required_n_share(share: float, half_width: float, level: float = 0.95) -> int:
    """Rows needed for a Wilson interval of a share with this half width: by doubling and halving, so exact for the interval we use."""
    _check_half_width(half_width)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"{share} is no share")

    def wide(n: int) -> bool:
        low, high = wilson(share * n, n, level)
        return high - low > 2 * half_width

    high = 1
    while wide(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high


def required_n_auc(auc: float, half_width: float, positives: float, level: float = 0.95) -> int:
    """Rows needed for an AUC interval with this half width, when `positives` is the share of positives (Hanley & McNeil 1982).

    Raises ValueError unless 0.5 <= auc < 1 and 0 < positives < 1.
    """
    _check_half_width(half_width)
    if not (0.5 <= auc < 1.0 and 0.0 < positives < 1.0):
        raise ValueError(f"no sample size for an AUC of {auc} with a share of positives of {positives}")
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    z = z_of(level)

    def half(n: float) -> float:
        m, k = n * positives, n * (1 - positives)
        return z * math.sqrt(max(0.0, auc * (1 - auc) + (m - 1) * (q1 - auc**2) + (k - 1) * (q2 - auc**2)) / (m * k))

    n = 2.0 / min(positives, 1 - positives)
    while half(n) > half_width:
        n *= 1.05
    return math.ceil(n)


def n_to_clear(n: int, estimate: float, bound: float, threshold: float) -> int | None:
    """About how many rows it would take until `bound` (of an interval from n rows) clears `threshold`, if the estimate stays.

    A half width shrinks with 1/sqrt(n). None when the estimate itself does not clear it, so that no number of rows would help.
    """
    room, half = abs(estimate - threshold), abs(estimate - bound)
    if room == 0 or (estimate - threshold) * (estimate - bound) < 0 or not math.isfinite(room + half):
        return None
    return max(n, math.ceil(n * (half / room) ** 2))


def _check_half_width(half_width: float) -> None:
    if not 0.0 < half_width < 1.0:
        raise ValueError(f"{half_width} is no half width")
