"""Between which order statistics a quantile lies, whatever the distribution: exact, from the binomial."""

from __future__ import annotations

import math


def quantile_ranks(n: int, p: float, level: float = 0.95) -> tuple[int, int]:
    """Ranks (low, high), from 1, of an interval for the p-quantile in n ordered values: it covers with probability `level` at least.

    The number of values that are not above the true quantile is binomial (n, p), whatever they were drawn from (David & Nagaraja, Order
    Statistics, 7.1). low is 0, or high is n + 1, where n values cannot bound it on that side. Raises ValueError for impossible numbers.
    """
    if n < 0 or not 0.0 <= p <= 1.0 or not 0.0 < level < 1.0:
        raise ValueError(f"{n} values have no {p}-quantile at level {level}")
    if n == 0 or p in (0.0, 1.0):
        return 0, n + 1
    spread = math.sqrt(n * p * (1.0 - p))
    count = max(0, math.floor(n * p - 12.0 * spread - 12.0))  # what lies below weighs less than 1e-30
    mass = math.exp(
        math.lgamma(n + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1) + count * math.log(p) + (n - count) * math.log1p(-p)
    )
    tail, low, total = (1.0 - level) / 2.0, 0, 0.0
    while count <= n:
        total += mass  # P(at most `count` values are not above it)
        if total <= tail:
            low = count + 1
        if total >= 1.0 - tail:
            return low, count + 1
        mass *= (n - count) / (count + 1) * p / (1.0 - p)
        count += 1
    return low, n + 1
