"""How good the labels are that a threshold makes of scores, from a table of scores and outcomes.

A score that reaches the threshold says 1. The table knows a score by its bin, so the threshold is taken down to the lower edge of its bin:
thresholds at whole 1024ths, 0.5 among them, are exact; others take in rows that lie less than 1/1024 below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gonogo.stats.intervals import Estimate, f1_interval, share
from gonogo.stats.score_table import ScoreTable, score_bin


@dataclass(frozen=True)
class Decisions:
    """The four counts at one threshold. Figures of nothing (precision without a row that was said to be 1) are NaN between 0 and 1."""

    hits: int
    false_alarms: int
    misses: int
    rejections: int

    @property
    def rows(self) -> int:
        return self.hits + self.false_alarms + self.misses + self.rejections

    def precision(self, level: float = 0.95) -> Estimate:
        """Share of true ones among those said to be 1; Wilson's interval, as of all shares here."""
        return share(self.hits, self.hits + self.false_alarms, level)

    def recall(self, level: float = 0.95) -> Estimate:
        """Share of those that are 1 which were found."""
        return share(self.hits, self.hits + self.misses, level)

    def accuracy(self, level: float = 0.95) -> Estimate:
        """Share of rows told right."""
        return share(self.hits + self.rejections, self.rows, level)

    def f1(self, level: float = 0.95) -> Estimate:
        """2·hits / (2·hits + misses + false alarms), `n` being the three together."""
        n = self.hits + self.misses + self.false_alarms
        if n == 0:
            return Estimate(math.nan, 0.0, 1.0, 0)
        low, high = f1_interval(self.hits, self.misses, self.false_alarms, level)
        return Estimate(2 * self.hits / (n + self.hits), low, high, n)


def decisions(table: ScoreTable, threshold: float) -> Decisions:
    """The four counts. Raises ValueError unless the threshold lies between 0 and 1."""
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"{threshold} is no threshold of scores between 0 and 1")
    first = int(score_bin(threshold))
    false_alarms, hits = (int(count) for count in table.counts[first:].sum(axis=0))
    rejections, misses = (int(count) for count in table.counts[:first].sum(axis=0))
    return Decisions(hits, false_alarms, misses, rejections)
