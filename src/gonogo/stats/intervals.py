"""How sure: intervals for shares, and by resampling for anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from gonogo.stats.bins import Array


class Estimate(NamedTuple):
    """A figure with its interval and the rows that it rests on. Of nothing (n 0) the value is NaN and the interval everything."""

    value: float
    low: float
    high: float
    n: int


def z_of(level: float) -> float:
    """The two-sided normal quantile of a confidence level: 1.96 for 0.95. Raises ValueError unless 0 < level < 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"{level} is no confidence level")
    return NormalDist().inv_cdf((1.0 + level) / 2.0)


def normal_tail(z: float) -> float:
    """P(Z > z) of a standard normal Z, also far out."""
    return math.erfc(z / math.sqrt(2.0)) / 2.0


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


def share(k: int, n: int, level: float = 0.95) -> Estimate:
    """k of n with Wilson's interval; of nothing NaN between 0 and 1."""
    return Estimate(k / n, *wilson(k, n, level), n) if n else Estimate(math.nan, 0.0, 1.0, 0)


def f1_interval(hits: float, misses: float, false_alarms: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of F1 = 2·hits / (2·hits + misses + false alarms).

    F1 = 2J / (1 + J), where J = hits / (hits + misses + false alarms) is a plain share, so the ends of Wilson's interval of J are carried
    over (the "indirect" interval of Lam et al. 2024); honest at 0 and 1, where resampling would claim certainty. Raises ValueError when
    all three are 0.
    """
    low, high = wilson(hits, hits + misses + false_alarms, level)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def mean_interval(values: Array, level: float = 0.95) -> tuple[float, float]:
    """Normal interval of the mean of rows. Raises ValueError for fewer than two rows."""
    if len(values) < 2:
        raise ValueError("a mean of fewer than two rows has no interval")
    middle, half = float(np.mean(values)), z_of(level) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return middle - half, middle + half


def paired_gain(only_one: int, only_other: int, n: int, level: float = 0.95) -> tuple[float, float, float]:
    """(difference, low, high) of two shares over the same n rows: `only_one` rows are hit by the first alone, `only_other` by the second.

    Interval of Agresti & Min 2005: Wald's after half a row is added to each of the four cells. Raises ValueError for impossible counts.
    """
    if min(only_one, only_other) < 0 or only_one + only_other > n or n == 0:
        raise ValueError(f"{only_one} and {only_other} of {n} rows cannot be")
    b, c, rows = only_one + 0.5, only_other + 0.5, n + 2
    half = z_of(level) * math.sqrt(b + c - (b - c) ** 2 / rows) / rows
    gain, middle = (only_one - only_other) / n, (b - c) / rows
    return gain, min(gain, max(-1.0, middle - half)), max(gain, min(1.0, middle + half))


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
