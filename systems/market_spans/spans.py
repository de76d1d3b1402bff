"""What a window shows: the rule that labels it.

Two things are looked for in the bars of a window after its first 15:

* A **consolidation** (label 0) is a rest: a run of bars whose highest high and lowest low lie close together, measured by the window's mean
  true range. The span is the longest such run.
* A **retracement** (label 1) is a way back: after a leg of some size the price goes back by a good part of it, and not by all. Legs are
  those between turns of a size. The span is the way back, from the turn to its end, of the largest leg.

A window that shows exactly one of the two has its label and its span, first and last bar included, each 0 to 104. A window that shows
neither, or both, is left without a label, as a person who grades by hand leaves what is not clear. The rule looks at prices of the window
alone, never at the features, and never at a bar after the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bars import Bars
from features import WARM_UP, true_range

CONSOLIDATION, RETRACEMENT = 0, 1
RUN = 16  #: bars of the shortest consolidation
WIDTH = 3.0  #: mean true ranges between the highest high and the lowest low of a consolidation, at most
TURN = 2.5  #: mean true ranges by which the price goes back before a leg is over
LEG = 6.0  #: mean true ranges of the shortest leg that can be retraced
BACK = (0.382, 0.786)  #: shares of the leg by which a retracement goes back
Array = np.ndarray


@dataclass(frozen=True)
class Span:
    """What a window shows, and where: first and last bar, both included."""

    label: int
    start: int
    end: int


def span_of(window: Bars) -> Span | None:
    """The span of a window, or None when it shows none or both."""
    rest, back = consolidation(window), retracement(window)
    if (rest is None) == (back is None):
        return None
    return rest or back


def consolidation(window: Bars) -> Span | None:
    """The longest run of bars within WIDTH mean true ranges, or None when it has fewer than RUN."""
    limit = WIDTH * float(true_range(window).mean())
    best = (0, 0)
    for start in range(WARM_UP, len(window) - RUN + 1):
        width = np.maximum.accumulate(window.high[start:]) - np.minimum.accumulate(window.low[start:])
        best = max(best, (int(np.searchsorted(width, limit, side="right")), start))
    bars, start = best
    return Span(CONSOLIDATION, start, start + bars - 1) if bars >= RUN else None


def retracement(window: Bars) -> Span | None:
    """The way back of the largest leg that has one, or None."""
    unit = float(true_range(window).mean())
    turns = turning_points(window, TURN * unit)
    found: list[tuple[float, int, int]] = []
    for (_, a), (b_at, b), (c_at, c) in zip(turns, turns[1:], turns[2:], strict=False):
        leg, back = abs(b - a), abs(c - b)
        if leg >= LEG * unit and BACK[0] * leg <= back <= BACK[1] * leg and b_at >= WARM_UP:
            found.append((leg, b_at, c_at))
    if not found:
        return None
    _, start, end = max(found)
    return Span(RETRACEMENT, start, end)


def turning_points(window: Bars, size: float) -> list[tuple[int, float]]:
    """Highs and lows by turns, each more than `size` from the next, as (bar, price); the last one is where the last leg has come to."""
    turns: list[tuple[int, float]] = []
    high_at = low_at = direction = 0
    for place in range(len(window)):
        high_at = place if window.high[place] >= window.high[high_at] else high_at
        low_at = place if window.low[place] <= window.low[low_at] else low_at
        if direction >= 0 and window.high[high_at] - window.low[place] > size and high_at < place:
            turns.append((high_at, float(window.high[high_at])))
            direction, low_at = -1, place
        elif direction <= 0 and window.high[place] - window.low[low_at] > size and low_at < place:
            turns.append((low_at, float(window.low[low_at])))
            direction, high_at = 1, place
    if direction:
        last = (high_at, float(window.high[high_at])) if direction > 0 else (low_at, float(window.low[low_at]))
        turns.append(last)
    return turns
