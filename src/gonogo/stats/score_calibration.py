"""Whether a score of 0.7 means 70 %, from a table of scores and outcomes: how far off (ECE), and how sure (Hosmer and Lemeshow).

ECE = sum (n_b/n)·|mean outcome - mean score| over bins of equal width. On few rows even a perfect model errs: with 200 labels its ECE is
over 0.05 in 88 % of the windows. So an alarm needs two keys, the ECE over its limit and a small p-value; what a perfect model would show
is told beside it. A bin is made of whole 1024ths, so its edges lie up to 1/2048 beside tenths; counts and sums are exact.

Sources: Naeini et al. 2015; Hosmer & Lemeshow 1980; Gupta et al. 2006.12800 (KS); Kumar, Liang & Ma 2019 (debiased).
"""

from __future__ import annotations

import math

import numpy as np

from gonogo.stats.bins import Array
from gonogo.stats.calibration import ReliabilityBin
from gonogo.stats.drift import chi2_survival
from gonogo.stats.intervals import Estimate, z_of
from gonogo.stats.score_table import BINS, MIDDLES, ONE, ScoreTable

EXPECTED = 1.0  #: variance of positives that a bin of the test must have; smaller neighbours are put together


def reliability(table: ScoreTable, bins: int = 10) -> list[ReliabilityBin]:
    """Rows, mean score and share of outcome 1 in bins of equal width, empty ones left out. Raises ValueError for no rows."""
    n, scores, outcomes, _ = _by_bin(table, bins)
    return [ReliabilityBin(int(n[b]), float(scores[b] / n[b]), float(outcomes[b] / n[b])) for b in np.flatnonzero(n)]


def ece(table: ScoreTable, bins: int = 10, level: float = 0.95) -> Estimate:
    """Expected calibration error, as it is defined, with an interval for the error on endless rows of the same bins.

    Noise makes every |difference| larger than it truly is. The lower end is therefore that of the error less its bias, the differences
    being normal, and 0 as long as a perfect model could show them (`calibration_p_value`); the upper end is that of the error as it is.
    Coverage measured at 95 %: 92 to 98 % from 50 rows on. Raises ValueError for no rows.
    """
    n, scores, outcomes, _ = _by_bin(table, bins)
    used = n > 0
    rows, gap = float(n.sum()), (outcomes - scores)[used]
    spread = np.sqrt((outcomes * (1 - outcomes / np.maximum(n, 1)))[used] + 0.25 / n[used])  # a bin of one class is not certain
    folded = _folded_mean(gap, spread)
    value, bias = float(np.abs(gap).sum()) / rows, float((folded - np.abs(gap)).sum()) / rows
    half = z_of(level) * math.sqrt(float(np.maximum(gap**2 + spread**2 - folded**2, 0.0).sum())) / rows
    seen = calibration_p_value(table, bins) < (1 - level) / 2
    return Estimate(value, max(0.0, value - bias - half) if seen else 0.0, min(1.0, value + half), int(rows))


def ece_by_chance(table: ScoreTable, bins: int = 10) -> float:
    """The ECE that a perfectly calibrated model would show on average on as many rows with these scores."""
    n, _, _, variance = _by_bin(table, bins)
    return float(np.sqrt(2 / math.pi * variance).sum() / n.sum())


def calibration_p_value(table: ScoreTable, bins: int = 10) -> float:
    """The chance of differences as large as these when every score is the probability that it claims to be (the second key).

    X = sum (sum of y - p)² / (sum of p(1-p)) over the bins; chi-square with a degree of freedom a bin, for nothing was fitted. Neighbours
    are put together until a bin's variance is at least 1: below it the law of a sum of few rare outcomes is far from normal.
    """
    _, scores, outcomes, variance = _by_bin(table, bins)
    statistic, degrees, gap, weight = 0.0, 0, 0.0, 0.0
    rest = float(variance.sum())
    for own_gap, own_weight in zip((outcomes - scores).tolist(), variance.tolist(), strict=True):
        gap, weight, rest = gap + own_gap, weight + own_weight, rest - own_weight
        if weight >= EXPECTED and (rest >= EXPECTED or rest <= 0.0):
            statistic, degrees, gap, weight = statistic + gap**2 / weight, degrees + 1, 0.0, 0.0
    if weight > 0.0:
        statistic, degrees = statistic + gap**2 / weight, degrees + 1
    return chi2_survival(statistic, degrees)


def brier(table: ScoreTable, level: float = 0.95) -> Estimate:
    """Mean squared distance of score and outcome, right within 2.4e-7 (the spread of scores within a bin), with its normal interval."""
    n = table.rows
    if not n:
        raise ValueError("there are no rows")
    mean = table.sums / ONE / np.maximum(table.counts, 1)
    loss = np.stack((mean[:, 0] ** 2, (1 - mean[:, 1]) ** 2), axis=1)
    value = float((table.counts * loss).sum()) / n
    if n < 2:
        return Estimate(value, 0.0, 1.0, n)
    half = z_of(level) * math.sqrt(float((table.counts * (loss - value) ** 2).sum()) / (n - 1) / n)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), n)


def _by_bin(table: ScoreTable, bins: int) -> tuple[Array, Array, Array, Array]:
    """float64 [bins] each: rows, sum of scores, sum of outcomes, variance of the sum of outcomes when the scores are right.

    For the variance a score is taken to be at least half a bin away from 0 and 1: one outcome against a score of exactly 0 would
    otherwise be proof, and no table can tell 0 from a little more.
    """
    if not table.rows:
        raise ValueError("there are no rows")
    if not 1 <= bins <= BINS:
        raise ValueError(f"{bins} bins are too few or too many")
    index = (MIDDLES * bins).astype(np.int64)
    n, total = table.histogram.astype(np.float64), table.sums.sum(axis=1) / ONE
    mean = np.clip(total / np.maximum(n, 1), MIDDLES[0], MIDDLES[-1])
    columns = (n, total, table.counts[:, 1].astype(np.float64), n * mean * (1 - mean))
    rows, scores, outcomes, variance = (np.bincount(index, weights=values, minlength=bins) for values in columns)
    return rows, scores, outcomes, variance


def _folded_mean(mean: Array, spread: Array) -> Array:
    """Mean of |N(mean, spread²)| (Leone, Nelson & Nottingham 1961)."""
    ratio = mean / spread
    erf = np.array([math.erf(value / math.sqrt(2)) for value in ratio.tolist()])
    return np.asarray(spread * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2) + mean * erf)
