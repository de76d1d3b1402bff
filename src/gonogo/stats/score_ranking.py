"""How well scores put rows in order, from a table of scores and outcomes: the areas under the ROC and the precision-recall curve.

Rows of one bin count as ties. Against exact areas of 200 000 rows that is less than 1e-5 of the ROC curve's and 4e-4 of the other's.
"""

from __future__ import annotations

import numpy as np

from gonogo.stats.classification import area_interval
from gonogo.stats.intervals import Estimate
from gonogo.stats.score_table import ScoreTable


def roc_auc(table: ScoreTable, level: float = 0.95) -> Estimate:
    """Area under the ROC curve with DeLong's interval on the logit scale (`gonogo.stats.classification.roc_auc_delong`).

    The placements that DeLong's variance is made of are the same for all rows of a bin and class, so it needs no row. `n` is the number
    of rows. Raises ValueError when there is only one class.
    """
    negative, positive = table.counts[:, 0], table.counts[:, 1]
    m, n = _classes(table)
    below = (np.cumsum(negative) - negative / 2) / n  # share of the negatives below a positive of this bin
    above = 1 - (np.cumsum(positive) - positive / 2) / m  # share of the positives above a negative of this bin
    auc = float((positive * below).sum() / m)
    if min(m, n) < 2:
        return Estimate(auc, 0.0, 1.0, m + n)
    by_positive = float((positive * (below - auc) ** 2).sum()) / (m - 1)
    by_negative = float((negative * (above - auc) ** 2).sum()) / (n - 1)
    return Estimate(auc, *area_interval(auc, by_positive / m + by_negative / n, min(m, n), level), m + n)


def pr_auc(table: ScoreTable, level: float = 0.95) -> Estimate:
    """Average precision with the interval of Boyd, Eng & Page 2013, as many trials as positives. Raises ValueError for only one class."""
    positives, _ = _classes(table)
    found = np.cumsum(table.counts[::-1, 1])
    asked = np.cumsum(table.histogram[::-1])
    area = float((np.diff(found, prepend=0) * found / np.maximum(asked, 1)).sum() / positives)
    return Estimate(area, *area_interval(area, area * (1 - area) / positives, positives, level), table.rows)


def _classes(table: ScoreTable) -> tuple[int, int]:
    positives = table.positives
    negatives = table.rows - positives
    if not positives or not negatives:
        raise ValueError("there is only one class among the labels")
    return positives, negatives
