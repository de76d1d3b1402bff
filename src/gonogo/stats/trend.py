"""Does a series rise? Mann and Kendall's test says how sure, Theil and Sen's slope how fast; neither minds outliers.

The test alone, asked every hour at 5 %, calls 5 to 19 % of quiet series rising (neighbours resemble each other). Ask for both keys: z over
2.33, and a slope that matters over the length of the series.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gonogo.stats.bins import Array

MOST = 2000  #: values in a series: their pairs are held in memory


def mann_kendall(values: Any) -> float:
    """z of Mann & Kendall's test of a trend, positive for a rise, with the correction for ties (Mann 1945; Kendall 1975).

    0 when all values are equal. Under no trend about standard normal from 10 values on. Raises ValueError for fewer than 3 values, for
    more than 2000, and for one that is not finite.
    """
    series = _series(values)
    n = len(series)
    score = float(np.sign(_differences(series)).sum())
    ties = np.unique(series, return_counts=True)[1].astype(np.float64)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    return 0.0 if score == 0 else (score - math.copysign(1.0, score)) / math.sqrt(variance)


def theil_sen(times: Any, values: Any) -> float:
    """Median slope of all pairs, in units of the values for each unit of the times (Theil 1950; Sen 1968).

    Raises ValueError as `mann_kendall` does, for other lengths, and when all times are equal.
    """
    series, moments = _series(values), _series(times)
    if len(series) != len(moments):
        raise ValueError(f"{len(moments)} times and {len(series)} values")
    apart = _differences(moments)
    used = apart != 0
    if not used.any():
        raise ValueError("values of one moment have no slope")
    return float(np.median(_differences(series)[used] / apart[used]))


def _series(values: Any) -> Array:
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not 3 <= len(series) <= MOST:
        raise ValueError(f"a trend needs 3 to {MOST} values in a row")
    if not np.isfinite(series).all():
        raise ValueError("a value of the series is not finite")
    return series


def _differences(series: Array) -> Array:
    """Later less earlier value of every pair."""
    earlier, later = np.triu_indices(len(series), k=1)
    return np.asarray(series[later] - series[earlier])
