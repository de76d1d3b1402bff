"""The eleven features of a bar, all free of scale and all causal: what a bar says is known when it closes, and never changes later.

| feature | what it is | range |
|---|---|---|
| `open_place` | where the bar opened between its low (0) and its high (1) | 0 to 1 |
| `close_place` | where it closed | 0 to 1 |
| `body` | close less open, as a share of the bar's range | -1 to 1 |
| `upper_wick` | from the body up to the high, as a share of the range | 0 to 1 |
| `lower_wick` | from the body down to the low | 0 to 1 |
| `range_size` | the bar's range over the exponential mean of the ranges, 20 bars | 0 to 3 |
| `below_high` | close less the last swing high, in average true ranges of 10 bars | -3 to 3 |
| `above_low` | close less the last swing low | -3 to 3 |
| `since_high` | bars since that high was made, in units of 35 | 0 to 3 |
| `since_low` | bars since that low was made | 0 to 3 |
| `thrust` | range_size × direction of the leg × body: does the bar go with the leg? | -2 to 2 |

A swing is over when the price has gone back by 1.2 average true ranges. Until the first swing of each kind is over, and for the first 15
bars, there are no features (NaN): a window begins later.
"""

from __future__ import annotations

import numpy as np

from bars import Bars

FEATURES = (
    "open_place", "close_place", "body", "upper_wick", "lower_wick", "range_size", "below_high", "above_low", "since_high", "since_low",
    "thrust",
)  # fmt: skip
BOUNDS = {
    "open_place": (0, 1), "close_place": (0, 1), "body": (-1, 1), "upper_wick": (0, 1), "lower_wick": (0, 1), "range_size": (0, 3),
    "below_high": (-3, 3), "above_low": (-3, 3), "since_high": (0, 3), "since_low": (0, 3), "thrust": (-2, 2),
}  # fmt: skip
WINDOW = 105
WARM_UP = 15
TURN = 1.2  #: average true ranges by which the price goes back before a swing is over
Array = np.ndarray


def features(bars: Bars) -> Array:
    """The features of every bar, float32 [bars, 11]; NaN where there are none yet."""
    span = bars.high - bars.low
    size = np.where(span > 0, span, 1.0)
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    body = (bars.close - bars.open) / size
    relative = span / np.maximum(running_mean(span, 20), 1e-12)
    high_at, low_at, leg = swings(bars, average_true_range(bars, 10))
    unit = np.maximum(average_true_range(bars, 10), 1e-12)
    place = np.arange(len(bars))
    known = (high_at >= 0) & (low_at >= 0) & (place >= WARM_UP)
    columns = (
        (bars.open - bars.low) / size,
        (bars.close - bars.low) / size,
        body,
        (bars.high - top) / size,
        (bottom - bars.low) / size,
        relative,
        (bars.close - bars.high[high_at]) / unit,
        (bars.close - bars.low[low_at]) / unit,
        (place - high_at) / 35,
        (place - low_at) / 35,
        relative * leg * body,
    )
    found = np.stack([np.clip(column, *BOUNDS[name]) for name, column in zip(FEATURES, columns, strict=True)], axis=1)
    found[~known] = np.nan
    return found.astype(np.float32)


def running_mean(values: Array, bars: int) -> Array:
    """The exponential mean of so many bars, from the first value on."""
    found = np.empty(len(values))
    held = values[0]
    for place, value in enumerate(values):
        held += (value - held) * 2 / (bars + 1)
        found[place] = held
    return found


def true_range(bars: Bars) -> Array:
    """How far the price went in each bar, the gap from the close before included."""
    before = np.concatenate([bars.open[:1], bars.close[:-1]])
    return np.maximum(bars.high, before) - np.minimum(bars.low, before)


def average_true_range(bars: Bars, over: int) -> Array:
    return running_mean(true_range(bars), over)


def swings(bars: Bars, unit: Array) -> tuple[Array, Array, Array]:
    """For every bar: where the last finished swing high and low were made (-1: none yet), and the leg's direction (1 up, -1 down)."""
    high_at, low_at, leg = (np.full(len(bars), value) for value in (-1, -1, 0))
    last_high = last_low = -1
    highest = lowest = direction = 0
    for place in range(len(bars)):
        highest = place if bars.high[place] >= bars.high[highest] else highest
        lowest = place if bars.low[place] <= bars.low[lowest] else lowest
        turn = TURN * unit[place]
        if direction >= 0 and bars.high[highest] - bars.close[place] > turn and place > highest:
            last_high, direction, lowest = highest, -1, place
        elif direction <= 0 and bars.close[place] - bars.low[lowest] > turn and place > lowest:
            last_low, direction, highest = lowest, 1, place
        high_at[place], low_at[place], leg[place] = last_high, last_low, direction
    return high_at, low_at, leg
