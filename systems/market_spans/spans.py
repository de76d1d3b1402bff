"""What a window shows: the rule that labels it.

Two things are looked for in the bars of a window after its first 15:

* A **consolidation** (label 0) is a rest: a run of bars that lie on top of each other. From its highest high to its lowest low is no more
  than a few of its own mean true ranges. The span is the longest such run.
* A **retracement** (label 1) is a way back: after a leg of some size the price goes back by a good part of it, and not by all. Legs are
  those between turns of a size, and sizes are counted in average true ranges at that place. The span is the way back of the largest leg.

A window has a label when it shows one of the two clearly and of the other not even a hint: LIMITS says what is clear, and what is a hint.
All others are left without a label, as a person who grades by hand leaves what is not clear. The rule looks at prices of the window alone,
never at the features, and never at a bar after the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bars import Bars
from features import WARM_UP, average_true_range, true_range

CONSOLIDATION, RETRACEMENT = 0, 1
TURN = 2.5  #: average true ranges by which the price goes back before a leg is over
BACK = (0.382, 0.786)  #: shares of the leg by which a retracement goes back
Array = np.ndarray


@dataclass(frozen=True)
class Limits:
    """`run`: bars of the shortest consolidation; `width`: its mean true ranges from high to low, at most; `leg`: average true ranges of the
    shortest leg that can be retraced."""

    run: int
    width: float
    leg: float


CLEAR, HINT = Limits(run=24, width=3.2, leg=8.0), Limits(run=24, width=4.0, leg=5.0)


@dataclass(frozen=True)
class Span:
    """What a window shows, and where: first and last bar, both included, 0 to 104."""

    label: int
    start: int
    end: int


def span_of(window: Bars) -> Span | None:
    """The span of a window, or None when it shows nothing clearly, or hints at the other."""
    back = retracement(window, CLEAR)
    if back is not None:
        return back if consolidation(window, HINT) is None else None
    return consolidation(window, CLEAR) if retracement(window, HINT) is None else None


def consolidation(window: Bars, limits: Limits) -> Span | None:
    """The longest run of bars that lie on top of each other, or None."""
    ranges = true_range(window)
    best = (0, 0)
    for start in range(WARM_UP, len(window) - limits.run + 1):
        width = np.maximum.accumulate(window.high[start:]) - np.minimum.accumulate(window.low[start:])
        mean = np.cumsum(ranges[start:]) / np.arange(1, len(width) + 1)
        close = np.flatnonzero(width <= limits.width * mean)
        best = max(best, (int(close[-1]) + 1 if len(close) else 0, start))
    bars, start = best
    return Span(CONSOLIDATION, start, start + bars - 1) if bars >= limits.run else None


def retracement(window: Bars, limits: Limits) -> Span | None:
    """The way back of the largest leg that has one, or None."""
    unit = average_true_range(window, 10)
    turns = turning_points(window, TURN * unit)
    found: list[tuple[float, int, int]] = []
    for (_, a), (b_at, b), (c_at, c) in zip(turns, turns[1:], turns[2:], strict=False):
        leg, back = abs(b - a), abs(c - b)
        if leg >= limits.leg * unit[b_at] and BACK[0] * leg <= back <= BACK[1] * leg and b_at >= WARM_UP:
            found.append((leg / unit[b_at], b_at, c_at))
    if not found:
        return None
    _, start, end = max(found)
    return Span(RETRACEMENT, start, end)


def turning_points(window: Bars, size: Array) -> list[tuple[int, float]]:
    """Highs and lows by turns, each further than the `size` of a bar from the next: (bar, price). The last is where the leg came to."""
    turns: list[tuple[int, float]] = []
    high_at = low_at = direction = 0
    for place in range(len(window)):
        high_at = place if window.high[place] >= window.high[high_at] else high_at
        low_at = place if window.low[place] <= window.low[low_at] else low_at
        if direction >= 0 and window.high[high_at] - window.low[place] > size[place] and high_at < place:
            turns.append((high_at, float(window.high[high_at])))
            direction, low_at = -1, place
        elif direction <= 0 and window.high[place] - window.low[low_at] > size[place] and low_at < place:
            turns.append((low_at, float(window.low[low_at])))
            direction, high_at = 1, place
    if direction:
        last = (high_at, float(window.high[high_at])) if direction > 0 else (low_at, float(window.low[low_at]))
        turns.append(last)
    return turns
