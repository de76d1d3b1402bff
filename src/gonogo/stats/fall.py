"""By how much a figure fell between two sets of rows that have nothing to do with each other, with its interval and its chance.

Each figure brings its own interval. The interval of the difference is made of them: the distance from a figure to the end of its interval
that faces the other one is its error on that side ("MOVER": Newcombe 1998 for shares, Zou & Donner 2008 for any figure). It is honest where
figures are near 0 or 1, and needs no formula of its own for each of AUC, precision and F1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gonogo.stats.intervals import Estimate, normal_tail, z_of


class Fall(NamedTuple):
    """`value` is before less now; negative for a rise. `p_value` is the chance of such a fall when nothing fell."""

    value: float
    low: float
    high: float
    p_value: float


def fall(before: Estimate, now: Estimate, level: float = 0.95) -> Fall:
    """`level` is that of the two intervals, and of the one that comes out. Raises ValueError when a figure is of nothing (n 0, NaN)."""
    if not (before.n and now.n and math.isfinite(before.value) and math.isfinite(now.value)):
        raise ValueError("a figure of nothing has not fallen")
    value = before.value - now.value
    towards = math.hypot(before.value - before.low, now.high - now.value)
    away = math.hypot(before.high - before.value, now.value - now.low)
    p_value = normal_tail(value * z_of(level) / towards) if towards > 0 else 0.0 if value > 0 else 1.0
    return Fall(value, value - towards, value + away, p_value)
