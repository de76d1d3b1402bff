"""Quality without labels: what a model's figures are expected to be when a score still means what it meant on the labelled reference.

The reference's table says how often each score came true; made monotone (pool-adjacent-violators), that is the chance c(s) of outcome 1.
A live histogram of scores then has the expected table: n·c rows with outcome 1 and n·(1-c) with 0 in each bin. AUC and figures of
decisions follow from it.

It sees a change of the inputs. It is blind to a change of what the inputs mean (concept shift), by construction: the gap between this
expectation and the figures of mature labels is what shows that. Method: NannyML's CBPE (M-CBPE, 2401.08348); pooling: Ayer et al. 1955.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gonogo.stats.bins import Array
from gonogo.stats.classification import area_interval
from gonogo.stats.intervals import Estimate, z_of
from gonogo.stats.score_table import BINS, MIDDLES, ScoreTable, score_bin


@dataclass(frozen=True)
class Expected:
    """Figures that are expected of `n` scores, at one threshold. NaN where there is nothing to take a share of, or only one class."""

    n: int
    roc_auc: float
    precision: float
    recall: float
    accuracy: float
    positives: float  #: share of rows with outcome 1


def calibration_map(table: ScoreTable) -> Array:
    """The chance of outcome 1 by bin, float64 [1024], never falling: isotonic regression of the reference's outcomes.

    Bins without rows lie on the line between their neighbours, and beyond the outermost ones the chance stays. Raises ValueError for no
    rows.
    """
    n = table.histogram
    used = np.flatnonzero(n)
    if not len(used):
        raise ValueError("there are no rows")
    blocks: list[tuple[float, float, int]] = []  # outcomes, rows, bins that are pooled
    for outcomes, rows in zip(table.counts[used, 1].tolist(), n[used].tolist(), strict=True):
        block = (float(outcomes), float(rows), 1)
        while blocks and blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]:
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    chances = np.repeat([outcomes / rows for outcomes, rows, _ in blocks], [size for _, _, size in blocks])
    return np.asarray(np.interp(MIDDLES, MIDDLES[used], chances))


def expected(chance: Array, histogram: Any, threshold: float) -> Expected:
    """Figures of a histogram of scores (rows by bin, [1024], without the missing ones) under `calibration_map`'s chances.

    The threshold is taken down to the lower edge of its bin, as `gonogo.stats.score_decisions` does. Raises ValueError for other bins.
    """
    rows = _rows(chance, histogram)
    positive, negative = rows * chance, rows * (1 - chance)
    first = int(score_bin(threshold))
    hits, false_alarms = float(positive[first:].sum()), float(negative[first:].sum())
    p, q, n = float(positive.sum()), float(negative.sum()), float(rows.sum())
    below = np.cumsum(negative) - negative / 2
    return Expected(
        n=int(n),
        roc_auc=_share(float((positive * below).sum()), p * q),
        precision=_share(hits, hits + false_alarms),
        recall=_share(hits, p),
        accuracy=_share(hits + q - false_alarms, n),
        positives=_share(p, n),
    )


def expected_auc(chance: Array, histogram: Any, level: float = 0.95) -> Estimate:
    """The ROC-AUC that is expected of a histogram of scores, and how far other rows of the same kind would move it; `n` rows.

    The interval is that of the histogram alone: the chances are taken for true. Each row's influence on
    A = N/(P·Q), N = sum of c(s)·(1-c(t)) over s above t, is ((c·Q_below + (1-c)·P_above) - A·(c·Q + (1-c)·P))/(P·Q), by the delta method.
    Raises ValueError for other bins, and for a histogram without rows or with one class only.
    """
    rows = _rows(chance, histogram)
    n = float(rows.sum())
    share = rows / n if n else rows
    positive, negative = share * chance, share * (1 - chance)
    p, q = float(positive.sum()), float(negative.sum())
    if not p * q:
        raise ValueError("rows of only one class are expected")
    below = np.cumsum(negative) - negative / 2
    above = p - np.cumsum(positive) + positive / 2
    area = float((positive * below).sum()) / (p * q)
    influence = (chance * below + (1 - chance) * above - area * (chance * q + (1 - chance) * p)) / (p * q)
    variance = float((share * influence**2).sum()) / n
    return Estimate(area, *area_interval(area, variance, max(1, int(n * min(p, q))), level), int(n))


def expected_accuracy(chance: Array, histogram: Any, level: float = 0.95) -> Estimate:
    """The share of outcome 1 that is expected of a histogram of scores: of more than two classes the accuracy, for there the score is the
    highest one and the outcome whether it was right. The interval is that of the histogram alone, normal, within 0 and 1. Raises ValueError
    for other bins, and for a histogram without rows."""
    rows = _rows(chance, histogram)
    n = float(rows.sum())
    if not n:
        raise ValueError("there are no rows")
    mean = float((rows * chance).sum()) / n
    half = z_of(level) * math.sqrt(float((rows * (chance - mean) ** 2).sum()) / n / n)
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), int(n))


def _rows(chance: Array, histogram: Any) -> Array:
    rows = np.asarray(histogram, dtype=np.float64)
    if rows.shape != (BINS,) or chance.shape != (BINS,) or (rows < 0).any():
        raise ValueError(f"no histogram over {BINS} bins of scores")
    return rows


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
