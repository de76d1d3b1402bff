"""How often something happens, from how often it happened."""

from __future__ import annotations

from gonogo.stats.drift import chi2_survival


def poisson_interval(k: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of the mean of a Poisson law of which k events were seen (Garwood 1936): chi-square quantiles of 2k and 2k + 2
    degrees, halved. Honest at 0: then the upper end is 3.69 at 95 %. Raises ValueError unless k >= 0 and 0 < level < 1."""
    if k < 0 or not 0.0 < level < 1.0:
        raise ValueError(f"{k} events at a level of {level} have no interval")
    tail = (1.0 - level) / 2.0
    return (_quantile(1.0 - tail, 2 * k) / 2.0 if k else 0.0), _quantile(tail, 2 * k + 2) / 2.0


def _quantile(survival: float, degrees: int) -> float:
    """The x that a chi-square exceeds with this chance."""
    low, high = 0.0, float(degrees)
    while chi2_survival(high, degrees) > survival:
        low, high = high, 2.0 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        low, high = (middle, high) if chi2_survival(middle, degrees) > survival else (low, middle)
    return (low + high) / 2.0
