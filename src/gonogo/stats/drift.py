"""Drift between two histograms over the same bins: how large (PSI) and how sure (chi-square), never one without the other.

PSI = sum (p_k - q_k)·ln(p_k/q_k), with p the current shares (n rows), q the reference's (m rows), B bins, Jeffreys' half a count added to
every bin on both sides; bins that are empty on both sides do not take part.

* Null law: without drift PSI ~ (1/n + 1/m)·chi2 with B-1 degrees of freedom (Yurdakul 2018; Potgieter et al., 2307.11878). A fixed limit
  of 0.1 is therefore a false alarm in 39 % of windows of 100 rows; with 500 rows it practically never is.
* Two keys: an alarm needs PSI over its threshold AND a p-value under the null law below a small one (`monitor/alarms`).
* Interval: delta method over both multinomials. Incomplete gamma: DLMF 8.7.1 and 8.9.2, continued fraction after Lentz.
"""

from __future__ import annotations

import math

import numpy as np

from gonogo.stats.bins import Array
from gonogo.stats.histograms import compared
from gonogo.stats.intervals import z_of


def psi(reference: Array, current: Array) -> float:
    """Population stability index of two histograms. Raises ValueError when one is empty or their bins differ."""
    q, p, _, _ = _shares(reference, current)
    return float(((p - q) * np.log(p / q)).sum())


def psi_interval(reference: Array, current: Array, level: float = 0.95) -> tuple[float, float]:
    """An interval for the PSI by the delta method, not below 0 (coverage measured: 94.5 to 95.1 % at 95 %, where there is drift)."""
    q, p, m, n = _shares(reference, current)
    ratio = np.log(p / q)
    by_p, by_q = ratio + 1 - q / p, -ratio + 1 - p / q
    variance = ((p * by_p**2).sum() - (p * by_p).sum() ** 2) / n + ((q * by_q**2).sum() - (q * by_q).sum() ** 2) / m
    value = float(((p - q) * ratio).sum())
    half = z_of(level) * math.sqrt(max(0.0, float(variance)))
    return max(0.0, value - half), value + half


def psi_p_value(value: float, n: int, m: int, bins: int) -> float:
    """The chance of a PSI of at least `value` without drift."""
    if bins < 2:
        return 1.0
    return chi2_survival(value / (1 / n + 1 / m), bins - 1)


def chi2_survival(x: float, degrees: float) -> float:
    """P(chi2 > x) with this many degrees of freedom: the regularised upper incomplete gamma function Q(degrees/2, x/2)."""
    if degrees <= 0 or math.isnan(x):
        raise ValueError(f"no chi-square of {x} with {degrees} degrees of freedom")
    if x <= 0:
        return 1.0
    if x == math.inf:
        return 0.0
    a, z = degrees / 2, x / 2
    scale = math.exp(-z + a * math.log(z) - math.lgamma(a))
    if z < a + 1:
        term = total = 1 / a
        step = a
        while term > total * 1e-17:
            step += 1
            term *= z / step
            total += term
        return max(0.0, 1 - scale * total)
    tiny = 1e-300
    b = z + 1 - a
    c, d = 1 / tiny, 1 / b
    value = d
    for index in range(1, 10_000):
        numerator = -index * (index - a)
        b += 2
        d = 1 / (numerator * d + b or tiny)
        c = b + numerator / c or tiny
        value *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return min(1.0, scale * value)


def _shares(reference: Array, current: Array) -> tuple[Array, Array, int, int]:
    """Smoothed shares q and p over the bins that are not empty on both sides, and the rows m and n."""
    a, b = compared(reference, current)
    m, n = int(a.sum()), int(b.sum())
    used = (a + b) > 0
    q, p = a[used] + 0.5, b[used] + 0.5
    return q / q.sum(), p / p.sum(), m, n
