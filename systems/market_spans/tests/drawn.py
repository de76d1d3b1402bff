"""Bars by hand."""

from __future__ import annotations

import numpy as np

from bars import Bars


def drawn(*prices: tuple[float, float, float, float]) -> Bars:
    """Bars by hand: open, high, low, close of each."""
    values = np.array(prices, dtype=float).T
    days = np.datetime64("2001-01-01") + np.arange(len(prices))
    return Bars("drawn", days, *values)


def path(levels: list[float], height: float = 0.5) -> Bars:
    """A bar around each level, from the level before it."""
    before = [levels[0], *levels[:-1]]
    return drawn(*((a, max(a, b) + height, min(a, b) - height, b) for a, b in zip(before, levels, strict=True)))
