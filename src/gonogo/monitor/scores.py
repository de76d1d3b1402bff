"""Mean and variance of live scores and of the baseline's, from counters alone, with their standard errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gonogo.monitor.counts import Counts
from gonogo.release.baseline import reference_scores
from gonogo.stats.bins import Array
from gonogo.stats.score_table import BINS, ONE, fourth_moment


@dataclass(frozen=True)
class Scores:
    """Of n rows: `mean`, `variance`, and the variances of these two as estimates."""

    n: int
    mean: float
    variance: float
    error_of_mean: float  #: squared
    error_of_variance: float  #: squared


def live_scores(counts: Counts) -> Scores | None:
    """From the exact sums; None without rows, and where a score was no number."""
    n = sum(counts.fine)
    if n == 0 or counts.fine[-1]:
        return None
    mean = counts.score_sum / ONE / n
    return _scores(np.asarray(counts.fine[:BINS]), n, mean, max(0.0, counts.score_squares / ONE / n - mean**2))


def baseline_scores(baseline: Mapping[str, Any] | None) -> Scores | None:
    """Of the held-out table that was sealed with the release; None where the baseline has no table of scores."""
    table = None if baseline is None else reference_scores(baseline)
    return None if table is None or not table.rows else _scores(table.histogram, table.rows, table.mean, table.variance)


def unmeasurable(baseline: Mapping[str, Any] | None) -> bool:
    """Whether a baseline that is known has no table of scores (of the format before, or scores that are no probabilities): what is compared
    with it will never have a value for this release, so no alarm waits for one. A baseline that is not known is another thing."""
    return baseline is not None and reference_scores(baseline) is None


def _scores(histogram: Array, n: int, mean: float, variance: float) -> Scores:
    return Scores(n, mean, variance, variance / n, max(0.0, fourth_moment(histogram, mean) - variance**2) / n)
